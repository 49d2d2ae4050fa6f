"""Settings that are too weak for production, for `manage.py check --deploy` and for the start.

Each names what to set. None shows a value: the list may end in a log.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Tags
from django.core.exceptions import ImproperlyConfigured

from apps.core.deployment_rules import DEPLOYMENT_RULES
from apps.core.rules import Rule

MIN_SECRET_LENGTH = 50
MIN_SECRET_CHARACTERS = 10
MIN_HSTS_SECONDS = 30 * 24 * 3600
SAFE_SSL_MODES = frozenset({"require", "verify-ca", "verify-full"})
_LOCAL_EMAIL = ("console", "locmem", "dummy", "filebased")
_LOCAL_BROKERS = frozenset({"memory", "filesystem"})
_UNSAFE_SOURCES = frozenset({"'unsafe-inline'", "'unsafe-eval'", "*", "http:", "https:", "data:"})
_FAST_HASHERS = (".MD5", ".SHA1", ".Unsalted")


def _weak_secret() -> bool:
    secrets = [str(key) for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]
    return any(_is_weak(secret) for secret in secrets)


def _is_weak(secret: str) -> bool:
    return (
        len(secret) < MIN_SECRET_LENGTH
        or len(set(secret)) < MIN_SECRET_CHARACTERS
        or secret.startswith("django-insecure-")
    )


def _any_host() -> bool:
    hosts = settings.ALLOWED_HOSTS
    return not hosts or any(host.strip() in {"", "*", "."} for host in hosts)


def _weak_session_cookie() -> bool:
    return not (
        settings.SESSION_COOKIE_SECURE
        and settings.SESSION_COOKIE_HTTPONLY
        and settings.SESSION_COOKIE_SAMESITE in {"Lax", "Strict"}
    )


def _weak_csrf_cookie() -> bool:
    return not (settings.CSRF_COOKIE_SECURE and settings.CSRF_COOKIE_SAMESITE in {"Lax", "Strict"})


def _open_origins() -> bool:
    return any(
        not origin.startswith("https://") or origin == "https://*"
        for origin in settings.CSRF_TRUSTED_ORIGINS
    )


def _script_sources() -> set[str]:
    policy: Mapping[str, Any] = getattr(settings, "CONTENT_SECURITY_POLICY", None) or {}
    directives = policy.get("DIRECTIVES", {})
    return set(directives.get("script-src", directives.get("default-src", ["*"])))


def _databases() -> Iterator[Mapping[str, Any]]:
    yield from settings.DATABASES.values()
    if settings.EASEL_OWNER_DATABASE:
        yield settings.EASEL_OWNER_DATABASE


def _other_database() -> bool:
    return any(d["ENGINE"] != "apps.core.postgresql" for d in _databases())


def _plain_database() -> bool:
    return any(
        d.get("OPTIONS", {}).get("sslmode") not in SAFE_SSL_MODES
        # A Unix socket is not on any network.
        and not str(d.get("HOST") or "/").startswith("/")
        for d in _databases()
    )


def _queue_and_cache_urls() -> list[str]:
    urls = [str(cache.get("LOCATION", "")) for cache in settings.CACHES.values()]
    for layer in settings.CHANNEL_LAYERS.values():
        hosts = layer.get("CONFIG", {}).get("hosts", [])
        urls.extend(h["address"] if isinstance(h, Mapping) else str(h) for h in hosts)
    return [*urls, settings.CELERY_BROKER_URL]


def _plain_redis() -> bool:
    if settings.EASEL_REDIS_IS_PRIVATE:
        return False
    return any(urlsplit(url).scheme == "redis" for url in _queue_and_cache_urls())


def _unchecked_redis() -> bool:
    return any(
        parse_qs(urlsplit(url).query).get("ssl_cert_reqs", ["required"])[-1].lower()
        not in {"required", "cert_required"}
        for url in _queue_and_cache_urls()
    )


def _local_broker() -> bool:
    return urlsplit(settings.CELERY_BROKER_URL).scheme in _LOCAL_BROKERS


def _local_cache() -> bool:
    return any("redis" not in str(c["BACKEND"]).lower() for c in settings.CACHES.values())


def _plain_store() -> bool:
    endpoint = settings.STORAGES["default"].get("OPTIONS", {}).get("endpoint_url")
    return bool(endpoint) and not str(endpoint).startswith("https://")


def _plain_queue() -> bool:
    endpoint = settings.CELERY_BROKER_TRANSPORT_OPTIONS.get("endpoint_url")
    return bool(endpoint) and not str(endpoint).startswith("https://")


def _half_of_stripe() -> bool:
    # The webhooks come to the service that serves the admin; the others do not need their secret.
    needs_secret = bool(settings.STRIPE_SECRET_KEY) and settings.EASEL_SERVE_ADMIN
    return needs_secret and not settings.EASEL_STRIPE_WEBHOOK_SECRET


RULES: Sequence[Rule] = (
    Rule(
        "easel.E001",
        lambda: bool(settings.DEBUG),
        "DEBUG is on: error pages would show source code and settings.",
        "Use config.settings.production, and leave DEBUG out of it.",
    ),
    Rule(
        "easel.E002",
        _weak_secret,
        "SECRET_KEY, or one that it replaced, is short, uniform or made for trying things out.",
        f"Set EASEL_SECRET_KEY (and each of EASEL_SECRET_KEY_FALLBACKS) to at least "
        f"{MIN_SECRET_LENGTH} random characters.",
    ),
    Rule(
        "easel.E003",
        _any_host,
        "ALLOWED_HOSTS is empty or admits any name.",
        "Set EASEL_ALLOWED_HOSTS to the names that this service is reached by.",
    ),
    Rule(
        "easel.E004",
        _weak_session_cookie,
        "The session cookie may travel without TLS, be read by scripts, or come from other sites.",
        "Set SESSION_COOKIE_SECURE, SESSION_COOKIE_HTTPONLY, and SESSION_COOKIE_SAMESITE to Lax.",
    ),
    Rule(
        "easel.E005",
        _weak_csrf_cookie,
        "The CSRF cookie may travel without TLS or come from other sites.",
        "Set CSRF_COOKIE_SECURE, and CSRF_COOKIE_SAMESITE to Lax.",
    ),
    Rule(
        "easel.E006",
        lambda: not settings.SECURE_SSL_REDIRECT,
        "Requests without TLS are answered.",
        "Set SECURE_SSL_REDIRECT.",
    ),
    Rule(
        "easel.E007",
        lambda: settings.SECURE_HSTS_SECONDS < MIN_HSTS_SECONDS,
        "Browsers are not told to come back by TLS alone.",
        "Set SECURE_HSTS_SECONDS to 30 days or more.",
    ),
    Rule(
        "easel.E008",
        _open_origins,
        "CSRF_TRUSTED_ORIGINS admits an origin without TLS, or any.",
        "Name https:// origins in EASEL_CSRF_TRUSTED_ORIGINS.",
    ),
    Rule(
        "easel.E009",
        lambda: bool(_script_sources() & _UNSAFE_SOURCES),
        "The content security policy admits scripts that are no files of ours.",
        "Take the unsafe sources out of script-src, or of default-src.",
    ),
    Rule(
        "easel.E010",
        _other_database,
        "The database is not PostgreSQL, which alone keeps tenants apart.",
        "Set EASEL_DATABASE_URL to a postgresql:// URL.",
    ),
    Rule(
        "easel.E011",
        _plain_database,
        "The connection to the database may be unencrypted.",
        "End EASEL_DATABASE_URL with ?sslmode=verify-full (or verify-ca, or require).",
    ),
    Rule(
        "easel.E012",
        _plain_redis,
        "Redis is reached without TLS.",
        "Use rediss:// in EASEL_REDIS_URL and EASEL_BROKER_URL; or, where nobody else is on the "
        "network between, set EASEL_REDIS_IS_PRIVATE.",
    ),
    Rule(
        "easel.E013",
        _unchecked_redis,
        "The certificate of Redis is not checked.",
        "Take ssl_cert_reqs out of EASEL_REDIS_URL and EASEL_BROKER_URL.",
    ),
    Rule(
        "easel.E014",
        _local_broker,
        "The queue does not leave this process or machine.",
        "Set EASEL_BROKER_URL to sqs:// or rediss://.",
    ),
    Rule(
        "easel.E015",
        _local_cache,
        "The cache is not Redis: rate limits and sessions would differ from process to process.",
        "Set EASEL_REDIS_URL.",
    ),
    Rule(
        "easel.E016",
        _plain_store,
        "Files are stored without TLS.",
        "Use https:// in EASEL_S3_ENDPOINT_URL, or leave it out.",
    ),
    Rule(
        "easel.E017",
        lambda: any(name in h for h in settings.PASSWORD_HASHERS for name in _FAST_HASHERS),
        "Passwords are hashed by a function that is quick to try.",
        "Leave PASSWORD_HASHERS as Django has them.",
    ),
    Rule(
        "easel.E018",
        lambda: settings.EMAIL_BACKEND.split(".")[-2] in _LOCAL_EMAIL,
        "E-mail is printed or kept and never sent; what is printed may hold links to sign in by.",
        "Use a backend that sends.",
    ),
    Rule(
        "easel.E019",
        lambda: settings.EASEL_DEMO_SIGN_IN is not None,
        "The sign-in page names the demo user.",
        "Leave EASEL_DEMO_SIGN_IN as None.",
    ),
    Rule(
        "easel.E023",
        lambda: not settings.EASEL_PUBLIC_URL.startswith("https://"),
        "Links in mails would lead to a page without TLS, or to the reader's own machine.",
        "Set EASEL_PUBLIC_URL to the https:// address that users reach the pages by.",
    ),
    Rule(
        "easel.E021",
        lambda: bool(settings.EASEL_STRIPE_API_URL),
        "Payments go to a stand-in of Stripe, which pays whatever it is asked.",
        "Leave EASEL_STRIPE_API_URL out.",
    ),
    Rule(
        "easel.E022",
        _half_of_stripe,
        "Payments are on, and nothing that Stripe tells can be believed.",
        "Set EASEL_STRIPE_WEBHOOK_SECRET, or leave EASEL_STRIPE_SECRET_KEY out.",
    ),
    Rule(
        "easel.E024",
        _plain_queue,
        "The queue is reached without TLS.",
        "Use https:// in EASEL_SQS_ENDPOINT_URL, or leave it out.",
    ),
    Rule(
        "easel.E025",
        lambda: any(
            not url.startswith("https://") for url in settings.EASEL_PROVIDER_URLS.values()
        ),
        "Prompts and keys go to an image service without TLS, or to a stand-in.",
        "Leave EASEL_OPENAI_URL and EASEL_STABILITY_URL out, or begin them with https://.",
    ),
    Rule(
        "easel.E026",
        lambda: any(_is_weak(secret) for secret in settings.EASEL_PROVIDER_KEYS_SECRETS),
        "The secret that seals users' keys at image services is short or uniform.",
        "Set EASEL_PROVIDER_KEYS_SECRET (and each of its fallbacks) to at least "
        f"{MIN_SECRET_LENGTH} random characters, or leave it out.",
    ),
    Rule(
        "easel.E027",
        lambda: not set(settings.EASEL_HOUSE_PROVIDERS) <= set(settings.EASEL_PROVIDER_URLS),
        "There is said to be a key of an image service that is none.",
        "Name services of docs/providers.md alone in EASEL_HOUSE_PROVIDERS, with commas between.",
    ),
    Rule(
        "easel.W020",
        lambda: settings.SECURE_PROXY_SSL_HEADER is not None and not settings.EASEL_TRUSTED_PROXIES,
        "A proxy is trusted to tell about TLS but not about clients: all of them would share its "
        "address, and with it the limit on failed sign-ins.",
        "Set EASEL_TRUSTED_PROXIES to the number of your proxies.",
        refuses=False,
    ),
    *DEPLOYMENT_RULES,
)


@checks.register(Tags.security, deploy=True)
def check_strength(**_: Any) -> list[CheckMessage]:
    """Return a message for each rule that is broken."""
    return [rule.message() for rule in RULES if rule.is_broken()]


def refuse_weak_settings() -> None:
    """Stop a process that serves from starting on weak settings; does nothing outside production.

    Raises:
        ImproperlyConfigured: with every problem and what to do about it.
    """
    if not settings.EASEL_REFUSE_WEAK_SETTINGS:
        return
    broken = [rule for rule in RULES if rule.refuses and rule.is_broken()]
    if broken:
        lines = (f"{rule.id}: {rule.problem} {rule.advice}" for rule in broken)
        raise ImproperlyConfigured("These settings are too weak to start on.\n" + "\n".join(lines))
