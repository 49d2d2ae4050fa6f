"""Prepare a fresh machine: a demo user, its plan, the starter model."""

import secrets
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from apps.accounts.services.users import ensure_administrator
from apps.catalog.services import install_starter_model
from apps.core.tenancy import service_scope
from apps.credits.services.grants import add_grant
from apps.generation.provided import enter_models_of_providers
from apps.plans.products import PLANS, CreditSource
from apps.plans.selectors import plan_of
from apps.plans.services.subscriptions import start_subscription
from config import env

DEMO_CREDITS = 1_000_000


class Command(BaseCommand):
    help = "Create the demo user on an unlimited plan and install the starter model."

    def handle(self, *args: Any, **options: Any) -> None:
        email: str | None = settings.EASEL_DEMO_SIGN_IN
        if email is None:
            raise CommandError("There is no demo user under these settings.")
        password = _demo_password(env.VAR_DIR / "demo_password")
        with service_scope("prepare this machine"):
            model = install_starter_model()
            user, created = ensure_administrator(email=email, password=password, name="Demo")
            if plan_of(user=user).slug != "enterprise":
                start_subscription(user=user, plan=PLANS["enterprise"])
            now = timezone.now()
            add_grant(
                user_id=user.id,
                source=CreditSource.GIFT,
                amount=DEMO_CREDITS,
                valid_from=now,
                valid_until=now + timedelta(days=3650),
                key="demo",
                reason="the demo user of this machine",
            )
        enter_models_of_providers()
        self.stdout.write(f"Model    {model.name} ({model.key})")
        self.stdout.write(f"Sign in  {email}")
        if created or user.check_password(password):
            self.stdout.write(f"Password {password}")
        else:
            self.stdout.write("Password as you have set it")


def _demo_password(path: Path) -> str:
    """Return this checkout's demo password: chosen by the environment, or made once."""
    if env.DEMO_PASSWORD:
        return env.DEMO_PASSWORD
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(9))
    return path.read_text()
