"""What a checkout remembers of its servers, and the addresses settings get from it."""

from functools import partial
from pathlib import Path

import pytest

from config import env
from config.local import endpoints
from config.local.state import ServerState


@pytest.fixture
def var_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(env, "VAR_DIR", tmp_path)
    return tmp_path


def test_before_the_first_start_the_error_says_what_to_do(var_dir: Path) -> None:
    for address in (partial(endpoints.database_url, "ops"), endpoints.redis_url):
        with pytest.raises(endpoints.ServersNotSetUpError, match=r"Run “make up” first"):
            address()
    assert list(var_dir.iterdir()) == []


def test_a_state_without_servers_is_no_address(var_dir: Path) -> None:
    ServerState().save(var_dir)
    for address in (partial(endpoints.database_url, "ops"), endpoints.redis_url):
        with pytest.raises(endpoints.ServersNotSetUpError):
            address()


def test_the_addresses_are_read_from_the_state(var_dir: Path) -> None:
    state = ServerState(
        socket_dir="/srv/a b/run",
        valkey_port=6400,
        valkey_password="p/w",
        passwords={"easel_owner": "s:e@c"},
    )
    state.save(var_dir)
    assert (var_dir / "servers.json").stat().st_mode & 0o777 == 0o600
    assert endpoints.redis_url() == "redis://:p%2Fw@127.0.0.1:6400/0"
    assert env.parse_database_url(endpoints.database_url("owner")) == {
        "ENGINE": "apps.core.postgresql",
        "NAME": "easel",
        "USER": "easel_owner",
        "PASSWORD": "s:e@c",
        "HOST": "/srv/a b/run",
        "PORT": "5432",
        "OPTIONS": {},
    }


def test_passwords_are_made_once_and_differ(var_dir: Path) -> None:
    state = ServerState()
    first = state.password_of("easel_owner")
    assert state.password_of("easel_owner") == first
    assert len({first, state.password_of("easel_web"), state.valkey_password}) == 3
    state.save(var_dir)
    assert ServerState.load(var_dir) == state


@pytest.mark.parametrize("text", ["", "{", "[]", '{"unknown": 1}'])
def test_a_torn_state_counts_as_none(text: str, var_dir: Path) -> None:
    (var_dir / "servers.json").write_text(text)
    assert ServerState.load(var_dir) is None
