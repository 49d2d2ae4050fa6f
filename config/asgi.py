"""ASGI entry point: Django's pages and API, and the socket of live events."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.local")
django_application = get_asgi_application()

from channels.routing import ProtocolTypeRouter  # noqa: E402  (needs the app registry)

from apps.accounts.socket_authentication import SocketAuthentication  # noqa: E402
from apps.core.bodies import BodyLimit  # noqa: E402
from apps.core.checks import refuse_weak_settings  # noqa: E402
from apps.generation.routing import websocket_router  # noqa: E402

refuse_weak_settings()

application = ProtocolTypeRouter(
    {
        "http": BodyLimit(django_application),
        "websocket": SocketAuthentication(websocket_router),
    }
)
