"""Which migrations a release has already brought to production: those are not looked at again."""

from pathlib import Path

RELEASED_FILE = Path(__file__).with_name("released.txt")
# Migrations that the check refuses and somebody has tried under load: why that one is harmless.
EXAMINED: dict[tuple[str, str], str] = {}


def read_released(path: Path = RELEASED_FILE) -> set[tuple[str, str]]:
    """Return app and name of each migration in the file."""
    lines = path.read_text(encoding="utf-8").split()
    return {(app, name) for app, _dot, name in (line.partition(".") for line in lines)}


def write_released(migrations: set[tuple[str, str]], path: Path = RELEASED_FILE) -> None:
    """Record migrations as released, one a line, sorted."""
    path.write_text(
        "".join(f"{app}.{name}\n" for app, name in sorted(migrations)), encoding="utf-8"
    )
