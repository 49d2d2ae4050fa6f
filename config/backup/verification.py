"""Hold an installation against the backup that it was restored from."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from apps.generation.services.audit import audit_credits
from config import env
from config.backup import files
from config.backup.identity import check_one_database
from config.backup.manifest import Manifest, listed_files
from config.backup.snapshot import snapshot, still_named

_WORD = re.compile(r"'(?:[^']|'')*'::character varying")
# `IN` over a varchar: from the second time on the cast stands at each word, and means the same.
_LIST = re.compile(rf"\(ARRAY\[(?P<words>{_WORD.pattern}(?:, {_WORD.pattern})*)\]\)::text\[\]")


def differences(folder: Path, url: str) -> list[str]:
    """Return, a line each, in what the installation is not what the backup says; best none.

    Rows by table, sequences, policies, triggers, constraints, functions and grants; the books of
    credits; and every file: its hash, and that a picture opens. Look before anybody uses it.
    """
    manifest = Manifest.load(folder)
    check_one_database(backup=url)
    with snapshot(url) as now:
        now.check_sees_all()
        found = [
            *_changed("rows of", manifest.tables, now.count_rows()),
            *unusable_sequences(manifest.sequences, now.sequences(), now.handed_out()),
        ]
        found += changed_guards(manifest.guards, now.guards())
    found += [f"books: {drift.rule}: {drift.count}" for drift in audit_credits()]
    found += [f"file {key}: {fault}" for key, fault in files.faults(listed_files(folder))]
    return found


def unusable_sequences(
    before: Mapping[str, int | None],
    now: Mapping[str, int | None],
    handed_out: Mapping[str, int],
) -> list[str]:
    """Return, a line each, which sequences are missing, or would hand out what a row has already.

    Where they stand is part of no snapshot: they go on while it is taken, and need not agree.
    """
    missing = [f"sequence {name}: not here" for name in sorted(before.keys() - now.keys())]
    return missing + [
        f"sequence {name}: at {now.get(name)}, and a row has {value}"
        for name, value in handed_out.items()
        # One that was never used belongs to rows that are numbered by hand.
        if before.get(name) is not None and (now.get(name) or 0) < value
    ]


def changed_guards(before: Mapping[str, list[str]], now: Mapping[str, list[str]]) -> list[str]:
    """Return, a line each, what of policies, constraints and so on is missing or too much now."""
    found: list[str] = []
    for kind, lines in before.items():
        wanted, there = ({_spelled(line) for line in each} for each in (lines, now[kind]))
        found += [f"{kind}: missing: {line}" for line in sorted(wanted - there)]
        found += [f"{kind}: too much: {line}" for line in sorted(there - wanted)]
    return found


def _spelled(line: str) -> str:
    """Write lists as PostgreSQL itself does once it has read its own way of writing them."""
    return _LIST.sub(
        lambda found: "ARRAY[" + _WORD.sub(r"(\g<0>)::text", found["words"]) + "]", line
    )


def _changed(what: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    for name in sorted({*before, *now}):
        if before.get(name) != now.get(name):
            yield f"{what} {name}: {before.get(name)} in the backup, {now.get(name)} here"


def wrong_files(url: str) -> list[str]:
    """Return, a line each, which files that a row names now are missing or do not open.

    What is deleted for good while it looks is none of them, and neither are files of models that
    belong to the installation.
    """
    check_one_database(backup=url)
    with snapshot(url) as now:
        now.check_sees_all()
        found = dict(files.faults(now.keys(models=True)))
    found = {
        key: fault
        for key, fault in found.items()
        if fault != files.MISSING or not (env.MODELS_ROOT / key).is_file()
    }
    still = still_named(found.keys(), url=url, models=True)
    return [f"file {key}: {found[key]}" for key in sorted(still)]
