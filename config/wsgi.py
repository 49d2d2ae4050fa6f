"""WSGI entry point, for servers that carry the pages and the API without the socket."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.local")
application = get_wsgi_application()

from apps.core.checks import refuse_weak_settings  # noqa: E402  (needs the app registry)

refuse_weak_settings()
