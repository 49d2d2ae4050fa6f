"""The addresses of this checkout's own servers, for settings that are given none.

Both functions only read `var/servers.json`, which `make up` writes before it starts anything;
they start nothing and create nothing. Before the first `make up` they raise `ServersNotSetUpError`.
"""

from config import env
from config.local.addresses import DATABASE, LOGINS, loopback_url, socket_url
from config.local.state import ServerState


class ServersNotSetUpError(RuntimeError):
    """This checkout has no servers yet: `make up` has never been run here."""

    def __init__(self) -> None:
        super().__init__(
            "Easel's own database and queue have not been set up in this checkout yet. "
            "Run “make up” first (or set EASEL_DATABASE_URL and EASEL_REDIS_URL)."
        )


def _state() -> ServerState:
    state = ServerState.load(env.VAR_DIR)
    if state is None:
        raise ServersNotSetUpError
    return state


def database_url(login: str) -> str:
    """Return the `postgresql://` URL of the embedded database for a login of `LOGINS`.

    Raises:
        KeyError: there is no such login.
        ServersNotSetUpError: there is no such database yet.
    """
    role = LOGINS[login]
    state = _state()
    if not state.socket_dir or role not in state.passwords:
        raise ServersNotSetUpError
    return socket_url(
        socket_dir=state.socket_dir,
        role=role,
        password=state.passwords[role],
        database=DATABASE,
    )


def redis_url() -> str:
    """Return the `redis://` URL of the embedded Valkey.

    Raises:
        ServersNotSetUpError: it has no port yet.
    """
    state = _state()
    if not state.valkey_port:
        raise ServersNotSetUpError
    return loopback_url(port=state.valkey_port, password=state.valkey_password)
