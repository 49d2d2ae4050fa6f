"""Make installs in the background, whatever happens to the one who does."""

import fcntl
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

import structlog
from django.conf import settings
from django.db import DatabaseError
from django.utils import translation
from django.utils.translation import gettext as _

from apps.catalog.installs.claims import (
    Superseded,
    claim_next_install,
    fail_install,
    lease_kept,
    report_bytes,
)
from apps.catalog.installs.completing import complete_checkpoint
from apps.catalog.installs.downloads import check_digest, download
from apps.catalog.installs.entering import check_enterable, enter_model
from apps.catalog.installs.hub import hub_authorization, plan_hub_install
from apps.catalog.installs.plans import InstallPlan, WantedFile
from apps.catalog.installs.requests import check_room
from apps.catalog.installs.unpacking import is_archive, model_root, unpack
from apps.catalog.installs.uploads import delete_parts, uploaded_pieces
from apps.catalog.models import OPEN_INSTALLS, InstallSource, ModelInstall
from apps.catalog.probing import ProbeRefused, probe
from apps.catalog.storage import is_safe_path
from apps.core.errors import EaselError, TooLarge
from apps.core.fetch_targets import FetchError
from apps.core.tenancy import tenant_scope

logger = structlog.get_logger(__name__)

PROGRESS_SECONDS = 1.0
_PLAIN_NAME = "model.safetensors"


def make_installs() -> int:
    """Make every install that waits; return how many were brought to their end.

    Raises:
        DatabaseError, OSError: a part is away; the install is taken up when its lease ends.
    """
    made = 0
    while make_next_install():
        made += 1
    return made


def make_next_install() -> bool:
    """Claim an install and make it; False if none is due."""
    install = claim_next_install()
    if install is None:
        return False
    work = settings.EASEL_INSTALL_DIRECTORY / str(install.id)
    try:
        with lease_kept(install), _alone(work), translation.override(install.user.mail_language):
            _make(install, work)
    except (DatabaseError, OSError):
        # What is here of it stays: the next attempt goes on from there.
        raise
    except Superseded:
        logger.info("install_given_up", install_id=str(install.id))
        if not _has_ended(install):
            # Another maker goes on with what is here.
            return True
    except (ProbeRefused, FetchError, EaselError) as error:
        error_id = fail_install(install, detail=str(error.detail))
        logger.warning(
            "install_refused", install_id=str(install.id), error_id=error_id, reason=str(error)
        )
    except Exception:
        error_id = fail_install(install, detail="")
        logger.exception("install_failed", install_id=str(install.id), error_id=error_id)
    shutil.rmtree(work, ignore_errors=True)
    delete_parts(install)
    return True


@contextmanager
def _alone(work: Path) -> Iterator[None]:
    """Keep `work` from another maker on this machine, whose lease ended while it still writes.

    Raises:
        BlockingIOError: there is one.
    """
    work.mkdir(parents=True, exist_ok=True)
    with (work / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


def _has_ended(install: ModelInstall) -> bool:
    with tenant_scope(install.user_id):
        mine = ModelInstall.objects.filter(user=install.user_id, id=install.id)
        return not mine.filter(status__in=sorted(OPEN_INSTALLS)).exists()


def _make(install: ModelInstall, work: Path) -> None:
    plan = _plan(install)
    progress = _Progress(install, plan)
    files = work / "files"
    for file in plan.files:
        target = files / file.path
        if install.source_kind == InstallSource.UPLOAD:
            _put_together(install, target, progress)
        else:
            download(
                file,
                target,
                most_bytes=settings.EASEL_INSTALL_MAX_BYTES,
                report=progress.report,
                authorization=_authorization(install, file),
            )
        progress.end_file(target.stat().st_size)
    root = _unpacked(plan, files, work)
    found = probe(root)
    check_enterable(install, found=found, size_bytes=progress.done_bytes)
    secret = hub_authorization() if install.is_shared else ""

    def fetch(file: WantedFile, target: Path) -> None:
        download(
            file,
            target,
            most_bytes=settings.EASEL_INSTALL_MAX_BYTES,
            report=progress.report,
            authorization=secret,
        )
        progress.end_file(target.stat().st_size)

    root = complete_checkpoint(
        root,
        found=found,
        base=found.base(str(install.wanted.get("base") or "")),
        work=work,
        authorization=secret,
        fetch=fetch,
    )
    enter_model(install, root=root, found=found, facts=plan.facts)


def _plan(install: ModelInstall) -> InstallPlan:
    match install.source_kind:
        case InstallSource.HUB:
            secret = hub_authorization() if install.is_shared else ""
            plan = plan_hub_install(install.source, authorization=secret)
        case InstallSource.S3:
            from apps.catalog.installs.s3_source import plan_s3_install

            plan = plan_s3_install(install.source)
        case InstallSource.UPLOAD:
            name = _file_name(install.file_name)
            plan = InstallPlan([WantedFile(name, "upload", install.total_bytes)])
        case _:
            name = _file_name(unquote(urlsplit(install.source).path))
            plan = InstallPlan([WantedFile(name, install.source)])
    if install.expected_sha256:
        plan = _with_digest(plan, install.expected_sha256)
    return plan


def _with_digest(plan: InstallPlan, sha256: str) -> InstallPlan:
    if len(plan.files) != 1:
        raise ProbeRefused(_("A SHA-256 can only be named for a single file."))
    (file,) = plan.files
    if file.sha256 not in {"", sha256}:
        raise ProbeRefused(_("The file is not the one whose SHA-256 was named. Nothing was taken."))
    named = WantedFile(file.path, file.place, file.size, sha256, file.version)
    return InstallPlan([named], plan.facts)


def _file_name(path: str) -> str:
    name = path.rpartition("/")[2]
    return name if is_safe_path(name) and "." in name else _PLAIN_NAME


def _authorization(install: ModelInstall, file: WantedFile) -> str:
    is_of_hub = file.place.startswith(f"{settings.EASEL_HUB_URL}/")
    return hub_authorization() if install.is_shared and is_of_hub else ""


def _put_together(install: ModelInstall, target: Path, progress: "_Progress") -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as file:
        for piece in uploaded_pieces(install):
            file.write(piece)
            progress.report(file.tell(), install.total_bytes)
    if target.stat().st_size != install.total_bytes:
        raise ProbeRefused(_("The upload is not complete. Nothing was taken."))
    check_digest(WantedFile(target.name, "upload", sha256=install.expected_sha256), target)


def _unpacked(plan: InstallPlan, files: Path, work: Path) -> Path:
    if len(plan.files) != 1 or not is_archive(plan.files[0].path):
        return files
    target = work / "unpacked"
    shutil.rmtree(target, ignore_errors=True)
    name = plan.files[0].path
    unpack(files / name, target, name=name, most_bytes=settings.EASEL_INSTALL_MAX_BYTES)
    return model_root(target)


class _Progress:
    """Tells how far an install is, once a second at most, and looks whether there is still room."""

    def __init__(self, install: ModelInstall, plan: InstallPlan) -> None:
        self._install = install
        self._total = plan.total_bytes
        self._is_only = len(plan.files) == 1
        self._ended = 0
        self._told_at = float("-inf")
        self._checked_total = -1
        self.report(0, None)

    def report(self, done: int, size: int | None) -> None:
        """Take the bytes that are here of the present file, and those it will have.

        Raises:
            Superseded: nobody waits for this attempt any more.
            TooLarge, Forbidden, Conflict: it is more than a model, or this plan, may have.
        """
        if self._total is None and self._is_only and size is not None:
            self._total = size
        expected = max(self._ended + done, self._total or 0)
        if expected > settings.EASEL_INSTALL_MAX_BYTES:
            raise TooLarge(
                _("The file is larger than a model may be."), limit=settings.EASEL_INSTALL_MAX_BYTES
            )
        now = time.monotonic()
        if now - self._told_at < PROGRESS_SECONDS and self._checked_total == self._total:
            return
        self._told_at = now
        self._check_room(expected)
        self._checked_total = -1 if self._total is None else self._total
        report_bytes(self._install, done=self._ended + done, total=self._total)

    @property
    def done_bytes(self) -> int:
        """Bytes of the files that are whole."""
        return self._ended

    def end_file(self, size: int) -> None:
        """Count a file that is whole."""
        self._ended += size

    def _check_room(self, expected: int) -> None:
        install = self._install
        if install.is_shared or expected == 0:
            return
        with tenant_scope(install.user_id):
            check_room(user=install.user, more_bytes=expected, wanted=install.wanted, is_new=False)
