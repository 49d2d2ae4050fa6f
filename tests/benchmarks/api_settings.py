"""The settings of benchmarks, serving the two views of `api_urls` alone."""

from config.settings.benchmark import *  # noqa: F403
from config.settings.benchmark import MIDDLEWARE as _MIDDLEWARE

ROOT_URLCONF = "tests.benchmarks.api_urls"
MIDDLEWARE = ["tests.benchmarks.api_urls.CountQueriesMiddleware", *_MIDDLEWARE]
EASEL_SERVE_ADMIN = False
