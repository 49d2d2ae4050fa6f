"""Bring the files of an install onto the disk, from where an earlier try ended."""

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext as _

from apps.catalog.installs.plans import WantedFile
from apps.catalog.probing import ProbeRefused
from apps.core.fetch_targets import FetchError, FetchFailed, PartGone
from apps.core.fetching import Fetched, FetchLimits, Part, fetch

TRIES = 5
FIRST_PAUSE_SECONDS = 1.0
# Told the bytes that are there of the file, and the bytes it will have if that is known.
Report = Callable[[int, int | None], None]


def download(
    file: WantedFile, target: Path, *, most_bytes: int, report: Report, authorization: str = ""
) -> None:
    """Fetch a file to `target`, going on where an earlier try ended; `report` may raise to stop it.

    `authorization` is shown to the server that the file is named at.

    Raises:
        ProbeRefused: it is not the file that was promised.
        FetchError: it cannot be fetched, now or at all.
        OSError: the disk is full, or away.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    for tries in range(TRIES):
        try:
            _download_once(file, target, most_bytes, report, authorization)
        except FetchError as error:
            if not error.may_pass or tries == TRIES - 1:
                raise
            if isinstance(error, PartGone):
                _forget_part(target)
            time.sleep(FIRST_PAUSE_SECONDS * 2**tries)
            continue
        break
    check_digest(file, target)


def _download_once(
    file: WantedFile, target: Path, most_bytes: int, report: Report, authorization: str
) -> None:
    note = target.with_name(f"{target.name}.part.json")
    partial = target.with_name(f"{target.name}.part")
    if target.exists():
        report(target.stat().st_size, target.stat().st_size)
        return
    part = _part_here(partial, note)
    with _opened(file, part, most_bytes, authorization) as found:
        if found.size is not None and file.size is not None and found.size != file.size:
            raise ProbeRefused(_("The server has another file than it says. Nothing was taken."))
        # What is here is of another version, or of none that can be told.
        start = found.start if part is not None else 0
        note.write_text(json.dumps({"validator": found.validator}), encoding="utf-8")
        with partial.open("r+b" if partial.exists() else "w+b") as stored:
            stored.truncate(start)
            stored.seek(start)
            for piece in found.pieces:
                stored.write(piece)
                report(stored.tell(), found.size)
            size = stored.tell()
    if found.size is not None and size != found.size:
        raise FetchFailed(_("The connection ended early."))
    partial.replace(target)
    note.unlink(missing_ok=True)


def _forget_part(target: Path) -> None:
    for suffix in (".part", ".part.json"):
        target.with_name(f"{target.name}{suffix}").unlink(missing_ok=True)


def _part_here(partial: Path, note: Path) -> Part | None:
    try:
        validator = json.loads(note.read_bytes())["validator"]
        return Part(start=partial.stat().st_size, validator=str(validator))
    except (OSError, ValueError, KeyError, TypeError):
        return None


@contextmanager
def _opened(
    file: WantedFile, part: Part | None, most_bytes: int, authorization: str
) -> Iterator[Fetched]:
    if file.place.startswith("s3://"):
        from apps.catalog.installs.s3_source import read_s3

        start = part.start if part is not None and part.validator == file.version else 0
        pieces = read_s3(file, start=start)
        yield Fetched(
            url=file.place,
            start=start,
            size=file.size,
            validator=file.version,
            content_type="",
            pieces=pieces,
        )
        return
    limits = FetchLimits(max_bytes=most_bytes, max_seconds=settings.EASEL_INSTALL_MAX_SECONDS)
    with fetch(file.place, limits=limits, authorization=authorization, part=part) as found:
        yield found


def check_digest(file: WantedFile, target: Path) -> None:
    """Delete `target` if it has not the digest that `file` has to have.

    Raises:
        ProbeRefused: it has not.
    """
    if not file.sha256:
        return
    with target.open("rb") as stored:
        digest = hashlib.file_digest(stored, "sha256").hexdigest()
    if digest != file.sha256.lower():
        target.unlink()
        raise ProbeRefused(_("The file is not the one whose SHA-256 was named. Nothing was taken."))
