"""Rules about the services beside us: what they are told, what they tell, who signs in where."""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from apps.core.cloudfront import read_private_key
from apps.core.rules import Rule

MIN_RSA_BITS = 2048
MIN_TOKEN_LENGTH = 32
USUAL_RATE_LIMIT_SCALE = 10
# Trials of a whole installation ask faster than any user.
MOST_RATE_LIMIT_SCALE = 1000
# Spot instances go two minutes after the notice.
MOST_GRACE_SECONDS = 110
LEAST_LEASE_SECONDS = 10
_OWNERS = frozenset({"easel_owner", "postgres", "rdsadmin"})
# And their twins, such as easel_web_b, while a password is changed.
_SERVING_LOGINS = ("easel_web", "easel_worker")
_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})
_CONTACT = re.compile(r"(?:mailto:[^@\s]+@[^@\s]+|https://\S+)")


def _half_of_the_cdn() -> bool:
    return bool(settings.EASEL_CDN_KEY_PAIR_ID) != bool(settings.EASEL_CDN_PRIVATE_KEY)


def _unusable_cdn_key() -> bool:
    if not settings.EASEL_CDN_PRIVATE_KEY:
        return False
    try:
        return read_private_key(settings.EASEL_CDN_PRIVATE_KEY).key_size < MIN_RSA_BITS
    except ValueError:
        return True


def _cdn_before_a_disk() -> bool:
    backend = str(settings.STORAGES["default"].get("BACKEND", ""))
    return bool(settings.EASEL_CDN_KEY_PAIR_ID) and not backend.endswith("S3FileStorage")


def _plain_provider() -> bool:
    endpoints: Mapping[str, str | None] = settings.EASEL_OIDC_ENDPOINTS
    return any(
        address and not address.startswith("https://")
        for address in (settings.EASEL_OIDC_ISSUER, *endpoints.values())
    )


def _weak_tokens() -> bool:
    return bool(settings.EASEL_OIDC_ISSUER) and not re.fullmatch(
        r"(?:RS|PS|ES)(?:256|384|512)", settings.OIDC_RP_SIGN_ALGO
    )


def _logs_everything() -> bool:
    logging: Mapping[str, Any] = settings.LOGGING
    loggers = (logging["root"], *logging["loggers"].values())
    return any(str(logger.get("level", "")).upper() in {"DEBUG", "NOTSET"} for logger in loggers)


def _short_metrics_token() -> bool:
    tokens = settings.EASEL_METRICS_TOKEN or ""
    return bool(tokens) and any(len(token) < MIN_TOKEN_LENGTH for token in tokens.split(","))


def _logins() -> set[str]:
    return {str(database.get("USER", "")) for database in settings.DATABASES.values()}


def _admin_without_its_login() -> bool:
    return settings.EASEL_SERVE_ADMIN and any(
        login.startswith(_SERVING_LOGINS) for login in _logins()
    )


def _plain_mail() -> bool:
    return (
        settings.EMAIL_BACKEND.endswith("smtp.EmailBackend")
        and not (settings.EMAIL_USE_TLS or settings.EMAIL_USE_SSL)
        and settings.EMAIL_HOST not in _THIS_MACHINE
    )


def _plain_sentry() -> bool:
    dsn = settings.EASEL_SENTRY_DSN
    return bool(dsn and not dsn.startswith("https://"))


def _void_contact() -> bool:
    contact = settings.EASEL_SECURITY_CONTACT
    return bool(contact and not _CONTACT.fullmatch(contact))


DEPLOYMENT_RULES: Sequence[Rule] = (
    Rule(
        "easel.E030",
        _half_of_the_cdn,
        "CloudFront is to serve pictures, and half of what signs for it is missing.",
        "Set both EASEL_CDN_KEY_PAIR_ID and EASEL_CDN_PRIVATE_KEY, or neither.",
    ),
    Rule(
        "easel.E031",
        _unusable_cdn_key,
        "The private key for CloudFront cannot be read, is not of RSA, or is too short.",
        "Set EASEL_CDN_PRIVATE_KEY (or _FILE) to PEM without a password, as "
        f"`openssl genrsa {MIN_RSA_BITS}` writes it.",
    ),
    Rule(
        "easel.E032",
        lambda: not settings.EASEL_HAS_FILE_STORE,
        "Pictures would lie on the disk of this process, and go with it.",
        "Set EASEL_S3_BUCKET; or EASEL_MEDIA_ROOT to a disk that all processes share.",
    ),
    Rule(
        "easel.E033",
        _cdn_before_a_disk,
        "CloudFront is to serve pictures that do not lie in a bucket.",
        "Set EASEL_S3_BUCKET, or leave EASEL_CDN_KEY_PAIR_ID out.",
    ),
    Rule(
        "easel.E034",
        _plain_provider,
        "The sign-in provider is reached without TLS.",
        "Use https:// in EASEL_OIDC_ISSUER and EASEL_OIDC_…_ENDPOINT, and EASEL_OIDC_JWKS_URI.",
    ),
    Rule(
        "easel.E035",
        _weak_tokens,
        "Tokens of the provider are taken without a signature by a key of its own.",
        "Set EASEL_OIDC_SIGN_ALGORITHM to RS256, or another of RS, PS or ES.",
    ),
    Rule(
        "easel.E036",
        _logs_everything,
        "The log has every query and what requests hold.",
        "Set EASEL_LOG_LEVEL to INFO or WARNING.",
    ),
    Rule(
        "easel.E037",
        _short_metrics_token,
        "The token that opens /metrics can be guessed.",
        f"Set EASEL_METRICS_TOKEN to at least {MIN_TOKEN_LENGTH} random characters.",
    ),
    Rule(
        "easel.E038",
        _admin_without_its_login,
        "The admin is served with a login of those that serve users.",
        "Give this service the login easel_ops, or leave EASEL_SERVE_ADMIN out.",
    ),
    Rule(
        "easel.E039",
        lambda: bool(_logins() & _OWNERS),
        "The login owns the tables: what it may do no policy bounds.",
        "Name easel_web, easel_worker or easel_ops in EASEL_DATABASE_URL and "
        "EASEL_READER_DATABASE_URL; the owner belongs in EASEL_OWNER_DATABASE_URL, for migrate.",
    ),
    Rule(
        "easel.E040",
        _plain_mail,
        "Mails, and the links in them, travel without TLS.",
        "Leave EASEL_EMAIL_USE_TLS on.",
    ),
    Rule(
        "easel.E041",
        _plain_sentry,
        "Faults are reported without TLS.",
        "Use https:// in EASEL_SENTRY_DSN.",
    ),
    Rule(
        "easel.E042",
        lambda: not 0 < settings.EASEL_RATE_LIMIT_SCALE <= MOST_RATE_LIMIT_SCALE,
        "The limits of the API are off, or so high that they limit nobody.",
        f"Set EASEL_RATE_LIMIT_SCALE to at most {USUAL_RATE_LIMIT_SCALE}.",
    ),
    Rule(
        "easel.E043",
        _void_contact,
        "security.txt would name no address that anybody can write to.",
        "Set EASEL_SECURITY_CONTACT to mailto:… or https://….",
    ),
    Rule(
        "easel.E044",
        lambda: urlsplit(settings.EASEL_HUB_URL).scheme != "https",
        "Models, and the token for them, come and go without TLS.",
        "Use https:// in EASEL_HUB_URL.",
    ),
    Rule(
        "easel.E045",
        lambda: bool(settings.EASEL_FETCH_PLAIN_HOSTS),
        "Addresses that users name are fetched from our own network.",
        "Leave EASEL_FETCH_PLAIN_HOSTS empty.",
    ),
    Rule(
        "easel.E046",
        lambda: bool(settings.EASEL_METRICS_ON_LOOPBACK),
        "/metrics is open to whatever seems to be this machine, as a proxy does.",
        "Leave EASEL_METRICS_ON_LOOPBACK off.",
    ),
    Rule(
        "easel.W047",
        lambda: settings.EASEL_LEASE_SECONDS < LEAST_LEASE_SECONDS,
        "A worker that is silent for a few seconds loses its job, which is made twice then.",
        f"Set EASEL_LEASE_SECONDS to {LEAST_LEASE_SECONDS} or more.",
        refuses=False,
    ),
    Rule(
        "easel.W048",
        lambda: settings.EASEL_SHUTDOWN_GRACE_SECONDS > MOST_GRACE_SECONDS,
        "A worker on a spot instance is gone before it hands its job back.",
        f"Set EASEL_SHUTDOWN_GRACE_SECONDS to {MOST_GRACE_SECONDS} or less.",
        refuses=False,
    ),
    Rule(
        "easel.W049",
        lambda: USUAL_RATE_LIMIT_SCALE < settings.EASEL_RATE_LIMIT_SCALE <= MOST_RATE_LIMIT_SCALE,
        "The limits of the API are those of a trial.",
        f"Set EASEL_RATE_LIMIT_SCALE to at most {USUAL_RATE_LIMIT_SCALE}.",
        refuses=False,
    ),
)
