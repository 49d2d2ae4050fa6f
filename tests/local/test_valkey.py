"""The embedded Valkey: real servers in temporary folders."""

from pathlib import Path

import psutil
import pytest
import redis

from config.local.parts import PartFailedError
from config.local.valkey import ValkeyServer, free_port, port_is_free, temporary_valkey


def test_it_wants_its_password_and_listens_on_loopback_alone() -> None:
    with temporary_valkey() as server:
        assert server.is_ready()
        stranger = ValkeyServer(server.home, port=server.port, password="guess")
        assert not stranger.is_ready()
        process = psutil.Process(server.pid)
        listening = {c.laddr.ip for c in process.net_connections() if c.status == "LISTEN"}
        assert listening == {"127.0.0.1"}
        assert server.password not in " ".join(process.cmdline())
        assert (server.home / "valkey.conf").stat().st_mode & 0o777 == 0o600
    assert port_is_free(server.port)
    assert not server.home.exists()


def test_what_is_queued_survives_a_stop_and_a_start(tmp_path: Path) -> None:
    # A folder and a password that the configuration must quote.
    server = ValkeyServer(tmp_path / 'a "b" c', port=free_port(), password='quote " and \\')
    server.start()
    try:
        with redis.Redis.from_url(server.url) as client:
            client.lpush("queue", "wake-up")
        server.stop()
        server.stop()
        assert not server.is_ready()
        server.start()
        with redis.Redis.from_url(server.url) as client:
            assert client.lrange("queue", 0, -1) == [b"wake-up"]
    finally:
        server.stop()


def test_what_was_queued_more_than_a_second_ago_survives_a_crash(tmp_path: Path) -> None:
    server = ValkeyServer(tmp_path, port=free_port(), password="p")
    server.start()
    try:
        with redis.Redis.from_url(server.url) as client:
            client.config_set("appendfsync", "always")
            client.lpush("queue", "wake-up")
        server.kill()
        server.start()
        with redis.Redis.from_url(server.url) as client:
            assert client.llen("queue") == 1
    finally:
        server.stop()


def test_a_taken_port_is_an_error_with_the_servers_own_words(tmp_path: Path) -> None:
    with temporary_valkey() as holder:
        assert not port_is_free(holder.port)
        server = ValkeyServer(tmp_path, port=holder.port, password="p")
        with pytest.raises(PartFailedError, match=r"(?s)valkey ended .*in use"):
            server.start()
