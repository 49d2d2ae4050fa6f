"""Decide where a server's data and socket may live."""

import hashlib
import os
import stat
import tempfile
from pathlib import Path

from config.local.account import Account, can_enter, give_to
from config.local.binaries import system_dir
from config.local.install import RefusedError

# A Unix socket's path has at most 104 bytes on macOS and 108 on Linux, the closing zero included.
_LONGEST_SOCKET = 103
_SOCKET_NAME = "/.s.PGSQL.5432"
# Owner and mode of what is made there are checked.
_OPEN_TO_ALL = "/tmp"  # nosec B108  # noqa: S108


def short_name(path: Path) -> str:
    """Return a name for `path` that is the same at each start and differs between checkouts."""
    return hashlib.sha256(os.fsencode(path.absolute())).hexdigest()[:12]


def server_home(var_dir: Path, account: Account | None) -> Path:
    """Return the folder for the database: `var_dir`/postgres where the server's user may go there.

    Otherwise (root, with a checkout in a folder closed to others) a folder of this checkout's own
    under /var/lib/easel. The modes of folders that exist are never changed.
    """
    if can_enter(account, var_dir):
        return var_dir / "postgres"
    return system_dir() / short_name(var_dir) / "postgres"


def make_home(home: Path, account: Account | None) -> None:
    """Make the folder `home`, which `account` may enter whatever the umask is.

    Only folders made here get a mode; those that exist keep theirs.
    """
    if home.is_dir():
        return
    if not home.parent.is_dir():
        make_home(home.parent, account)
    home.mkdir(mode=0o700)
    if account is not None:
        home.chmod(0o755)


def socket_dir(home: Path, account: Account | None) -> Path:
    """Make and return the folder of the server's socket, which only its user (and root) may enter.

    It is `home`/run, or a folder with a short name elsewhere when that path is too long.

    Raises:
        RefusedError: somebody else has put something at that name.
    """
    folder = home / "run"
    if len(os.fsencode(f"{folder}{_SOCKET_NAME}")) > _LONGEST_SOCKET:
        folder = _runtime_dir(account) / f"easel-{os.geteuid()}-{short_name(home)}"
    make_private_dir(folder, account)
    return folder


def _runtime_dir(account: Account | None) -> Path:
    # Root's own XDG_RUNTIME_DIR is closed to the user the server runs as.
    named = os.environ.get("XDG_RUNTIME_DIR")
    if named and account is None:
        path = Path(named)
        short_enough = len(os.fsencode(named)) < _LONGEST_SOCKET - 50
        if short_enough and path.is_dir() and path.stat().st_uid == os.geteuid():
            return path
    return Path(_OPEN_TO_ALL)


def make_private_dir(folder: Path, account: Account | None) -> None:
    """Make `folder` with mode 0700 for `account`, or accept it if it is exactly that already.

    Raises:
        RefusedError: it is a link, belongs to another user, or others may enter it.
    """
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        pass
    else:
        give_to(account, folder)
    facts = folder.lstat()
    owner = account.uid if account else os.geteuid()
    if facts.st_uid == os.geteuid() and owner != facts.st_uid and stat.S_ISDIR(facts.st_mode):
        # A start that was cut off between the two calls above.
        give_to(account, folder)
        facts = folder.lstat()
    if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != owner or facts.st_mode & 0o077:
        raise RefusedError(
            f"{folder} should be a private folder of Easel's database, and it belongs to somebody "
            "else or is open to others. If it is left over from an earlier start as another user, "
            "remove it and run the same command again."
        )


def temporary_home(account: Account | None) -> Path:
    """Make and return an empty temporary folder that `account` may enter, on a short path."""
    folder = Path(tempfile.mkdtemp(prefix="easel-"))
    if account is not None:
        folder.chmod(0o711)
        if not can_enter(account, folder):
            folder.rmdir()
            folder = Path(tempfile.mkdtemp(prefix="easel-", dir=_OPEN_TO_ALL))
            folder.chmod(0o711)
    return folder
