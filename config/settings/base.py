"""Settings that hold everywhere."""

from pathlib import Path
from typing import Any

import django_stubs_ext
import structlog
from django.utils.translation import gettext_lazy as _
from structlog.tracebacks import ExceptionDictTransformer

from apps.core.observability.trace_context import add_trace_id
from config import broker, env
from config.log_secrets import hide_tokens
from config.version import VERSION

# Lets Django's classes be written with the types they are generic over.
django_stubs_ext.monkeypatch()

BASE_DIR = env.ROOT
DEBUG = False
SECRET_KEY_FALLBACKS = env.SECRET_KEY_FALLBACKS

INSTALLED_APPS = [
    "apps.dashboard.admin_site.StaffAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "channels",
    "django_htmx",
    "django_structlog",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "djstripe",
    "apps.core",
    "apps.accounts",
    "apps.privacy",
    "apps.plans",
    "apps.credits",
    "apps.catalog",
    "apps.images",
    "apps.providers",
    "apps.boards",
    "apps.canvas",
    "apps.generation",
    "apps.training",
    "apps.workflows",
    "apps.dashboard",
]

MIDDLEWARE = [
    "apps.core.observability.middleware.ObservationMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "apps.core.middleware.PermissionsPolicyMiddleware",
    "apps.core.bodies.BodyLimitMiddleware",
    "apps.core.middleware.PageCompressionMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "apps.accounts.request_log.RequestLogMiddleware",
    "apps.core.middleware.RefusedAddressMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "apps.core.middleware.TimeZoneMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "apps.accounts.middleware.TenantMiddleware",
    "apps.images.middleware.PictureCookieMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "apps.core.middleware.ErrorEnvelopeMiddleware",
]

ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"
WSGI_APPLICATION = "config.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

AUTH_USER_MODEL = "accounts.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
# With a provider our own passwords are off, and sessions begun with one end.
AUTHENTICATION_BACKENDS = [
    "apps.accounts.oidc.backend.ProviderBackend"
    if env.OIDC_ISSUER
    else "apps.accounts.backends.PasswordBackend"
]
PASSWORD_RESET_TIMEOUT = 24 * 3600
LOGIN_URL = "accounts:sign-in"
LOGIN_REDIRECT_URL = "dashboard:create"
LOGOUT_REDIRECT_URL = "accounts:sign-in"
SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
# Scripts take the token from the page.
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
# No inline script or style, no event handlers in attributes, nothing from elsewhere. Previews of
# pictures come over the socket and are shown as data: URLs.
CONTENT_SECURITY_POLICY: dict[str, Any] = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "object-src": ["'none'"],
        "frame-src": ["'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
    }
}
CSRF_FAILURE_VIEW = "apps.core.views.csrf_failure"

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("ko", _("Korean"))]
LOCALE_PATHS = [BASE_DIR / "config" / "locale"]
FORMAT_MODULE_PATH = "config.formats"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True
# Days and months of the books, and what programs and operators read, are those of everybody.
EASEL_UTC_PATHS = ("/api/", "/admin/", "/usage/", "/account/plan/")

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = env.VAR_DIR / "static"

EMAIL_HOST = env.EMAIL_HOST or "localhost"
EMAIL_PORT = env.EMAIL_PORT
EMAIL_HOST_USER = env.EMAIL_USER
EMAIL_HOST_PASSWORD = env.EMAIL_PASSWORD
EMAIL_USE_TLS = env.EMAIL_USE_TLS
DEFAULT_FROM_EMAIL = env.EMAIL_FROM
EMAIL_TIMEOUT = 10
if env.MAIL_DIRECTORY:
    EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    EMAIL_FILE_PATH = env.MAIL_DIRECTORY

# What mozilla-django-oidc reads; addresses of the provider come from apps.accounts.oidc.
OIDC_RP_SCOPES = env.OIDC_SCOPES
OIDC_RP_SIGN_ALGO = env.OIDC_SIGN_ALGORITHM
OIDC_USE_PKCE = True
OIDC_STORE_ID_TOKEN = True  # the provider wants it back at sign-out
OIDC_TIMEOUT = env.OIDC_TIMEOUT_SECONDS
OIDC_AUTHENTICATION_CALLBACK_URL = "accounts:oidc-callback"
LOGIN_REDIRECT_URL_FAILURE = "accounts:sign-in"

# What dj-stripe reads too; its tables refer to each other by Stripe's own ids.
STRIPE_SECRET_KEY = env.STRIPE_SECRET_KEY or ""
DJSTRIPE_FOREIGN_KEY_TO_FIELD = "id"
# Its own migrations make tables and take 278 columns away again, which is 100 seconds of work.
MIGRATION_MODULES = {"djstripe": "config.djstripe.migrations"}
EASEL_STRIPE_WEBHOOK_SECRET = env.STRIPE_WEBHOOK_SECRET or ""
EASEL_STRIPE_API_URL = env.STRIPE_API_URL
EASEL_STRIPE_TIMEOUT_SECONDS = env.STRIPE_TIMEOUT_SECONDS
if STRIPE_SECRET_KEY:
    # A form that leads on to one of Stripe's pages is sent there too, says Chromium.
    CONTENT_SECURITY_POLICY["DIRECTIVES"]["form-action"] += [
        env.STRIPE_API_URL or "https://checkout.stripe.com",
        *([] if env.STRIPE_API_URL else ["https://billing.stripe.com"]),
    ]

# What Django itself may hold in memory of a request; above the second it lies on the disk, while
# it is received and once more as the file of a form. `apps.core.bodies` limits the whole.
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024**2
FILE_UPLOAD_MAX_MEMORY_SIZE = 256 * 1024

EASEL_VERSION = VERSION
# The admin needs a database login that may take the service role: in production it is a web
# service of its own.
EASEL_SERVE_ADMIN = env.SERVE_ADMIN
EASEL_LIST_CACHE_SECONDS = env.LIST_CACHE_SECONDS
EASEL_WEB_THREADS = env.WEB_THREADS
# The e-mail of the demo user, where there is one.
EASEL_DEMO_SIGN_IN: str | None = None
# Where mails are written instead of sent, as the page tells.
EASEL_MAIL_DIRECTORY: Path | None = env.MAIL_DIRECTORY
# What links in mails begin with that no request has caused.
EASEL_PUBLIC_URL = (env.PUBLIC_URL or f"http://127.0.0.1:{env.PORT}").rstrip("/")
EASEL_SECURITY_CONTACT = env.SECURITY_CONTACT
EASEL_CDN_KEY_PAIR_ID = env.CDN_KEY_PAIR_ID
EASEL_CDN_PRIVATE_KEY = env.CDN_PRIVATE_KEY
EASEL_OIDC_ISSUER = env.OIDC_ISSUER
EASEL_OIDC_CLIENT_ID = env.OIDC_CLIENT_ID
EASEL_OIDC_CLIENT_SECRET = env.OIDC_CLIENT_SECRET
EASEL_OIDC_STAFF_GROUP = env.OIDC_STAFF_GROUP
EASEL_OIDC_GROUPS_CLAIM = env.OIDC_GROUPS_CLAIM
EASEL_OIDC_ENDPOINTS = {
    "authorization_endpoint": env.OIDC_AUTHORIZATION_ENDPOINT,
    "token_endpoint": env.OIDC_TOKEN_ENDPOINT,
    "userinfo_endpoint": env.OIDC_USERINFO_ENDPOINT,
    "jwks_uri": env.OIDC_JWKS_URI,
    "end_session_endpoint": env.OIDC_END_SESSION_ENDPOINT,
}
EASEL_LEASE_SECONDS = env.LEASE_SECONDS
EASEL_SWEEP_SECONDS = env.SWEEP_SECONDS
EASEL_MAX_ATTEMPTS = 3
EASEL_SHUTDOWN_GRACE_SECONDS = env.SHUTDOWN_GRACE_SECONDS
EASEL_RECEIVE_SILENCE_SECONDS = env.RECEIVE_SILENCE_SECONDS
EASEL_WORKER_MAX_RSS_BYTES = env.WORKER_MAX_RSS_BYTES
EASEL_HEARTBEAT_PATH = env.HEARTBEAT_PATH
EASEL_METADATA_URL = env.METADATA_URL
EASEL_METRICS_TOKEN = env.METRICS_TOKEN
EASEL_METRICS_ON_LOOPBACK = False
# Reads go to the replica where `apps/core/replica.py` is asked for it, and nowhere else.
DATABASE_ROUTERS = ["apps.core.replica.ReaderRouter"]
EASEL_READER_MAX_LAG_SECONDS = env.READER_MAX_LAG_SECONDS
EASEL_SLOW_QUERY_SECONDS = env.SLOW_QUERY_SECONDS
# How often one line may run one query in a request, where it is watched; 0 watches nothing.
EASEL_MAX_REPEATED_QUERIES = 0
# Addresses that may repeat queries: how much an event of Stripe brings with it is Stripe's to say.
EASEL_MAY_REPEAT_QUERIES = ("/billing/stripe/webhook/",)
EASEL_CLOUDWATCH_METRICS = env.CLOUDWATCH_METRICS
EASEL_OTLP_ENDPOINT = env.OTLP_ENDPOINT
EASEL_TRACE_SAMPLE_RATIO = env.TRACE_SAMPLE_RATIO
EASEL_MAX_WAITING_JOBS = 1000
# So long a worker may serve others first, for the sake of a model that it has loaded.
EASEL_AFFINITY_SECONDS = 10
EASEL_BATCHING = env.BATCHING
EASEL_PRELOAD = env.PRELOAD
EASEL_MODEL_CACHE_BYTES = env.MODEL_CACHE_BYTES
EASEL_MODELS_ROOT = env.MODELS_ROOT
# Network file systems serve the page faults of mapped files one at a time.
EASEL_MODELS_MEMORY_MAP = env.MODELS_MEMORY_MAP
EASEL_MODEL_FILES_CACHE: Path = env.MODEL_FILES_CACHE or env.VAR_DIR / "model-cache"
EASEL_MODEL_FILES_CACHE_BYTES = env.MODEL_FILES_CACHE_BYTES
# Whether models that may not be used commercially need a licence on record.
EASEL_REQUIRE_COMMERCIAL_LICENSE = False
# The key of the shared model that looks at finished pictures, none without one; and a file of
# phrases, one a line, that no prompt may hold.
EASEL_SAFETY_CHECKER = env.SAFETY_CHECKER
EASEL_BLOCKED_PHRASES = env.BLOCKED_PHRASES
EASEL_OWN_MODELS_MAX = env.OWN_MODELS_MAX
EASEL_OPEN_TRAININGS_MAX = env.OPEN_TRAININGS_MAX
EASEL_INSTALL_DIRECTORY: Path = env.INSTALL_DIRECTORY or env.VAR_DIR / "installs"
EASEL_INSTALL_MAX_BYTES = env.INSTALL_MAX_BYTES
EASEL_INSTALL_MAX_SECONDS = env.INSTALL_MAX_SECONDS
EASEL_INSTALL_S3_BUCKETS: list[str] = env.INSTALL_S3_BUCKETS
EASEL_HUB_URL = env.HUB_URL.rstrip("/")
EASEL_HUB_TOKEN = env.HUB_TOKEN
# "host:port" that may be fetched from without TLS and at an address of ours: for tests alone.
EASEL_FETCH_PLAIN_HOSTS: frozenset[str] = frozenset()
# Whether web, worker and scheduler refuse to start on what `apps/core/checks.py` calls weak.
EASEL_REFUSE_WEAK_SETTINGS = True
# Whether somebody chose where pictures lie.
EASEL_HAS_FILE_STORE = bool(env.S3_BUCKET or env.MEDIA_ROOT)
EASEL_REDIS_IS_PRIVATE = env.REDIS_IS_PRIVATE
# By the names of `gpu_tasks.providers.facts.ProviderName`.
EASEL_HOUSE_KEYS: dict[str, str] = {
    name: key.strip()
    for name, key in (("openai", env.OPENAI_API_KEY), ("stability", env.STABILITY_API_KEY))
    if key
}
EASEL_HOUSE_PROVIDERS: list[str] = (
    list(EASEL_HOUSE_KEYS) if env.HOUSE_PROVIDERS is None else env.HOUSE_PROVIDERS
)
EASEL_PROVIDER_URLS: dict[str, str] = {
    "openai": env.OPENAI_URL.rstrip("/"),
    "stability": env.STABILITY_URL.rstrip("/"),
}
# The first seals users' own keys, all of them open; without any, none are kept.
EASEL_PROVIDER_KEYS_SECRETS: list[str] = (
    [env.PROVIDER_KEYS_SECRET, *env.PROVIDER_KEYS_SECRET_FALLBACKS]
    if env.PROVIDER_KEYS_SECRET
    else []
)
EASEL_PROVIDER_TIMEOUT_SECONDS = env.PROVIDER_TIMEOUT_SECONDS
EASEL_PROVIDER_CALLS = env.PROVIDER_CALLS
EASEL_SENTRY_DSN = env.SENTRY_DSN
EASEL_TRUSTED_PROXIES = env.TRUSTED_PROXIES
EASEL_RATE_LIMIT_SCALE = env.RATE_LIMIT_SCALE
EASEL_SOCKET_CHECK_SECONDS = 30.0
EASEL_UPLOAD_MAX_BYTES = 20 * 1024**2
EASEL_UPLOAD_MAX_PIXELS = 40_000_000
# An archive within both is made while it is sent; a larger one is made in the background, on the
# disk of the scheduler.
EASEL_ARCHIVE_STREAM_PICTURES = 50
EASEL_ARCHIVE_STREAM_BYTES = 200 * 1024**2
EASEL_ARCHIVE_MAX_BYTES = env.ARCHIVE_MAX_BYTES

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "apps.accounts.authentication.BearerAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": [
        "rest_framework.permissions.IsAuthenticated",
        "apps.accounts.permissions.HasScope",
        "apps.plans.permissions.HasApiAccess",
    ],
    "DEFAULT_RENDERER_CLASSES": ["apps.core.renderers.QuickJsonRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_PAGINATION_CLASS": "apps.core.pagination.KeysetPagination",
    "DEFAULT_SCHEMA_CLASS": "apps.core.schema.EaselSchema",
    "DEFAULT_THROTTLE_CLASSES": ["apps.core.throttles.EndpointThrottle"],
    "EXCEPTION_HANDLER": "apps.core.throttles.exception_handler",
    "STRICT_JSON": True,
}

# It would believe any X-Forwarded-For; `apps.core.client_address` binds the address instead.
DJANGO_STRUCTLOG_IP_LOGGING_ENABLED = False

SPECTACULAR_SETTINGS = {
    "TITLE": "Easel API",
    "DESCRIPTION": "Prompts in, pictures out.",
    "VERSION": VERSION,
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "ArchiveStatus": "apps.images.models.ArchiveStatus",
        "ImageProvider": "gpu_tasks.providers.facts.PROVIDER_CHOICES",
        "JobState": "apps.generation.models.JobState",
    },
}

# django-redis logs what the cache could not do; the truth is in PostgreSQL all the same.
DJANGO_REDIS_IGNORE_EXCEPTIONS = True
DJANGO_REDIS_LOG_IGNORED_EXCEPTIONS = True

# Wake-ups are taken from the queue before the work: the job's row, not the message, is what
# must survive, and an unacknowledged message would only block its group.
CELERY_IMPORTS = ("gpu_tasks.tasks",)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = False
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_TASK_QUEUES = broker.task_queues()
CELERY_BROKER_TRANSPORT_OPTIONS = broker.transport_options()
# A request must not wait for a broker that is away: the sweep sends lost wake-ups again.
CELERY_TASK_PUBLISH_RETRY = False

_shared_processors: list[Any] = [
    structlog.contextvars.merge_contextvars,
    add_trace_id,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.stdlib.PositionalArgumentsFormatter(),
    # Django itself names the addresses of what it could not answer.
    hide_tokens,
]

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {
            "()": structlog.stdlib.ProcessorFormatter,
            "processors": [
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                # Without the values of variables: prompts, addresses and secrets are among them.
                structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False)),
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
            "foreign_pre_chain": _shared_processors,
        },
        "console": {
            "()": structlog.stdlib.ProcessorFormatter,
            "processors": [
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.dev.ConsoleRenderer(
                    colors=False, exception_formatter=structlog.dev.plain_traceback
                ),
            ],
            "foreign_pre_chain": _shared_processors,
        },
    },
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "formatter": env.LOG_FORMAT},
    },
    "root": {"handlers": ["stderr"], "level": env.LOG_LEVEL},
    "loggers": {
        # Without the handlers that Django gives it, which know nothing of what is left out.
        "django": {"handlers": [], "level": env.LOG_LEVEL},
        # Its lines are figures for CloudWatch, and none is an alarm there.
        "apps.core.observability.figures": {"level": "INFO"},
        "httpx": {"level": "WARNING"},
        # They would name the addresses and headers of every call.
        "httpx2": {"level": "WARNING"},
        "httpcore2": {"level": "WARNING"},
        "openai": {"level": "WARNING"},
        "stripe": {"level": "WARNING"},
        "uvicorn.access": {"level": "WARNING"},
        "botocore": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},
    },
}

structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.filter_by_level,
        *_shared_processors[1:],
        structlog.processors.StackInfoRenderer(),
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)
