"""What an operator gives an environment beyond what is in the files, so that all of it is there."""

from collections.abc import Mapping
from typing import Any

GIVEN: Mapping[str, Any] = {
    "pagerduty_endpoint": "https://events.pagerduty.example/integration",
    "slack_workspace_id": "T0123456789",
    "slack_channel_id": "C0123456789",
    "security_contact": "mailto:security@mail.example",
    "otlp_endpoint": "https://traces.easel.example",
    "optional_secrets": [
        "email-password",
        "hub-token",
        "openai-api-key",
        "provider-keys-secret",
        "provider-keys-secret-fallbacks",
        "secret-key-fallbacks",
        "sentry-dsn",
        "stability-api-key",
        "stripe-secret-key",
        "stripe-webhook-secret",
    ],
    "mail": {
        "identity_arn": "arn:aws:ses:ap-northeast-2:000000000000:identity/mail.example",
        "from": "Easel <no-reply@mail.example>",
        "smtp_user": "smtp",
    },
}
