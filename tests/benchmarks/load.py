"""Many clients at once, in a process of their own: `python -m tests.benchmarks.load`.

Reads a JSON object from its standard input (`ports`, which clients are spread over, `seconds`,
`clients`: one list of `[path, cookies]` each, asked for round and round) and writes the seconds
that each answer took.
"""

import asyncio
import itertools
import json
import sys
import time
from typing import Any


async def _client(port: int, asked: list[tuple[str, str]], until: float) -> list[float]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**22)
    requests = [
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {cookies}\r\n\r\n".encode()
        for path, cookies in asked
    ]
    taken = []
    turn = 0
    while time.perf_counter() < until:
        started = time.perf_counter()
        writer.write(requests[turn % len(requests)])
        head = await reader.readuntil(b"\r\n\r\n")
        status, _, fields = head.partition(b"\r\n")
        if b" 200 " not in status:
            raise RuntimeError(head.decode())
        length = next(
            int(line.split(b":")[1])
            for line in fields.lower().split(b"\r\n")
            if line.startswith(b"content-length")
        )
        await reader.readexactly(length)
        taken.append(time.perf_counter() - started)
        turn += 1
    writer.close()
    return taken


async def _all(order: dict[str, Any]) -> list[float]:
    until = time.perf_counter() + order["seconds"]
    ports = itertools.cycle(order["ports"])
    clients = [_client(next(ports), asked, until) for asked in order["clients"]]
    return [seconds for taken in await asyncio.gather(*clients) for seconds in taken]


if __name__ == "__main__":
    json.dump(asyncio.run(_all(json.load(sys.stdin))), sys.stdout)
