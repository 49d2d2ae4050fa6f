"""Compile the translations, `config/locale/*/LC_MESSAGES/django.po`, to what Django reads.

Run as `python -m config.messages`: by the install step of `make`, and once a release. With Babel,
since gettext's own compiler is not on every machine.
"""

import os
import sys
import tempfile
from pathlib import Path

from babel.messages.catalog import Catalog, Message, TranslationError
from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po

LOCALES = Path(__file__).resolve().parent / "locale"


def compile_messages(folder: Path = LOCALES) -> list[Path]:
    """Compile each `.po` under `folder` that has no `.mo` beside it, or one of an older text.

    Entries marked as fuzzy are left out. Returns the files written.

    Raises:
        ValueError: a file is no catalogue, or a translation names other values than its original.
    """
    return [
        compiled
        for source in sorted(folder.glob("*/LC_MESSAGES/*.po"))
        if not _is_fresh(compiled := source.with_suffix(".mo"), source)
        and _compile(source, compiled)
    ]


def _is_fresh(compiled: Path, source: Path) -> bool:
    return compiled.exists() and compiled.stat().st_mtime_ns == source.stat().st_mtime_ns


def _compile(source: Path, compiled: Path) -> bool:
    with source.open("rb") as file:
        try:
            catalog = read_po(file, locale=source.parts[-3], abort_invalid=True)
        except PoFileError as error:
            raise ValueError(f"{source}: {error}") from error
    faults = [
        f"{message.id}: {error}" for message in catalog for error in _faults(message, catalog)
    ]
    if faults:
        raise ValueError(f"{source}: " + "; ".join(faults))
    # Whole or not at all: another process may be starting to read it.
    descriptor, draft = tempfile.mkstemp(dir=compiled.parent, prefix=".", suffix=".mo")
    with os.fdopen(descriptor, "wb") as file:
        write_mo(file, catalog)
        os.fchmod(file.fileno(), 0o644)
    # Equal times say that they belong together, also after a checkout of an older text.
    times = source.stat()
    os.utime(draft, ns=(times.st_atime_ns, times.st_mtime_ns))
    Path(draft).replace(compiled)
    return True


def _faults(message: Message, catalog: Catalog) -> list[TranslationError]:
    if isinstance(message.string, tuple) and len(message.string) == 1:
        # The one form says the plural too, and names its values; Babel compares it to the singular.
        message = Message(message.id[1], message.string[0])
    return message.check(catalog)


def main() -> int:
    """Compile what is to be compiled; 1 if a catalogue is wrong."""
    try:
        compile_messages()
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
