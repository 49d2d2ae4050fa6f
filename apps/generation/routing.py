from channels.routing import URLRouter
from django.urls import re_path

from apps.generation.consumers import EventConsumer

# Channels routes ASGI applications with Django's patterns, which are typed for views.
websocket_router = URLRouter(
    [re_path(r"^ws/v1/events$", EventConsumer.as_asgi())]  # type: ignore[arg-type, list-item]
)
