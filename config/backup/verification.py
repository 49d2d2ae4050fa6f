"""Hold an installation against the backup that it was restored from."""

import hashlib
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from apps.core.storage import file_store
from apps.generation.services.audit import audit_credits
from config.backup.manifest import Manifest, listed_files
from config.backup.snapshot import snapshot

_PICTURES = (".png", ".webp")


def differences(folder: Path, url: str) -> list[str]:
    """Return, a line each, in what the installation is not what the backup says; best none.

    Rows by table, sequences, policies, triggers, constraints, functions and grants; the books of
    credits; and every file: its hash, and that a picture opens. Look before anybody uses it.
    """
    manifest = Manifest.load(folder)
    with snapshot(url) as now:
        now.check_sees_all()
        found = [
            *_changed("rows of", manifest.tables, now.count_rows()),
            *_changed("sequence", manifest.sequences, now.sequences()),
        ]
        guards = now.guards()
    for kind, lines in manifest.guards.items():
        found += [f"{kind}: missing: {line}" for line in sorted({*lines} - {*guards[kind]})]
        found += [f"{kind}: too much: {line}" for line in sorted({*guards[kind]} - {*lines})]
    found += [f"books: {drift.rule}: {drift.count}" for drift in audit_credits()]
    return [*found, *_wrong_files(folder)]


def _changed(what: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    for name in sorted({*before, *now}):
        if before.get(name) != now.get(name):
            yield f"{what} {name}: {before.get(name)} in the backup, {now.get(name)} here"


def _wrong_files(folder: Path) -> Iterator[str]:
    for entry in listed_files(folder):
        try:
            content = b"".join(file_store.pieces(entry.key))
        except FileNotFoundError:
            yield f"file {entry.key}: missing"
            continue
        if hashlib.sha256(content).hexdigest() != entry.sha256:
            yield f"file {entry.key}: differs"
        elif entry.key.endswith(_PICTURES) and not _opens(content):
            yield f"file {entry.key}: is no picture"


def _opens(content: bytes) -> bool:
    try:
        with Image.open(io.BytesIO(content)) as picture:
            picture.load()
    except (OSError, SyntaxError, ValueError):
        return False
    return True
