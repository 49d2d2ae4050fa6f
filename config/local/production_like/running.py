"""Bring a production-like run up, in order."""

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import replace

from config.local.install import say
from config.local.production_like import services
from config.local.production_like.aws import aws_part, fill_account
from config.local.production_like.control import Control
from config.local.production_like.edge import Edge
from config.local.production_like.machine import Machine, State
from config.local.production_like.people import PEOPLE, provider_part
from config.local.production_like.redis import redis_part
from config.local.standby import copy_of_primary, create_replicator
from config.local.supervisor import Supervisor


async def bring_up(machine: Machine, supervisor: Supervisor) -> None:
    """Start all parts in order and print where to go. Parts that run stay with `supervisor`."""
    say("Starting the servers: databases, pooler, Redis, stand-ins of AWS and of the provider …")
    await _start_servers(machine, supervisor)
    say("Bringing the database's tables up to date, and collecting static files …")
    await _together(
        _run_steps(
            machine,
            supervisor,
            ("migrate", "manage.py", "migrate", "--no-input"),
            ("seed", "-m", "config.local.production_like.seed"),
        ),
        _run_steps(machine, supervisor, ("static", "manage.py", "collectstatic", "--no-input")),
    )
    say("Starting the product: scheduler, two workers, two web processes, staff's service …")
    edge = Edge(machine)
    # Most of a start is importing, which as many can do at once as there are cores.
    await _together(*(supervisor.start(part) for part in services.product_parts(machine)))
    await supervisor.start(edge.part())
    _state_of(machine).save(machine.folder)
    await Control(machine, supervisor, edge).listen()
    _greet(machine)


async def _start_servers(machine: Machine, supervisor: Supervisor) -> None:
    await supervisor.start(machine.primary.part())
    await asyncio.to_thread(machine.primary.create_roles)
    password = machine.secrets.replicator
    await asyncio.to_thread(create_replicator, machine.primary, password=password)
    machine.standby.data_dir.parent.mkdir(exist_ok=True)
    await asyncio.to_thread(copy_of_primary, machine.primary, machine.standby, password=password)
    await supervisor.start(replace(machine.standby.part(), name="standby"))
    await supervisor.start(machine.pooler.part())
    await supervisor.start(redis_part(machine))
    await supervisor.start(aws_part(machine))
    await asyncio.to_thread(fill_account, machine)
    await supervisor.start(provider_part(machine))


async def _run_steps(machine: Machine, supervisor: Supervisor, *steps: Sequence[str]) -> None:
    for name, *words in steps:
        await supervisor.run_step(services.command_part(machine, name, *words))


async def _together(*tasks: Coroutine[None, None, None]) -> None:
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result


def _state_of(machine: Machine) -> State:
    return State(
        url=machine.url,
        admin_url=machine.admin_url,
        authority=str(machine.certificate.authority),
        log_dir=str(machine.folder / "log"),
        control_port=machine.ports.control,
        control_token=machine.secrets.control,
        environment=services.operator_environment(machine),
    )


def _greet(machine: Machine) -> None:
    lines = [
        "",
        f"Easel is ready: {machine.url} (staff: {machine.admin_url}/admin/)",
        "Your browser does not know the authority of its certificate: go on all the same, or",
        f"give it {machine.certificate.authority}",
        "At the provider sign in as one of:",
        *(
            f"  {person.subject:<10} plan {person.plan}{', staff' if person.is_staff else ''}"
            for person in PEOPLE
        ),
        "Replace the processes under way: python -m config.local.production_like rolling-restart",
        f"Ctrl-C stops it; all of it is gone then. Logs: {machine.folder / 'log'}",
        "",
    ]
    say("\n".join(lines))
