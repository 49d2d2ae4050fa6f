"""Tell a run what to do from another process: by loopback, with a token that its state file has.

One line of JSON asks; lines of JSON answer, the last of which has `done` or `error`.
"""

import asyncio
import json
import secrets
import socket
from collections.abc import Awaitable, Callable
from typing import Any

from config.local.install import RefusedError
from config.local.parts import PartFailedError
from config.local.production_like.edge import Edge
from config.local.production_like.machine import Machine, State
from config.local.production_like.rolling import rolling_restart
from config.local.supervisor import Supervisor

_LONGEST_LINE = 64 * 1024
_PATIENCE_SECONDS = 900


class Control:
    """Listens, and does one thing at a time."""

    def __init__(self, machine: Machine, supervisor: Supervisor, edge: Edge) -> None:
        self._machine = machine
        self._supervisor = supervisor
        self._edge = edge
        self._one_at_a_time = asyncio.Lock()

    async def listen(self) -> None:
        """Begin to listen; it ends with the event loop."""
        await asyncio.start_server(
            self._serve, "127.0.0.1", self._machine.ports.control, limit=_LONGEST_LINE
        )

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def tell(**answer: Any) -> None:
            writer.write(json.dumps(answer).encode() + b"\n")

        try:
            asked = json.loads(await reader.readline())
            if not secrets.compare_digest(str(asked["token"]), self._machine.secrets.control):
                tell(error="wrong token")
                return
            async with self._one_at_a_time:
                await self._do(asked["do"], asked.get("parts", []), tell)
        except KeyError as error:
            tell(error=f"there is no {error}")
        except (PartFailedError, ValueError, TypeError) as error:
            tell(error=str(error))
        finally:
            writer.close()

    async def _do(self, what: str, parts: list[str], tell: Callable[..., None]) -> None:
        each: dict[str, Callable[[str], Awaitable[None]]] = {
            "stop": self._supervisor.stop_part,
            "start": self._supervisor.start_part,
        }
        if what == "pids":
            tell(done=self._supervisor.pids())
        elif what == "rolling-restart":
            await rolling_restart(self._supervisor, self._edge, lambda line: tell(progress=line))
            tell(done=True)
        else:
            tell(progress=f"{what} {', '.join(parts)}")
            results = await asyncio.gather(
                *(each[what](name) for name in parts), return_exceptions=True
            )
            for result in results:
                if isinstance(result, BaseException):
                    raise result
            tell(done=True)


def ask(
    state: State,
    what: str,
    *parts: str,
    progress: Callable[[str], None] = lambda _line: None,
) -> Any:
    """Ask the run of `state` to do something, and return what it has to say in the end.

    `what` is `pids`, `rolling-restart`, or `stop` or `start` with the names of parts.

    Raises:
        RefusedError: nothing listens, or it could not be done.
    """
    try:
        with socket.create_connection(
            ("127.0.0.1", state.control_port), timeout=_PATIENCE_SECONDS
        ) as connection:
            question = {"token": state.control_token, "do": what, "parts": parts}
            connection.sendall(json.dumps(question).encode() + b"\n")
            with connection.makefile(encoding="utf-8") as answers:
                for line in answers:
                    answer = json.loads(line)
                    if "error" in answer:
                        raise RefusedError(f"It could not be done: {answer['error']}")
                    if "done" in answer:
                        return answer["done"]
                    progress(answer["progress"])
    except OSError as error:
        raise RefusedError("Nothing runs here. Start it: make prod-like") from error
    raise RefusedError("The run ended before it had done it.")
