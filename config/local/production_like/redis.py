"""Redis as the distribution packages it, by TLS alone."""

import signal

from redis import Redis, RedisError

from config.local.debian import require_program
from config.local.parts import Part
from config.local.production_like.machine import Machine, private_file


def redis_url(machine: Machine) -> str:
    """Return the `rediss://` URL, whose certificate is checked against this run's authority."""
    return (
        f"rediss://:{machine.secrets.redis}@127.0.0.1:{machine.ports.redis}/0"
        f"?ssl_ca_certs={machine.certificate.authority}"
    )


def redis_part(machine: Machine) -> Part:
    """Describe the server; what it holds is gone with it, as ElastiCache may lose it too."""
    home = machine.folder / "redis"

    def prepare() -> None:
        home.mkdir(mode=0o700, exist_ok=True)
        lines = (
            "bind 127.0.0.1",
            "port 0",
            f"tls-port {machine.ports.redis}",
            f"tls-cert-file {machine.certificate.chain}",
            f"tls-key-file {machine.certificate.key}",
            f"tls-ca-cert-file {machine.certificate.authority}",
            "tls-auth-clients no",
            f"requirepass {machine.secrets.redis}",
            f"dir {home}",
            "daemonize no",
            "appendonly no",
            'save ""',
        )
        private_file(home / "redis.conf", "\n".join(lines) + "\n")

    def is_ready() -> bool:
        client = Redis.from_url(redis_url(machine), socket_timeout=2, socket_connect_timeout=2)
        try:
            return bool(client.ping())
        except RedisError:
            return False
        finally:
            client.close()

    return Part(
        name="redis",
        argv=(str(require_program("redis-server")), str(home / "redis.conf")),
        environment={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
        prepare=prepare,
        is_ready=is_ready,
        orphan_signal=signal.SIGTERM,
        stop_seconds=20,
    )
