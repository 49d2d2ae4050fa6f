"""Install what the locks name into `.venv`, then hand over to a command inside it.

Run by a plain Python 3.11 before the virtual environment exists (`bootstrap.py` sees to the
version), so it uses the standard library alone and imports nothing of the project.
"""

import ctypes
import errno
import fcntl
import hashlib
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import termios
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
STAMP = "easel-install.json"
MIB = 1024**2
# The product's environment has 2.1 GiB on a machine whose torch is a CPU build, 6 GiB and more
# with a CUDA build; pip unpacks beside it what it downloads.
INSTALL_MIB = 4000
START_MIB = 500
OLDEST_PIP = (23, 0)
# Easel itself, where it lies: Celery finds the command `gpu` by its metadata. setuptools is among
# the locks, so nothing is downloaded.
OWN_ARGUMENTS = ("--no-deps", "--no-build-isolation", "--editable", str(ROOT))
# Which locks each set of packages consists of, and the commands that need only the smaller one.
SETS = {"local": ("local",), "dev": ("local", "dev")}
PRODUCT_COMMANDS = {"up"}
COMMANDS = {
    "up": ["-m", "config.local.up"],
    "test": ["-m", "config.local.checks", "test"],
    "test-slow": ["-m", "config.local.checks", "test-slow"],
    "lint": ["-m", "config.local.checks", "lint"],
    "format": ["-m", "config.local.checks", "format"],
    "openapi": ["-m", "config.local.checks", "openapi"],
    "infra-check": ["-m", "config.local.checks", "infra-check"],
    "lock": ["-m", "config.local.lock"],
    "prod-like": ["-m", "config.local.production_like"],
    "install": ["-c", "print('Easel is installed in .venv.')"],
}


_PR_SET_PDEATHSIG = 1
# Bound before any fork: the child must do nothing but call it.
_prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


class RefusedError(Exception):
    """A reason not to go on, as one paragraph that says what to do about it."""


def die_with_parent(death_signal: signal.Signals, parent: int) -> None:
    """Ask Linux to send this process `death_signal` when the thread that forked it ends.

    A change of user clears the wish, so this runs after it; and the parent may have died before
    this line, which no signal will tell. Elsewhere than on Linux it does nothing.
    """
    if _prctl is not None:
        _prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)


def paragraph(text: str) -> str:
    """Wrap a message for a terminal; lines that follow the first are kept as they are."""
    first, *rest = text.split("\n")
    lines = textwrap.wrap(first, 90, break_long_words=False, break_on_hyphens=False)
    return "\n".join(["", *lines, *(f"    {line}" for line in rest), ""])


def var_dir() -> Path:
    """Return the folder of data, logs and locks; `config.env` reads the same setting later."""
    return Path(os.environ.get("EASEL_VAR_DIR") or ROOT / "var").absolute()


def check_space(folder: Path, needed_mib: int, purpose: str) -> None:
    """Raise RefusedError unless the disk of `folder` has `needed_mib` left."""
    free = shutil.disk_usage(folder).free // MIB
    if free < needed_mib:
        raise RefusedError(
            f"The disk that holds {folder} is full: {purpose} needs {needed_mib} MiB, and {free} "
            "MiB are free. Make room there and run the same command again."
        )


def check_owner(path: Path) -> None:
    """Raise RefusedError if `path` exists and another user made it."""
    if path.exists() and path.stat().st_uid != os.geteuid():
        raise RefusedError(
            f"{path} belongs to another user (id {path.stat().st_uid}), who ran make here before. "
            "Run make as that user; or remove what that user made here, .venv and var (look "
            "first: var holds the database and the pictures)."
        )


def make_var_dir() -> Path:
    """Make the folder of data if need be and return it.

    Raises:
        RefusedError: it cannot be made, or it is another user's.
    """
    folder = var_dir()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        check_owner(folder / "servers.json")
        (folder / "log").mkdir(exist_ok=True)
    except OSError as error:
        raise RefusedError(
            f"The folder {folder} cannot be used: {error.strerror}. Run make as the user who owns "
            "the checkout, or name another folder in EASEL_VAR_DIR."
        ) from error
    return folder


@contextmanager
def only_one(name: str, refusal: str) -> Iterator[None]:
    """Hold the lock `var/name`; raise RefusedError, naming the process, if another has it.

    The kernel lets go of it when this process ends, however it ends.
    """
    path = make_var_dir() / name
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = path.read_text(errors="replace").strip() or "unknown"
            raise RefusedError(refusal.format(holder=holder)) from None
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


ALREADY_UP = (
    "Easel is already running from this checkout (process {holder}). Use that one, or stop it "
    "with Ctrl-C in its terminal (or: kill {holder}) and run the same command again."
)
ALREADY_INSTALLING = (
    "Another make (process {holder}) is installing into this checkout's .venv. Wait until it is "
    "done and run the same command again."
)


def lock_files(name: str) -> list[Path]:
    """Return the lock files of a set of packages.

    Raises:
        RefusedError: one is missing.
    """
    paths = [ROOT / "requirements" / f"{lock}.txt" for lock in SETS[name]]
    for path in paths:
        if not path.is_file():
            raise RefusedError(
                f"{path} is missing, and it names the packages to install. Get the checkout whole "
                "again (git checkout requirements)."
            )
    return paths


def fingerprint(name: str) -> str:
    """Return a hash of what installing the set `name` depends on.

    The path is part of it: programs in a moved environment still name the old one.
    """
    digest = hashlib.sha256(f"{VENV}\n".encode())
    for path in lock_files(name):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def read_stamp() -> dict[str, str] | None:
    """Return what `.venv` was completed with, by set; None if there is no stamp to be read."""
    try:
        stamp = json.loads((VENV / STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return stamp if isinstance(stamp, dict) else None


def write_stamp(stamp: dict[str, str]) -> None:
    draft = VENV / f"{STAMP}.new"
    draft.write_text(json.dumps(stamp), encoding="utf-8")
    draft.replace(VENV / STAMP)


def is_installed(name: str) -> bool:
    """Tell whether `.venv` is complete for the set `name` as its locks are now."""
    stamp = read_stamp() or {}
    return stamp.get(name) == fingerprint(name) and python_works()


def python_works() -> bool:
    """Tell whether `.venv` has a Python 3.11 that starts and has a pip."""
    probe = "import sys, importlib.util as u; print(sys.version_info[:2], bool(u.find_spec('pip')))"
    try:
        answer = subprocess.run(
            [venv_python(), "-I", "-c", probe],
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:
        return False
    return answer.stdout.strip() == "(3, 11) True"


def venv_python() -> Path:
    return VENV / "bin" / "python"


def install(name: str) -> None:
    """Bring `.venv` to what the set `name` locks, whatever state an earlier try left it in.

    A stamp says "unfinished" from before the first byte until the last, since pip cannot tell a
    package that was cut off in the middle from a whole one: such an environment is made anew.
    """
    check_owner(VENV)
    stamp = read_stamp()
    if stamp is not None and ("unfinished" in stamp or not python_works()):
        say("The last installation in .venv did not come to its end: it is made anew.")
        shutil.rmtree(VENV)
        stamp = None
    elif VENV.exists() and not python_works():
        say(".venv has no working Python 3.11: it is made anew.")
        shutil.rmtree(VENV)
    check_space(ROOT, INSTALL_MIB if not VENV.exists() else START_MIB, "installing")
    VENV.mkdir(exist_ok=True)
    write_stamp({**(stamp or {}), "unfinished": "yes"})
    if not venv_python().exists():
        make_venv()
    update_pip()
    say(f"Installing what requirements/{name}.txt names; the first time takes some minutes …")
    for arguments in (*pip_arguments(name), OWN_ARGUMENTS):
        run_pip(arguments)
    done = {key: value for key, value in (stamp or {}).items() if key in SETS}
    for covered in ("local", name):
        done[covered] = fingerprint(covered)
    write_stamp(done)


def make_venv() -> None:
    """Make `.venv` with a pip.

    Raises:
        RefusedError: this Python lacks the modules for it, or they fail.
    """
    say("Making the virtual environment .venv …")
    advice = (
        "On Debian and Ubuntu they are in a package of their own: apt-get install python3.11-venv"
    )
    if not (importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip")):
        raise RefusedError(
            f"{sys.executable} cannot make virtual environments: its modules venv or ensurepip "
            f"are missing. {advice}. Then run the same command again."
        )
    result = subprocess.run(
        [sys.executable, "-I", "-m", "venv", str(VENV)], capture_output=True, text=True, check=False
    )
    if result.returncode != 0:
        lines = (result.stdout + result.stderr).strip().splitlines()[-6:]
        raise RefusedError(
            "\n".join([f"The virtual environment could not be made. {advice}.", *lines])
        )


def update_pip() -> None:
    """Bring a pip that is older than the locks need up to date."""
    answer = subprocess.run(
        [venv_python(), "-I", "-c", "import pip; print(pip.__version__)"],
        capture_output=True,
        text=True,
        check=True,
    )
    numbers = [int(n) for n in re.findall(r"\d+", answer.stdout)]
    if tuple(numbers[:2]) < OLDEST_PIP:
        run_pip(["--upgrade", "pip>={}.{}".format(*OLDEST_PIP)])


def pip_arguments(name: str) -> list[list[str]]:
    """Return the calls of `pip install` that a set needs.

    A lock with hashes cannot hold torch: its file differs from machine to machine, with CUDA or
    without. So torch follows in a call of its own, with its version pinned and its dependencies
    already there or taken as they come.
    """
    locks = lock_files(name)
    requirements = [word for path in locks for word in ("-r", str(path))]
    text = "".join(path.read_text(encoding="utf-8") for path in locks)
    if "--hash=" not in text:
        return [requirements]
    worker = (ROOT / "requirements" / "worker.in").read_text(encoding="utf-8")
    torch = re.findall(r"^torch==\S+", worker, re.MULTILINE)
    # The lock is complete, so nothing is to be resolved; without --no-deps pip would refuse the
    # packages that need torch.
    return [["--no-deps", "--require-hashes", *requirements], *([pin] for pin in torch)]


def run_pip(arguments: Sequence[str]) -> None:
    """Run `pip install`, its full output in var/log/install.log.

    Raises:
        RefusedError: it failed; the text carries its last lines.
    """
    log_path = make_var_dir() / "log" / "install.log"
    log_path.unlink(missing_ok=True)
    command = [
        str(venv_python()),
        "-I",
        "-m",
        "pip",
        "install",
        "--no-input",
        "--progress-bar=off",
        "--disable-pip-version-check",
        *arguments,
    ]
    with log_path.open("wb") as log:
        parent = os.getpid()
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            # A user's own "install for me alone" makes no sense in a virtual environment.
            env={**os.environ, "PIP_USER": "0"},
            preexec_fn=lambda: die_with_parent(signal.SIGTERM, parent),
        )
        try:
            _show_progress(process, log_path)
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
    if process.returncode != 0:
        check_space(ROOT, START_MIB, "installing")
        advice = (
            "The packages could not be installed. If the lines below speak of a connection or a "
            "time-out, check the network (and the proxy, HTTPS_PROXY) and run the same command "
            f"again: what was downloaded is kept. The whole output is in {log_path}."
        )
        lines = log_path.read_text(errors="replace").strip().splitlines()[-8:]
        raise RefusedError("\n".join([advice, *lines]))


def compile_messages() -> None:
    """Compile the translations whose text is new, with the packages that are there by now.

    Raises:
        RefusedError: one is wrong.
    """
    answer = subprocess.run(
        [venv_python(), "-m", "config.messages"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode != 0:
        lines = answer.stderr.strip().splitlines()[-4:]
        raise RefusedError("\n".join(["The translations could not be compiled.", *lines]))


def terminal_is_gone() -> bool:
    """Tell whether our output goes to a terminal that has been closed.

    Its hang-up reaches only the leader of the session; make, if it is that, keeps it to itself.
    """
    try:
        termios.tcgetattr(1)
    except termios.error as error:
        return bool(error.args[0] == errno.EIO)
    return False


def _show_progress(process: subprocess.Popen[bytes], log_path: Path) -> None:
    """Say now and then what pip is at, so that minutes of silence do not look like a hang."""
    said = ""
    while True:
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            text = log_path.read_text(errors="replace")
            found = re.findall(r"^(?:Collecting |Installing collected)\S*", text, re.MULTILINE)
            news = f"  … {len(found)} packages looked up or downloaded"
            if found and found[-1].startswith("Installing"):
                news = f"  … unpacking {len(found) - 1} packages"
            if terminal_is_gone():
                raise KeyboardInterrupt from None
            if news != said:
                say(news)
            said = news
        else:
            return


def say(text: str) -> None:
    """Print a line; a terminal that has gone away is no reason to stop working."""
    try:
        print(text, flush=True)
    except (OSError, ValueError):
        return


def run(command: str) -> NoReturn:
    """Install what `command` needs and replace this process by it."""
    name = "local" if command in PRODUCT_COMMANDS else "dev"
    if command == "up":
        with only_one("up.lock", ALREADY_UP):
            pass
    with only_one("install.lock", ALREADY_INSTALLING):
        if not is_installed(name):
            install(name)
        compile_messages()
    os.chdir(ROOT)
    sys.stdout.flush()
    os.execv(venv_python(), [str(venv_python()), *COMMANDS[command]])  # noqa: S606


def _interrupt(_number: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


def main(arguments: Sequence[str]) -> int:
    """Run one of `COMMANDS`; return only when that is refused."""
    if len(arguments) != 1 or arguments[0] not in COMMANDS:
        print(f"usage: bootstrap.py {{{','.join(COMMANDS)}}}", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGHUP, _interrupt)
    try:
        run(arguments[0])
    except RefusedError as refusal:
        print(paragraph(str(refusal)), file=sys.stderr)
    except KeyboardInterrupt:
        print(paragraph("Stopped. The same command goes on from here."), file=sys.stderr)
        return 130
    except OSError as error:
        print(paragraph(f"Installing failed: {error}."), file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
