"""`celery -A config gpu …`: look after the GPU fleet, whatever the broker.

A plug-in of Celery's command line (the entry point is in pyproject.toml), since SQS has no remote
control: everything goes through PostgreSQL. Imported by every `celery` command, so it must be
light; what needs Django is imported once a command runs.
"""

import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import click


def _as_json(command: Callable[..., None]) -> Callable[..., None]:
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")(command)


@click.group()
def gpu() -> None:
    """Look after GPU workers, queues and jobs."""
    import django

    django.setup()


@gpu.command()
@_as_json
def status(*, as_json: bool) -> None:
    """Show each tier: jobs, messages, workers."""
    from apps.generation.fleet import measure_tiers

    _show([asdict(tier) for tier in measure_tiers()], as_json=as_json)


@gpu.command()
@_as_json
def queues(*, as_json: bool) -> None:
    """Show each queue: due jobs in PostgreSQL, messages at the broker, dead letters, oldest."""
    from apps.generation.fleet import measure_tiers
    from apps.plans.tiers import TIERS

    rows = [
        {
            "queue": TIERS[found.tier].queue,
            "due": found.due,
            "messages": found.messages,
            "dead_letters": found.dead_letters,
            "oldest_due_seconds": found.oldest_due_seconds,
        }
        for found in measure_tiers()
    ]
    _show(rows, as_json=as_json)


@gpu.command()
@_as_json
def workers(*, as_json: bool) -> None:
    """Show each worker: state, GPU, memory, loaded models, current job."""
    from apps.generation.fleet import list_workers

    _show([asdict(worker) for worker in list_workers()], as_json=as_json)


@gpu.command()
@click.argument("target")
@_as_json
def drain(target: str, *, as_json: bool) -> None:
    """Have TARGET, a worker or a tier, claim no more jobs; what runs goes on."""
    from apps.generation.services.operations import order_drain

    changed = _or_fail(lambda: order_drain(target=target), missing=target)
    _say({"target": target, "drained": True, "changed": changed}, as_json=as_json)


@gpu.command()
@click.argument("target")
@_as_json
def resume(target: str, *, as_json: bool) -> None:
    """Have TARGET, a worker or a tier, claim jobs again."""
    from apps.generation.services.operations import end_drain

    changed = _or_fail(lambda: end_drain(target=target), missing=target)
    _say({"target": target, "drained": False, "changed": changed}, as_json=as_json)


@gpu.command()
@click.argument("job_id", type=click.UUID)
@click.option("--take", is_flag=True, help="Take it from a worker that still holds its lease.")
@_as_json
def requeue(job_id: uuid.UUID, *, take: bool, as_json: bool) -> None:
    """Wake the waiting job JOB_ID, or take a running one back whose worker is lost."""
    from apps.generation.services.operations import Requeued, requeue_job

    result = _or_fail(
        lambda: requeue_job(job_id=job_id, takes_from_worker=take), missing=str(job_id)
    )
    _say({"job_id": str(job_id), "result": result}, as_json=as_json)
    if result not in {Requeued.WOKEN, Requeued.TAKEN_BACK}:
        raise click.exceptions.Exit(1)


@gpu.command("purge-dead")
@_as_json
def purge_dead(*, as_json: bool) -> None:
    """Empty the dead-letter queues; jobs that are still due are woken."""
    from apps.generation.queues import BrokerAwayError
    from apps.generation.services.dead_letters import drain_dead_letters

    try:
        letters = drain_dead_letters()
    except BrokerAwayError as error:
        raise click.ClickException(f"The broker is away: {error}") from error
    _say({"dead_letters": letters}, as_json=as_json)


def _or_fail(act: Callable[[], Any], *, missing: str) -> Any:
    from apps.core.errors import NotFound

    try:
        return act()
    except NotFound as error:
        raise click.ClickException(f"There is no {missing}.") from error


def _say(facts: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(facts))
    else:
        click.echo(", ".join(f"{name}: {_word(value)}" for name, value in facts.items()))


def _show(rows: Sequence[Mapping[str, Any]], *, as_json: bool) -> None:
    if as_json:
        from django.core.serializers.json import DjangoJSONEncoder

        click.echo(json.dumps(rows, cls=DjangoJSONEncoder))
        return
    if not rows:
        click.echo("none")
        return
    lines = [list(rows[0]), *([_word(value) for value in row.values()] for row in rows)]
    widths = [max(len(line[index]) for line in lines) for index in range(len(lines[0]))]
    for line in lines:
        padded = (word.ljust(width) for word, width in zip(line, widths, strict=True))
        click.echo("  ".join(padded).rstrip())


def _word(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value)) or "-"
    return "-" if value is None else str(value)
