"""ASGI entry point: Django's pages and API, and the socket of live events."""

import gc
import os

import django

from apps.core.observability.processes import Role, share_counts

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.local")
share_counts()
django.setup(set_prefix=False)

from channels.routing import ProtocolTypeRouter  # noqa: E402  (needs the app registry)
from django.conf import settings  # noqa: E402

from apps.accounts.socket_authentication import SocketAuthentication  # noqa: E402
from apps.core.bodies import BodyLimit  # noqa: E402
from apps.core.checks import refuse_weak_settings  # noqa: E402
from apps.core.handler import ThreadedHandler  # noqa: E402
from apps.core.observability.lifespan import Lifespan  # noqa: E402
from apps.core.observability.sockets import CountedSockets  # noqa: E402
from apps.core.observability.tracing import start_tracing  # noqa: E402
from apps.core.observability.web import start_reading  # noqa: E402
from apps.generation.routing import websocket_router  # noqa: E402

refuse_weak_settings()
start_tracing(Role.ADMIN if settings.EASEL_SERVE_ADMIN else Role.WEB)
start_reading()
application = ProtocolTypeRouter(
    {
        "http": BodyLimit(ThreadedHandler()),
        "lifespan": Lifespan(),
        "websocket": CountedSockets(SocketAuthentication(websocket_router)),
    }
)

# What is there by now stays for good: no collection has to look at it again, and a page of pictures
# makes too many small objects for the usual threshold.
gc.collect()
gc.freeze()
gc.set_threshold(50_000, 20, 100)
