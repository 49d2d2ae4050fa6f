"""Which migrations a release has already brought to production: those are not looked at again."""

from pathlib import Path

Key = tuple[str, str]

RELEASED_FILE = Path(__file__).with_name("released.txt")
# Migrations that the check refuses and somebody has tried under load: why that one is harmless.
EXAMINED: dict[Key, str] = {}
_HEAD = "# What is in production while this version is worked on: "


def read_released(path: Path = RELEASED_FILE) -> tuple[str, set[Key]]:
    """Return the version for which the record was made, and app and name of each migration."""
    head, *lines = path.read_text(encoding="utf-8").splitlines()
    parts = (line.partition(".") for line in lines if line)
    return head.removeprefix(_HEAD), {(app, name) for app, _dot, name in parts}


def write_released(version: str, migrations: set[Key], path: Path = RELEASED_FILE) -> None:
    """Record migrations as those that are in production while `version` is worked on."""
    lines = [f"{app}.{name}" for app, name in sorted(migrations)]
    path.write_text("\n".join([_HEAD + version, *lines, ""]), encoding="utf-8")
