"""Hold many sockets of live events and note what comes: a child process of `progress`.

Reads a line of places, [{"user", "cookies"}]; prints "open" when each has its snapshot; when its
input ends, prints all progress that came as [[user, job, step, monotonic seconds]].
"""

import asyncio
import json
import sys
import time

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin

# So many sign in at once: the rest wait here and not at the server.
AT_ONCE = 16

Note = tuple[str, str, int, float]


async def main(port: int) -> None:
    places = json.loads(sys.stdin.readline())
    gate = asyncio.Semaphore(AT_ONCE)
    sockets = await asyncio.gather(*(_open(port, each["cookies"], gate) for each in places))
    notes: list[Note] = []
    listening = [
        asyncio.create_task(_listen(socket, each["user"], notes))
        for socket, each in zip(sockets, places, strict=True)
    ]
    print("open", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    for task in listening:
        task.cancel()
    print(json.dumps(notes), flush=True)


async def _open(port: int, cookies: str, gate: asyncio.Semaphore) -> ClientConnection:
    async with gate:
        socket = await connect(
            f"ws://127.0.0.1:{port}/ws/v1/events",
            additional_headers={"Cookie": cookies},
            origin=Origin(f"http://127.0.0.1:{port}"),
            open_timeout=60,
        )
        snapshot = json.loads(await socket.recv())
        if snapshot["type"] != "snapshot":
            raise RuntimeError(f"a socket began with {snapshot['type']}")
        return socket


async def _listen(socket: ClientConnection, user: str, notes: list[Note]) -> None:
    try:
        async for message in socket:
            came = time.monotonic()
            event = json.loads(message)
            if "job_id" in event:
                notes.append((user, event["job_id"], event.get("step", 0), came))
    except ConnectionClosed:
        print("a socket was closed", file=sys.stderr)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
