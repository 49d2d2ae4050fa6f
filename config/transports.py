"""Kombu's transports for Valkey and SQS, with what its solo pool needs of them.

Celery runs a task of the solo pool inside the callback that brought its message, and so whatever
a transport puts off until the event loop's next turn waits for the end of the task. What is
overridden here are kombu's own methods, which its stubs do not name.
"""

import time
from datetime import UTC, datetime
from queue import Empty
from typing import Any

import structlog
from botocore.exceptions import BotoCoreError, ClientError
from kombu.asynchronous.aws.connection import AsyncHTTPSConnection
from kombu.asynchronous.aws.sqs.connection import AsyncSQSConnection
from kombu.transport import SQS, redis

from config import env

logger = structlog.get_logger(__name__)

_FAILURES = (BotoCoreError, ClientError, OSError)


class Receipts:
    """When the broker was last heard of by a consumer of this process."""

    def __init__(self) -> None:
        self.last: datetime | None = None
        self.last_monotonic: float | None = None

    def note(self) -> None:
        """Say that the broker has just answered, be it with nothing."""
        self.last = datetime.now(UTC)
        self.last_monotonic = time.monotonic()


receipts = Receipts()


class ValkeyChannel(redis.Channel):
    def _brpop_read(self, **options: Any) -> Any:
        try:
            answer = super()._brpop_read(**options)  # type: ignore[misc]
        except Empty:
            receipts.note()
            raise
        receipts.note()
        return answer


class ValkeyTransport(redis.Transport):
    Channel = ValkeyChannel


class _TrustingConnection(AsyncHTTPSConnection):
    def getrequest(self) -> Any:
        request = super().getrequest()
        if env.AWS_CA_BUNDLE:
            # Botocore heeds it, but curl would be given the usual authorities.
            request.ca_certs = env.AWS_CA_BUNDLE
        return request


class _PatientConnection(AsyncSQSConnection):
    def get_http_connection(self) -> Any:
        return _TrustingConnection(http_client=self._httpclient)

    def _on_list_ready(self, parent: Any, markers: Any, operation: str, response: Any) -> Any:
        try:
            return super()._on_list_ready(  # type: ignore[misc]
                parent, markers, operation, response
            )
        except Exception as error:  # noqa: BLE001  (kombu raises nothing narrower)
            # No such queue, or no right to it. An error here would end the polling for good.
            logger.warning("receive_refused", queue=parent, reason=str(error)[:500])
            return []


class SqsChannel(SQS.Channel):
    """Delete a message on receipt, and go on polling whatever a poll has met."""

    @property
    def endpoint_url(self) -> str | None:
        url: str | None = self.transport_options.get("endpoint_url")
        return url

    def _delete_message(self, queue_name: str, message: dict[str, Any]) -> None:
        # Kombu would ask the event loop to, which is at a standstill while the job runs.
        try:
            self.sqs(queue=queue_name).delete_message(
                QueueUrl=self._queue_cache[queue_name], ReceiptHandle=message["ReceiptHandle"]
            )
        except _FAILURES as error:
            # It comes again, and finds nothing to do.
            logger.warning("wakeup_not_deleted", queue=queue_name, error=type(error).__name__)

    def asynsqs(self, queue: str | None = None) -> Any:
        clients = self._predefined_queue_async_clients
        if queue is not None and queue not in clients:
            clients[queue] = _PatientConnection(sqs_connection=self.sqs(queue=queue))
        return super().asynsqs(queue)

    def _on_messages_ready(self, queue: str, qname: str, messages: Any) -> int:
        if not isinstance(messages, dict):
            # Kombu's word for a server that is away or failing, which it would stumble over.
            logger.warning("receive_failed", queue=qname)
            return 0
        receipts.note()
        count: int = super()._on_messages_ready(  # type: ignore[misc]
            queue, qname, messages
        )
        return count


class SqsTransport(SQS.Transport):
    Channel = SqsChannel
    # A queue that is not there, or no right to it: to the caller the broker is away.
    connection_errors = (*SQS.Transport.connection_errors, ClientError)
