"""Make a picture from the terminal, by the same job, queue and worker as everybody's."""

import logging
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import override
from rest_framework.exceptions import ValidationError

from apps.accounts.models import User
from apps.core.errors import EaselError, from_exception
from apps.core.tenancy import service_scope, tenant_scope
from apps.generation.failures import failure_detail
from apps.generation.models import TERMINAL_STATES, Job, JobState
from apps.generation.orders import draw_up_order
from apps.generation.requests import GenerationRequestSerializer
from apps.generation.selectors import get_job, images_of, progress_of
from apps.generation.services.jobs import accept_order, cancel_job
from apps.generation.workers import seconds_since_last_sign
from apps.images.selectors import read_file

BAR_WIDTH = 30
POLL_SECONDS = 0.1
SECONDS_TO_A_WORKER = 5.0


class Command(BaseCommand):
    help = "Make a picture from a prompt and write it to a file."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("prompt")
        parser.add_argument("--out", type=Path, help="a PNG file; more pictures are numbered")
        parser.add_argument("--user", help="the e-mail of its owner; else the first administrator")
        parser.add_argument("--negative-prompt")
        parser.add_argument("--model")
        parser.add_argument("--scheduler")
        for name in ("width", "height", "steps", "seed", "num-images"):
            parser.add_argument(f"--{name}", type=int)
        parser.add_argument("--guidance-scale", type=float)

    def handle(self, *args: Any, **options: Any) -> None:
        # The terminal belongs to the bar; what this process would log at INFO it says in words.
        logging.getLogger("apps").setLevel(logging.WARNING)
        with override("en"):
            user = _find_user(options["user"])
            try:
                with tenant_scope(user.id):
                    job = _accept(user, options)
            except (EaselError, ValidationError) as error:
                raise CommandError(_in_words(from_exception(error))) from error
            try:
                job = self._follow(user, job)
            except KeyboardInterrupt:
                with tenant_scope(user.id):
                    cancel_job(user=user, job_id=job.id)
                raise CommandError("Cancelled.") from None
            self._report(user, job, options["out"])

    def _follow(self, user: User, job: Job) -> Job:
        asked = time.monotonic()
        warned = False
        while job.state not in TERMINAL_STATES:
            time.sleep(POLL_SECONDS)
            with tenant_scope(user.id):
                job = get_job(user=user, job_id=job.id)
            late = time.monotonic() - asked > SECONDS_TO_A_WORKER
            if late and not warned and seconds_since_last_sign() is None:
                warned = True
                self.stderr.write("\nNo worker is running; the job waits for one (`make up`).")
            self._draw_bar(job)
        self.stderr.write("")
        return job

    def _draw_bar(self, job: Job) -> None:
        progress = progress_of(jobs=[job]).get(job.id)
        percent = 100 if job.state == JobState.SUCCEEDED else progress["percent"] if progress else 0
        filled = BAR_WIDTH * percent // 100
        bar = "█" * filled + "·" * (BAR_WIDTH - filled)
        self.stderr.write(f"\r{bar} {percent:3d} %  {job.state:<10}", ending="")
        self.stderr.flush()

    def _report(self, user: User, job: Job, out: Path | None) -> None:
        if job.state == JobState.FAILED:
            raise CommandError(f"{failure_detail(job.error_code)} (error {job.error_id})")
        if job.state == JobState.CANCELLED:
            raise CommandError("The job was cancelled.")
        with tenant_scope(user.id):
            images = images_of(user=user, jobs=[job])[job.id]
        for index, image in enumerate(images):
            if out is not None:
                path = out if index == 0 else out.with_stem(f"{out.stem}-{index + 1}")
                path.write_bytes(read_file(image=image))
                self.stdout.write(f"File     {path}")
            self.stdout.write(f"Image    {image.image_name}")
        self.stdout.write(f"Seed     {job.parameters['seed']}")
        self.stdout.write(f"Seconds  {job.compute_seconds}")


def _find_user(email: str | None) -> User:
    with service_scope("find the user to generate for"):
        users = User.objects.filter(is_active=True).order_by("-is_superuser", "created_at")
        user = users.filter(email__iexact=email).first() if email else users.first()
    if user is None:
        raise CommandError("There is no such user; see `--user`, or run `make up` once.")
    return user


def _accept(user: User, options: dict[str, Any]) -> Job:
    form = GenerationRequestSerializer(
        data={name: value for name, value in options.items() if value is not None}
    )
    form.is_valid(raise_exception=True)
    return accept_order(user=user, order=draw_up_order(user=user, settings=form.validated_data))


def _in_words(error: EaselError) -> str:
    lines = [str(error.detail)]
    for name, messages in error.fields.items():
        lines += [f"  --{name.replace('_', '-')}: {message}" for message in messages]
    return "\n".join(lines)
