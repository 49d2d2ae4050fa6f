"""Make the secrets of docker/compose.yaml: `python3 docker/make_secrets.py`.

Each is a file below var/compose/, where Git does not look. What is there already stays: the
database knows its passwords from its first start.
"""

import secrets
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "var" / "compose"
LOGINS = ("owner", "web", "ops", "worker", "backup")
DATABASE = "postgresql://easel_{login}:{password}@postgres:5432/easel"
TLS = "?sslmode=verify-full&sslrootcert=/run/certificates/authority.pem"
REDIS = "rediss://:{password}@valkey:6379/0?ssl_ca_certs=/run/certificates/authority.pem"


def main() -> int:
    """Write what is missing."""
    FOLDER.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in ("secret_key", "metrics_token", "oidc_client_secret", "password_postgres"):
        _secret(name)
    for login in LOGINS:
        password = _secret(f"password_{login}")
        _write(f"database_url_{login}", DATABASE.format(login=login, password=password) + TLS)
    password = _secret("password_valkey")
    _write("valkey.conf", f"requirepass {password}\n")
    _write("redis_url", REDIS.format(password=password))
    sys.stdout.write(f"The secrets are in {FOLDER}\n")
    return 0


def _secret(name: str) -> str:
    path = FOLDER / name
    if not path.exists():
        _write(name, secrets.token_hex(32))
    return path.read_text(encoding="ascii")


def _write(name: str, text: str) -> None:
    path = FOLDER / name
    path.write_text(text, encoding="ascii")
    # The users of the containers are others; the folder is closed to everybody else.
    path.chmod(0o444)


if __name__ == "__main__":
    sys.exit(main())
