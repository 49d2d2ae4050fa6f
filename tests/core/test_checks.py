"""What production refuses to start on, one weak setting at a time, and in real processes."""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured

from apps.core.checks import RULES, check_strength, refuse_weak_settings
from tests.cloudfront import new_private_key

SECRET = secrets.token_urlsafe(50)
# What CloudFront's other kind of key looks like, by which we do not sign.
ELLIPTIC = (
    ec.generate_private_key(ec.SECP256R1())
    .private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    .decode()
)
STRONG: dict[str, Any] = {
    "DEBUG": False,
    "SECRET_KEY": SECRET,
    "SECRET_KEY_FALLBACKS": [],
    "ALLOWED_HOSTS": ["easel.example"],
    "SESSION_COOKIE_SECURE": True,
    "CSRF_COOKIE_SECURE": True,
    "SECURE_SSL_REDIRECT": True,
    "SECURE_HSTS_SECONDS": 365 * 24 * 3600,
    "SECURE_PROXY_SSL_HEADER": ("HTTP_X_FORWARDED_PROTO", "https"),
    "CSRF_TRUSTED_ORIGINS": ["https://easel.example"],
    "CHANNEL_LAYERS": {"default": {"CONFIG": {"hosts": [{"address": "rediss://cache/0"}]}}},
    "CELERY_BROKER_URL": "sqs://",
    "EASEL_REDIS_IS_PRIVATE": False,
    "EASEL_TRUSTED_PROXIES": 1,
    "EASEL_SERVE_ADMIN": True,
    "EASEL_PUBLIC_URL": "https://easel.example",
    "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
    "PASSWORD_HASHERS": ["django.contrib.auth.hashers.PBKDF2PasswordHasher"],
    "STORAGES": {
        "default": {"BACKEND": "apps.core.s3_storage.S3FileStorage", "OPTIONS": {}},
    },
    "EASEL_HAS_FILE_STORE": True,
    "EASEL_OWNER_DATABASE": None,
    "EASEL_METRICS_ON_LOOPBACK": False,
    "EASEL_CDN_KEY_PAIR_ID": "K2JCJMDEHXQW5F",
    "EASEL_CDN_PRIVATE_KEY": new_private_key(),
    "EASEL_OIDC_ISSUER": "https://provider.example",
    "EASEL_METRICS_TOKEN": secrets.token_urlsafe(32),
    "EASEL_SENTRY_DSN": "https://key@sentry.example/1",
    "EASEL_SECURITY_CONTACT": "mailto:security@easel.example",
    "EMAIL_HOST": "smtp.easel.example",
    "EMAIL_USE_TLS": True,
}


def database(**fields: Any) -> dict[str, Any]:
    strong = {
        "ENGINE": "apps.core.postgresql",
        "HOST": "db",
        "USER": "easel_ops",
        "OPTIONS": {"sslmode": "verify-full"},
    }
    return {"default": strong | fields}


def redis_cache(url: str, backend: str = "django_redis.cache.RedisCache") -> dict[str, Any]:
    return {"default": {"BACKEND": backend, "LOCATION": url}}


class Change:
    """Set settings for one test; no signal is sent, which would close what the tests use."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    def __call__(self, **values: Any) -> None:
        for name, value in values.items():
            self._monkeypatch.setattr(django_settings, name, value)


@pytest.fixture
def change() -> Iterator[Change]:
    # Undone before the queues are emptied, which asks the settings where they are.
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield Change(monkeypatch)


@pytest.fixture
def strong(change: Change) -> None:
    """Settings with which nothing is wrong."""
    change(
        **STRONG,
        DATABASES=database(),
        CACHES=redis_cache("rediss://:x@cache/0"),
        EASEL_REFUSE_WEAK_SETTINGS=True,
    )


def bucket(**options: Any) -> dict[str, Any]:
    backend = "apps.core.s3_storage.S3FileStorage"
    return {"default": {"BACKEND": backend, "OPTIONS": options}}


def csp(source: str) -> dict[str, Any]:
    return {"DIRECTIVES": {"default-src": ["'self'"], "script-src": ["'self'", source]}}


WEAK: list[tuple[str, str, Any]] = [
    ("easel.E001", "DEBUG", True),
    ("easel.E002", "SECRET_KEY", "xq7-Tz"),
    ("easel.E002", "SECRET_KEY", "abc" * 30),
    ("easel.E002", "SECRET_KEY", "django-insecure-" + SECRET),
    ("easel.E002", "SECRET_KEY_FALLBACKS", ["the former one"]),
    ("easel.E003", "ALLOWED_HOSTS", []),
    ("easel.E003", "ALLOWED_HOSTS", ["easel.example", "*"]),
    ("easel.E004", "SESSION_COOKIE_SECURE", False),
    ("easel.E004", "SESSION_COOKIE_HTTPONLY", False),
    ("easel.E004", "SESSION_COOKIE_SAMESITE", "None"),
    ("easel.E005", "CSRF_COOKIE_SECURE", False),
    ("easel.E005", "CSRF_COOKIE_SAMESITE", False),
    ("easel.E006", "SECURE_SSL_REDIRECT", False),
    ("easel.E007", "SECURE_HSTS_SECONDS", 0),
    ("easel.E007", "SECURE_HSTS_SECONDS", 3600),
    ("easel.E008", "CSRF_TRUSTED_ORIGINS", ["http://easel.example"]),
    ("easel.E008", "CSRF_TRUSTED_ORIGINS", ["https://*"]),
    ("easel.E009", "CONTENT_SECURITY_POLICY", csp("'unsafe-inline'")),
    ("easel.E009", "CONTENT_SECURITY_POLICY", csp("'unsafe-eval'")),
    ("easel.E009", "CONTENT_SECURITY_POLICY", csp("https:")),
    ("easel.E009", "CONTENT_SECURITY_POLICY", {}),
    ("easel.E010", "DATABASES", database(ENGINE="django.db.backends.sqlite3")),
    ("easel.E011", "DATABASES", database(OPTIONS={})),
    ("easel.E011", "DATABASES", database(OPTIONS={"sslmode": "prefer"})),
    ("easel.E011", "DATABASES", database() | {"admin": database(OPTIONS={})["default"]}),
    ("easel.E011", "EASEL_OWNER_DATABASE", database(OPTIONS={})["default"]),
    ("easel.E012", "CACHES", redis_cache("redis://cache/0")),
    ("easel.E012", "CELERY_BROKER_URL", "redis://cache/0"),
    ("easel.E012", "CHANNEL_LAYERS", {"default": {"CONFIG": {"hosts": ["redis://cache/0"]}}}),
    ("easel.E013", "CACHES", redis_cache("rediss://cache/0?ssl_cert_reqs=none")),
    ("easel.E014", "CELERY_BROKER_URL", "memory://"),
    ("easel.E015", "CACHES", redis_cache("", "django.core.cache.backends.locmem.LocMemCache")),
    ("easel.E016", "STORAGES", bucket(endpoint_url="http://store")),
    ("easel.E017", "PASSWORD_HASHERS", ["django.contrib.auth.hashers.MD5PasswordHasher"]),
    ("easel.E018", "EMAIL_BACKEND", "django.core.mail.backends.console.EmailBackend"),
    ("easel.E019", "EASEL_DEMO_SIGN_IN", "demo@easel.local"),
    ("easel.E021", "EASEL_STRIPE_API_URL", "http://127.0.0.1:1"),
    ("easel.E022", "STRIPE_SECRET_KEY", "sk_live_of_nobody"),
    ("easel.E023", "EASEL_PUBLIC_URL", "http://easel.example"),
    ("easel.E024", "CELERY_BROKER_TRANSPORT_OPTIONS", {"endpoint_url": "http://queue"}),
    ("easel.E025", "EASEL_PROVIDER_URLS", {"openai": "http://127.0.0.1:8098/v1"}),
    ("easel.E026", "EASEL_PROVIDER_KEYS_SECRETS", [SECRET, "short"]),
    ("easel.E027", "EASEL_HOUSE_PROVIDERS", ["openai", "opanai"]),
    ("easel.W020", "EASEL_TRUSTED_PROXIES", 0),
    ("easel.E030", "EASEL_CDN_KEY_PAIR_ID", ""),
    ("easel.E030", "EASEL_CDN_PRIVATE_KEY", ""),
    ("easel.E031", "EASEL_CDN_PRIVATE_KEY", new_private_key(1024)),
    ("easel.E031", "EASEL_CDN_PRIVATE_KEY", "-----BEGIN PRIVATE KEY-----\nx\n"),
    ("easel.E031", "EASEL_CDN_PRIVATE_KEY", ELLIPTIC),
    ("easel.E032", "EASEL_HAS_FILE_STORE", False),
    (
        "easel.E033",
        "STORAGES",
        {"default": {"BACKEND": "apps.core.storage.AtomicFileSystemStorage"}},
    ),
    ("easel.E034", "EASEL_OIDC_ISSUER", "http://provider.example"),
    ("easel.E034", "EASEL_OIDC_ENDPOINTS", {"jwks_uri": "http://provider.example/keys"}),
    ("easel.E035", "OIDC_RP_SIGN_ALGO", "HS256"),
    ("easel.E035", "OIDC_RP_SIGN_ALGO", "none"),
    ("easel.E036", "LOGGING", {"root": {"level": "debug"}, "loggers": {}}),
    ("easel.E036", "LOGGING", {"root": {}, "loggers": {"django.db": {"level": "DEBUG"}}}),
    ("easel.E037", "EASEL_METRICS_TOKEN", "scrape"),
    ("easel.E037", "EASEL_METRICS_TOKEN", secrets.token_urlsafe(32) + ","),
    ("easel.E038", "DATABASES", database(USER="easel_web")),
    ("easel.E038", "DATABASES", database() | {"reader": database(USER="easel_web")["default"]}),
    ("easel.E038", "DATABASES", database(USER="easel_web_b")),
    ("easel.E039", "DATABASES", database(USER="easel_owner")),
    ("easel.E039", "DATABASES", database(USER="postgres")),
    ("easel.E040", "EMAIL_USE_TLS", False),
    ("easel.E041", "EASEL_SENTRY_DSN", "http://key@sentry.example/1"),
    ("easel.E042", "EASEL_RATE_LIMIT_SCALE", 1e6),
    ("easel.E042", "EASEL_RATE_LIMIT_SCALE", 0.0),
    ("easel.E043", "EASEL_SECURITY_CONTACT", "security@easel.example"),
    ("easel.E043", "EASEL_SECURITY_CONTACT", "http://easel.example/report"),
    (
        "easel.E043",
        "EASEL_SECURITY_CONTACT",
        "mailto:x@easel.example\nCanonical: https://evil.example",
    ),
    ("easel.E044", "EASEL_HUB_URL", "http://hub.example"),
    ("easel.E045", "EASEL_FETCH_PLAIN_HOSTS", frozenset({"127.0.0.1:80"})),
    ("easel.E046", "EASEL_METRICS_ON_LOOPBACK", True),
    ("easel.W047", "EASEL_LEASE_SECONDS", 3.0),
    ("easel.W049", "EASEL_RATE_LIMIT_SCALE", 1000.0),
    ("easel.W048", "EASEL_SHUTDOWN_GRACE_SECONDS", 600.0),
]


@pytest.mark.usefixtures("strong")
def test_strong_settings_pass() -> None:
    assert check_strength() == []
    refuse_weak_settings()


# Without the values, of which some are made anew for each process.
WEAK_NAMES = [f"{name}-{number}" for number, (_rule, name, _value) in enumerate(WEAK)]


@pytest.mark.usefixtures("strong")
@pytest.mark.parametrize(("rule", "name", "value"), WEAK, ids=WEAK_NAMES)
def test_one_weak_setting_is_found_and_named(
    rule: str, name: str, value: Any, change: Change
) -> None:
    change(**{name: value})

    assert [message.id for message in check_strength()] == [rule]
    if rule.startswith("easel.W"):
        refuse_weak_settings()
        return
    with pytest.raises(ImproperlyConfigured, match=rule) as refusal:
        refuse_weak_settings()
    if name.endswith(("SECRET_KEY", "PRIVATE_KEY")) and value:
        assert value not in str(refusal.value)


def test_every_rule_has_a_weak_setting_in_the_table() -> None:
    assert {rule for rule, _name, _value in WEAK} == {rule.id for rule in RULES}


@pytest.mark.usefixtures("strong")
def test_a_private_network_needs_no_tls_to_redis(change: Change) -> None:
    change(CACHES=redis_cache("redis://cache/0"), EASEL_REDIS_IS_PRIVATE=True)

    assert check_strength() == []


@pytest.mark.usefixtures("strong")
def test_a_database_behind_a_unix_socket_needs_no_tls(change: Change) -> None:
    change(DATABASES=database(HOST="/run/postgresql", OPTIONS={}))

    assert check_strength() == []


@pytest.mark.usefixtures("strong")
def test_a_mail_server_on_this_machine_needs_no_tls(change: Change) -> None:
    change(EMAIL_HOST="127.0.0.1", EMAIL_USE_TLS=False)

    assert check_strength() == []


@pytest.mark.usefixtures("strong")
def test_without_provider_cdn_metrics_and_contact_nothing_is_asked_of_them(change: Change) -> None:
    change(
        EASEL_OIDC_ISSUER=None,
        OIDC_RP_SIGN_ALGO="HS256",
        EASEL_CDN_KEY_PAIR_ID="",
        EASEL_CDN_PRIVATE_KEY="",
        EASEL_METRICS_TOKEN=None,
        EASEL_SENTRY_DSN=None,
        EASEL_SECURITY_CONTACT=None,
    )

    assert check_strength() == []


def test_where_weak_settings_are_meant_everything_starts(change: Change) -> None:
    change(DEBUG=True)

    refuse_weak_settings()


ENVIRONMENT = {
    "DJANGO_SETTINGS_MODULE": "config.settings.production",
    "PATH": os.environ["PATH"],
    "EASEL_SECRET_KEY": SECRET,
    "EASEL_ALLOWED_HOSTS": "easel.example",
    "EASEL_EMAIL_HOST": "smtp.easel.example",
    "EASEL_CSRF_TRUSTED_ORIGINS": "https://easel.example",
    "EASEL_DATABASE_URL": "postgresql://web:x@127.0.0.1:1/easel?sslmode=verify-full",
    "EASEL_REDIS_URL": "rediss://:x@127.0.0.1:1/0",
    "EASEL_BROKER_URL": "sqs://",
    "EASEL_SQS_QUEUE_URL_PREFIX": "https://sqs.eu-central-1.amazonaws.com/123456789012/",
    "EASEL_S3_BUCKET": "pictures",
    "EASEL_TRUSTED_PROXIES": "1",
    "EASEL_PUBLIC_URL": "https://easel.example/",
}
WEAKER = {
    "EASEL_SECRET_KEY": "short",
    "EASEL_ALLOWED_HOSTS": "*",
    "EASEL_EMAIL_HOST": "smtp.easel.example",
    "EASEL_DATABASE_URL": "postgresql://web:x@127.0.0.1:1/easel",
    "EASEL_REDIS_URL": "redis://127.0.0.1:1/0",
    "EASEL_S3_ENDPOINT_URL": "http://store",
}
WEAKER_RULES = ["easel.E002", "easel.E003", "easel.E011", "easel.E012", "easel.E016"]


def run(*words: str, **changes: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words],
        cwd=django_settings.BASE_DIR,
        env=ENVIRONMENT | changes,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


CHECK = ("manage.py", "check", "--deploy", "--fail-level", "WARNING")


@pytest.mark.slow
def test_production_settings_pass_the_check_with_a_good_environment() -> None:
    result = run(*CHECK)

    assert result.returncode == 0, result.stderr
    assert "no issues" in result.stdout


@pytest.mark.slow
def test_production_settings_fail_the_check_with_a_weak_environment() -> None:
    result = run(*CHECK, **WEAKER)

    assert result.returncode == 1
    for rule in WEAKER_RULES:
        assert rule in result.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    "start",
    [
        ("-c", "import config.asgi"),
        ("-c", "import config.wsgi"),
        ("manage.py", "run_scheduler"),
        pytest.param(
            ("-m", "celery", "-A", "config", "worker", "-Q", "easel-gpu-basic.fifo"),
            # It imports torch before it looks.
            marks=pytest.mark.slow,
        ),
    ],
    ids=["asgi", "wsgi", "scheduler", "worker"],
)
def test_no_process_starts_on_weak_settings(start: tuple[str, ...]) -> None:
    result = run(*start, **WEAKER)

    assert result.returncode != 0
    output = result.stdout + result.stderr
    assert "These settings are too weak to start on." in output
    for rule in WEAKER_RULES:
        assert rule in output
