"""An SQS server on loopback with the queues of the product, and Celery switched to it."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

import boto3
import requests
from celery import current_app
from moto.server import ThreadedMotoServer

from config import broker
from config.local.production_like.aws import CREDENTIALS, create_queues
from tests.stack import free_port

REGION = "us-east-1"


class SqsServer:
    """A server that may be stopped and started again on its port; it forgets everything then."""

    def __init__(self, *, visibility_seconds: int = 30) -> None:
        self.port = free_port()
        self.visibility_seconds = visibility_seconds
        self._server: ThreadedMotoServer | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def queue_url_prefix(self) -> str:
        return f"{self.url}/123456789012/"

    @property
    def environment(self) -> dict[str, str]:
        """Return what makes a process of the product use this server."""
        return {
            **CREDENTIALS,
            "EASEL_BROKER_URL": "sqs://",
            "EASEL_SQS_ENDPOINT_URL": self.url,
            "EASEL_SQS_QUEUE_URL_PREFIX": self.queue_url_prefix,
            "EASEL_SQS_REGION": REGION,
        }

    @property
    def client(self) -> Any:
        return boto3.client(
            "sqs",
            region_name=REGION,
            endpoint_url=self.url,
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
        )

    def start(self, *, with_queues: bool = True) -> None:
        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=self.port, verbose=False)
        self._server.start()
        # What another server of this process kept is not forgotten by itself.
        self.forget()
        if with_queues:
            self.create_queues()

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop()
            self._server = None

    def forget(self) -> None:
        """Lose every queue and message."""
        requests.post(f"{self.url}/moto-api/reset", timeout=10).raise_for_status()

    def create_queues(self) -> None:
        """Create each tier's queue with its dead-letter queue, as production has them."""
        create_queues(self.client, visibility_seconds=self.visibility_seconds)

    def count(self, queue: str) -> tuple[int, int]:
        """Return how many messages wait, and how many were taken and not deleted."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.client.get_queue_attributes(
            QueueUrl=self.queue_url_prefix + queue, AttributeNames=names
        )["Attributes"]
        return int(found[names[0]]), int(found[names[1]])


@contextmanager
def celery_on(url: str, options: dict[str, Any]) -> Iterator[None]:
    """Have this process's Celery send to another broker."""
    conf = current_app.conf
    former = (conf.broker_url, conf.broker_transport_options)
    _switch(url, options)
    try:
        yield
    finally:
        _switch(*former)


def _switch(url: str, options: dict[str, Any]) -> None:
    app: Any = current_app
    conf = app.conf
    conf.broker_url = conf.broker_write_url = conf.broker_read_url = url
    conf.broker_transport_options = options
    # Kept by broker: each has a pool of its own, found anew.
    app._pool = None
    app.amqp._producer_pool = None


@contextmanager
def celery_on_sqs(server: SqsServer) -> Iterator[None]:
    options = broker.transport_options(
        url="sqs://",
        queue_url_prefix=server.queue_url_prefix,
        region=REGION,
        endpoint_url=server.url,
    )
    with celery_on("sqs://testing:testing@", options):
        yield
