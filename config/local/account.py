"""Which user runs the database server: PostgreSQL refuses to run as root."""

import os
import pwd
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from config.local.install import RefusedError

UNPRIVILEGED = "nobody"


@dataclass(frozen=True, slots=True)
class Account:
    """A user of this machine that a server process may become."""

    name: str
    uid: int
    gid: int


def server_account() -> Account | None:
    """Return the user PostgreSQL must run as, or None for the one who runs this process.

    Raises:
        RefusedError: this is root, and the machine has no user `nobody`.
    """
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(UNPRIVILEGED)
    except KeyError:
        raise RefusedError(
            f"PostgreSQL refuses to run as root, and this machine has no user “{UNPRIVILEGED}” "
            "to run it as. Run make as an ordinary user."
        ) from None
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def own_name() -> str:
    """Return the login name of the user who runs this process.

    Raises:
        RefusedError: the user id has no name; PostgreSQL's own tools would stop at that too.
    """
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        raise RefusedError(
            f"The user id {os.geteuid()} has no name on this machine (in a container: no line in "
            "/etc/passwd), and PostgreSQL needs one. Run make as a user that has an entry there."
        ) from None


def run_as(
    account: Account | None,
    argv: Sequence[str | Path],
    *,
    cwd: Path = Path("/"),
    environment: dict[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a short command as `account` and return its result; never raises on its exit code."""
    return subprocess.run(
        [str(word) for word in argv],
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )


def can_enter(account: Account | None, directory: Path) -> bool:
    """Tell whether `account` may use `directory`, by letting a process of that user go there."""
    # The shell goes there: `cwd` would be entered by us, before the change of user.
    return run_as(account, ["/bin/sh", "-c", 'cd -- "$0"', directory]).returncode == 0


def give_to(account: Account | None, path: Path) -> None:
    """Make `path` the property of `account`; without one it is ours already."""
    if account is not None:
        os.chown(path, account.uid, account.gid, follow_symlinks=False)
