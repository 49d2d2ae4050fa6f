"""Nginx in the place of the load balancer: TLS, two web processes, and one of them out of turn.

A process is taken out by a file that each request looks for. A reload would do it too, but it
closes idle connections of clients, and a POST sent on one at that moment would be lost; the
load balancer of production does not touch them either.
"""

import getpass
import os
from pathlib import Path

from config.local.debian import require_program
from config.local.parts import Part
from config.local.production_like.machine import WEB_PROCESSES, Machine
from config.local.valkey import port_is_free

# Below uvicorn's: whoever sends requests must be the first to give an idle connection up.
KEEP_ALIVE_SECONDS = 60
_PROXY = """
    proxy_http_version 1.1;
    proxy_set_header Host $http_host;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Forwarded-Proto https;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection $connection_of_upstream;
    proxy_buffering off;
    proxy_connect_timeout 5s;
    proxy_read_timeout 120s;
    # Of the methods that may be sent twice alone, which is what it does by itself.
    proxy_next_upstream error timeout;
    client_max_body_size 64m;
"""


class Edge:
    """The server's configuration under `folder`/nginx, and who is out of turn."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._home = machine.folder / "nginx"

    def part(self) -> Part:
        """Describe its process."""
        return Part(
            name="nginx",
            argv=(
                str(require_program("nginx", package="nginx-light")),
                *("-p", str(self._home), "-c", str(self._home / "nginx.conf"), "-e", "stderr"),
            ),
            environment={"PATH": "/usr/sbin:/usr/bin:/bin", "LC_ALL": "C"},
            prepare=self._prepare,
            is_ready=lambda: not port_is_free(self._machine.ports.edge),
        )

    def take_out(self, name: str) -> None:
        """Send no new request to a web process; what it has, it may finish."""
        self._mark(name).touch()

    def put_back(self, name: str) -> None:
        """Send it requests again."""
        self._mark(name).unlink(missing_ok=True)

    def _mark(self, name: str) -> Path:
        return self._home / f"{name}.out"

    def _prepare(self) -> None:
        self._home.mkdir(mode=0o700, exist_ok=True)
        for name in WEB_PROCESSES:
            self.put_back(name)
        (self._home / "nginx.conf").write_text(self._configuration(), encoding="utf-8")

    def _configuration(self) -> str:
        machine = self._machine
        first, second = WEB_PROCESSES
        # Root's server would become another user, who may not enter the folder.
        user = f"user {getpass.getuser()};" if os.geteuid() == 0 else ""
        temporary = "\n".join(
            f"    {kind}_temp_path {self._home}/{kind};"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        return f"""
{user}
daemon off;
worker_processes 1;
pid {self._home}/nginx.pid;
events {{ worker_connections 2048; }}
http {{
{temporary}
    log_format sent '$time_iso8601 $status $request_method $uri $upstream_addr '
                    '$upstream_status $request_time';
    access_log {self._home}/access.log sent;
    server_tokens off;
    keepalive_timeout 75s;
    keepalive_requests 100000;
    # Without an upgrade, nothing: connections to the web processes are kept.
    map $http_upgrade $connection_of_upstream {{ default upgrade; '' ''; }}
{_upstream("web", *machine.ports.web.values())}
{_upstream(_alone(first), machine.ports.web[first])}
{_upstream(_alone(second), machine.ports.web[second])}
{_upstream("admin", machine.ports.admin)}
    ssl_certificate {machine.certificate.chain};
    ssl_certificate_key {machine.certificate.key};
    ssl_protocols TLSv1.2 TLSv1.3;
{_PROXY}
    server {{
        listen 127.0.0.1:{machine.ports.edge} ssl;
        set $pool web;
        if (-f {self._mark(first)}) {{ set $pool {_alone(second)}; }}
        if (-f {self._mark(second)}) {{ set $pool {_alone(first)}; }}
        location = /metrics {{ return 404; }}
        location = /billing/stripe/webhook/ {{ proxy_pass http://admin; }}
        location / {{ proxy_pass http://$pool; }}
    }}
    server {{
        listen 127.0.0.1:{machine.ports.admin_edge} ssl;
        location = /metrics {{ return 404; }}
        location / {{ proxy_pass http://admin; }}
    }}
}}
"""


def _alone(name: str) -> str:
    return name.replace("-", "_")


def _upstream(name: str, *ports: int) -> str:
    servers = " ".join(f"server 127.0.0.1:{port};" for port in ports)
    return (
        f"    upstream {name} {{ {servers} keepalive 32; "
        f"keepalive_timeout {KEEP_ALIVE_SECONDS}s; }}"
    )
