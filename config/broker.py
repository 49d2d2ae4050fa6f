"""The broker of wake-ups: the same queues on Valkey and on SQS, as the environment says."""

from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from kombu import Exchange, Queue

from apps.plans.tiers import TIERS
from config import env

# curl gives a receive up after 20 s, and what SQS hands out then is in flight to nobody.
LONG_POLL_SECONDS = 10

# A request must not wait for a broker that is away; kombu would try for six seconds.
_VALKEY_OPTIONS: dict[str, Any] = {
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0,
    "socket_timeout": 5,
    "socket_connect_timeout": 2,
    "socket_keepalive": True,
}
# Reading may last as long as a long poll.
_SQS_CLIENT = {
    "connect_timeout": 2,
    "read_timeout": LONG_POLL_SECONDS + 5,
    "retries": {"total_max_attempts": 1},
}


def is_sqs(url: str) -> bool:
    """Tell whether the broker at `url` is SQS."""
    return urlsplit(url).scheme.lower() == "sqs"


def dead_letter_queue(queue: str) -> str:
    """Name the queue that takes what was received too often: `easel-gpu-basic-dlq.fifo`."""
    return queue.removesuffix(".fifo") + "-dlq.fifo"


def task_queues() -> list[Queue]:
    """Declare the queue of each tier. A message is deleted when it is taken, not when done.

    Acknowledged later it would be in flight for as long as a job lasts, nobody would renew its
    visibility, and it would come again, to end as a dead letter.
    """
    return [
        Queue(name, Exchange(name, type="direct"), routing_key=name, no_ack=True)
        for name in (spec.queue for spec in TIERS.values())
    ]


def transport_options(
    *,
    url: str | None = env.BROKER_URL,
    queue_url_prefix: str | None = env.SQS_QUEUE_URL_PREFIX,
    region: str | None = env.SQS_REGION,
    endpoint_url: str | None = env.SQS_ENDPOINT_URL,
) -> dict[str, Any]:
    """Make kombu's options for the broker at `url`; without one it is Valkey.

    Raises:
        ImproperlyConfigured: it is SQS, and nothing says where its queues are.
    """
    if url is None or not is_sqs(url):
        return dict(_VALKEY_OPTIONS)
    if not queue_url_prefix:
        raise ImproperlyConfigured(
            "Set EASEL_SQS_QUEUE_URL_PREFIX to what the URLs of the queues begin with, such as"
            " https://sqs.eu-central-1.amazonaws.com/123456789012/"
        )
    names = [spec.queue for spec in TIERS.values()]
    names += [dead_letter_queue(name) for name in names]
    options: dict[str, Any] = {
        # Created by nobody here: their visibility time-out and redrive policy are theirs.
        "predefined_queues": {name: {"url": f"{queue_url_prefix}{name}"} for name in names},
        "wait_time_seconds": LONG_POLL_SECONDS,
        "client-config": dict(_SQS_CLIENT),
        "endpoint_url": endpoint_url,
        "is_secure": endpoint_url is None or endpoint_url.startswith("https://"),
    }
    # An option of None would keep boto3 from finding the region of the instance.
    return options | ({"region": region} if region else {})
