"""Names and URLs of the embedded servers. Plain functions, cheap to import from settings."""

from urllib.parse import quote, urlencode

SUPERUSER = "postgres"
OWNER_ROLE = "easel_owner"
# Who signs in to the database: see config/database_roles.sql.
LOGINS = {
    "owner": OWNER_ROLE,
    "web": "easel_web",
    "ops": "easel_ops",
    "worker": "easel_worker",
    "backup": "easel_backup",
}
DATABASE = "easel"
# Part of the socket's file name only: the server never listens on TCP.
POSTGRES_PORT = 5432


def socket_url(*, socket_dir: str, role: str, password: str, database: str) -> str:
    """Return the URL of a database behind a Unix socket in `socket_dir`."""
    where = urlencode({"host": socket_dir, "port": POSTGRES_PORT})
    return f"postgresql://{quote(role, safe='')}:{quote(password, safe='')}@/{database}?{where}"


def loopback_url(*, port: int, password: str) -> str:
    """Return the URL of a Valkey (or Redis) on this machine's loopback."""
    return f"redis://:{quote(password, safe='')}@127.0.0.1:{port}/0"
