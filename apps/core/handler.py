"""HTTP over ASGI, each request whole in one thread.

Django's own handler makes a thread for each request, with connections and caches of its own, and
hops between it and the event loop for signals, middleware and view. All of ours is synchronous: a
pool of lasting threads does the same work in less time (docs/decisions/0003-sync-views.md).
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import IO, Any, TypeVar

from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.conf import settings
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.core.signals import request_started
from django.db import close_old_connections
from django.urls import set_script_prefix

from apps.core.balancer_checks import by_our_name, is_balancer_check
from apps.core.bodies import Receive, Scope, Send

Returned = TypeVar("Returned")
# Asked to find out whether the process lives: it does not wait behind everybody else.
ALIVE = "/healthz"
# Anybody may ask, and it may wait for a connection: so it keeps nobody else waiting either.
READY = "/readyz"


class ThreadedHandler(ASGIHandler):
    """The ASGI application for HTTP; `EASEL_WEB_THREADS` requests are answered at once."""

    def __init__(self) -> None:
        super().__init__()
        self._threads = ThreadPoolExecutor(settings.EASEL_WEB_THREADS, "request")
        self._probe_thread = ThreadPoolExecutor(1, "probe")
        self._ready_thread = ThreadPoolExecutor(1, "ready")

    def load_middleware(self, is_async: bool = False) -> None:  # noqa: FBT001, FBT002 (Django's)
        """Make one synchronous chain of the middleware and the view."""
        del is_async
        super().load_middleware()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        is_check = is_balancer_check(scope)
        threads = self._threads_for(scope["path"], is_check=is_check)
        if is_check:
            scope = by_our_name(scope)
        response = await _run_in(threads, self._answer, scope, body)
        if not response.streaming:
            await self.send_response(response, send)
            return
        try:
            # What streams may call the database; each has a thread for that.
            async with ThreadSensitiveContext():
                await self._stream(response, receive, send)
        finally:
            await _run_in(self._threads, response.close)

    def _threads_for(self, path: str, *, is_check: bool) -> ThreadPoolExecutor:
        if path == READY:
            return self._ready_thread
        return self._probe_thread if is_check or path == ALIVE else self._threads

    def _answer(self, scope: Scope, body: IO[bytes]) -> Any:
        set_script_prefix(get_script_prefix(scope))
        request_started.send(sender=type(self), scope=scope)
        request, refusal = self.create_request(scope, body)
        response: Any = refusal if request is None else self.get_response(request)
        # The sender of `request_finished`.
        response._handler_class = type(self)  # noqa: SLF001
        # Here, so that the thread gives its connections back; the content stays.
        if response.streaming:
            close_old_connections()
        else:
            response.close()
        return response

    async def _stream(self, response: Any, receive: Receive, send: Send) -> None:
        """Send piece by piece until the end, or until the client leaves."""
        sending = asyncio.ensure_future(self.send_response(response, send))
        leaving = asyncio.ensure_future(receive())
        try:
            await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            leaving.cancel()
            if not sending.done():
                sending.cancel()
        await asyncio.wait((sending,))
        if not sending.cancelled():
            sending.result()


async def _run_in(
    threads: ThreadPoolExecutor, call: Callable[..., Returned], *arguments: Any
) -> Returned:
    run = sync_to_async(call, thread_sensitive=False, executor=threads)
    return await run(*arguments)
