"""A mail server on loopback that takes mails, refuses them, or hangs up in the middle."""

import socketserver
import threading
from email import message_from_bytes, policy
from email.message import EmailMessage
from types import TracebackType
from typing import Self, cast


class _Conversation(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        server = cast("_Server", self.server)
        self._say("220 ready")
        while line := self.rfile.readline():
            match line.split()[0].upper():
                case b"RCPT" if server.owner.refuses:
                    self._say("550 no such box")
                case b"DATA":
                    self._say("354 go on")
                    text = self._read_text()
                    if server.owner.hangs_up:
                        return
                    server.owner.mails.append(message_from_bytes(text, policy=policy.default))
                    self._say("250 taken")
                case b"QUIT":
                    self._say("221 bye")
                    return
                case _:
                    self._say("250 fine")

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())

    def _read_text(self) -> bytes:
        lines = []
        while (line := self.rfile.readline()) not in {b".\r\n", b""}:
            lines.append(line)
        return b"".join(lines)


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    owner: "MailServer"


class MailServer:
    """`mails` are those it has taken; `refuses` and `hangs_up` decide about the next ones."""

    def __init__(self, port: int = 0) -> None:
        self.mails: list[EmailMessage] = []
        self.refuses = False
        self.hangs_up = False
        self._server = _Server(("127.0.0.1", port), _Conversation)
        self._server.owner = self
        self.port = int(self._server.server_address[1])

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
