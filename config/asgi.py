"""ASGI entry point: Django's pages and API, and the socket of live events."""

import gc
import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.local")
django.setup(set_prefix=False)

from channels.routing import ProtocolTypeRouter  # noqa: E402  (needs the app registry)

from apps.accounts.socket_authentication import SocketAuthentication  # noqa: E402
from apps.core.bodies import BodyLimit  # noqa: E402
from apps.core.checks import refuse_weak_settings  # noqa: E402
from apps.core.handler import ThreadedHandler  # noqa: E402
from apps.generation.routing import websocket_router  # noqa: E402

refuse_weak_settings()
application = ProtocolTypeRouter(
    {
        "http": BodyLimit(ThreadedHandler()),
        "websocket": SocketAuthentication(websocket_router),
    }
)

# What is there by now stays for good: no collection has to look at it again, and a page of pictures
# makes too many small objects for the usual threshold.
gc.collect()
gc.freeze()
gc.set_threshold(50_000, 20, 100)
