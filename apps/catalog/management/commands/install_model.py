"""Install a model for all, here and now."""

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.accounts.models import User
from apps.catalog.install_serializers import install_detail
from apps.catalog.installs.making import make_next_install
from apps.catalog.installs.requests import request_install
from apps.catalog.models import OPEN_INSTALLS, InstallStatus, ModelInstall, ModelKind
from apps.core.errors import EaselError
from apps.core.tenancy import service_scope
from gpu_tasks.engine.family_facts import FAMILY_FACTS

LOOK_SECONDS = 1.0


class Command(BaseCommand):
    help = "Install a model that all share: from the model hub, a URL, or a bucket."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "source", help="owner/name[@revision][:file], https://…, s3://bucket/key"
        )
        parser.add_argument("--name", default="")
        parser.add_argument("--kind", choices=ModelKind.values, default="")
        parser.add_argument("--base", choices=sorted(FAMILY_FACTS), default="")
        parser.add_argument("--license", default="")
        parser.add_argument("--commercial-use", action="store_true")
        parser.add_argument("--sha256", default="")
        parser.add_argument("--by", default="", help="e-mail of the administrator who installs")

    def handle(self, *args: Any, **options: Any) -> None:
        names = ("name", "kind", "base", "license", "commercial_use")
        wanted = {name: options[name] for name in names if options[name]}
        try:
            with service_scope("install a model from the command line"):
                install = request_install(
                    user=_administrator(options["by"]),
                    source=options["source"],
                    wanted=wanted,
                    expected_sha256=options["sha256"],
                    is_shared=True,
                )
        except EaselError as error:
            problems = [text for texts in error.fields.values() for text in texts]
            raise CommandError(" ".join(problems) or str(error.detail)) from error
        ended = self._made(install)
        if ended.status != InstallStatus.READY:
            raise CommandError(f"{ended.get_status_display()}: {install_detail(ended)}")
        self.stdout.write(f"Installed {ended.model_key} ({ended.done_bytes:,} bytes)")

    def _made(self, install: ModelInstall) -> ModelInstall:
        """Work installs off until this one has ended, here or at the scheduler."""
        while True:
            with service_scope("look how far an install is"):
                install.refresh_from_db()
            if install.status not in OPEN_INSTALLS:
                return install
            if not make_next_install():
                time.sleep(LOOK_SECONDS)


def _administrator(email: str) -> User:
    found = User.objects.filter(is_active=True, is_superuser=True)
    if email:
        found = found.filter(email__iexact=email)
    user = found.order_by("created_at").first()
    if user is None:
        raise CommandError("There is no such administrator; make one, or name one with --by.")
    return user
