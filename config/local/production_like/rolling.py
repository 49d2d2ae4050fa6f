"""Put new processes in the place of old ones while requests and jobs go on."""

import asyncio
from collections.abc import Callable

from config.local.production_like.edge import Edge
from config.local.production_like.machine import WEB_PROCESSES
from config.local.production_like.services import WORKERS
from config.local.supervisor import Supervisor

# Until every request that was on its way when the process was taken out has arrived there. What
# has arrived is finished before the process ends, however long it takes.
DRAIN_SECONDS = 2.0


async def rolling_restart(supervisor: Supervisor, edge: Edge, say: Callable[[str], None]) -> None:
    """Restart web processes, workers, scheduler and staff's service, one after the other.

    A web process is out of turn from before its end until it is ready again. A worker ends the
    job it is at, or hands it back. It stops at the first part that does not come back; a web
    process then stays out of turn.

    Raises:
        PartFailedError: a part ended or was not ready in time.
    """
    for name in WEB_PROCESSES:
        edge.take_out(name)
        await asyncio.sleep(DRAIN_SECONDS)
        await _restart(supervisor, name, say)
        edge.put_back(name)
    for name in (*WORKERS, "scheduler", "admin"):
        await _restart(supervisor, name, say)


async def _restart(supervisor: Supervisor, name: str, say: Callable[[str], None]) -> None:
    say(f"restarting {name}")
    await supervisor.stop_part(name)
    await supervisor.start_part(name)
