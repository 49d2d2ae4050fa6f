"""The queues of wake-ups as the broker sees them: depth, and letters nobody could deal with."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from celery import current_app
from kombu import Message, Queue
from kombu.exceptions import OperationalError

from apps.plans.tiers import TIERS, GpuTier
from config import broker


class BrokerAwayError(OSError):
    """The broker does not answer, or not to us."""


@dataclass(frozen=True, slots=True)
class Depth:
    """Messages of a tier that wait, and dead letters; `None` where the broker has none."""

    messages: int
    dead_letters: int | None


@contextmanager
def open_channel() -> Iterator[Any]:
    """Open a channel that answers at once, also where a worker would poll for long.

    Raises:
        BrokerAwayError: the broker is away, or refuses.
    """
    connection = current_app.connection_for_read(transport_options={"wait_time_seconds": 0})
    failures: tuple[type[BaseException], ...] = (
        OperationalError,
        *connection.connection_errors,
        *connection.channel_errors,
    )
    try:
        with connection:
            yield connection.default_channel
    except failures as error:
        raise BrokerAwayError(type(error).__name__) from error


def has_dead_letters() -> bool:
    """Tell whether the broker keeps dead letters: SQS does, Valkey loses what it loses."""
    return bool(current_app.connection_for_read().transport.driver_type == "sqs")


def measure_depths() -> dict[GpuTier, Depth]:
    """Count the messages of each tier.

    Raises:
        BrokerAwayError: the broker is away.
    """
    with open_channel() as channel:
        return {
            tier: Depth(
                messages=_count(channel, spec.queue),
                dead_letters=(
                    _count(channel, broker.dead_letter_queue(spec.queue))
                    if has_dead_letters()
                    else None
                ),
            )
            for tier, spec in TIERS.items()
        }


def take_dead_letter(channel: Any, tier: GpuTier) -> Message | None:
    """Receive a dead letter of `tier`; it comes again unless it is acknowledged."""
    letter: Message | None = channel.basic_get(broker.dead_letter_queue(TIERS[tier].queue))
    return letter


def _count(channel: Any, queue: str) -> int:
    # Declaring creates nothing: Valkey makes a queue by its first message, SQS has its own.
    declared: Any = Queue(queue, channel=channel).queue_declare()
    return int(declared.message_count)
