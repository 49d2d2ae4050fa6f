"""Build the images for real without a Docker engine, and run what was built.

Buildah runs each RUN in a chroot. Where base images cannot be fetched and Debian's packages can,
Debian 12 by debootstrap, with its own Python 3.11, takes their place. What was made once, and what
pip has downloaded, is kept in a folder of the user beside other temporary files.
"""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.local.debian import can_install, find_program, install_packages
from config.local.install import ROOT

PROGRAMS = ("buildah", "debootstrap", "unshare")
PACKAGES = ("buildah", "debootstrap", "util-linux")
BASE_IMAGE = "localhost/easel-debian:12-1"
MIRROR = "http://deb.debian.org/debian"
# What the official slim images leave out as well.
_UNUSED = ("usr/share/doc", "usr/share/man", "usr/share/locale", "var/lib/apt/lists", "var/log")
_CONFINED = "--clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all"
_KEPT = {"PATH", "HOME", "TMPDIR", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"}
_KEPT |= {name.lower() for name in _KEPT}
# Bound into the build, and so in no layer: how this machine reaches the registries.
_AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")


def require_programs() -> None:
    """Find or install what builds.

    Raises:
        RuntimeError: something is missing and cannot be installed.
    """
    if all(find_program(name) for name in PROGRAMS):
        return
    if can_install():
        install_packages(*PACKAGES)
    missing = [name for name in PROGRAMS if find_program(name) is None]
    if missing or os.geteuid() != 0:
        raise RuntimeError(
            f"Building images needs root and {', '.join(PROGRAMS)} "
            f"(Debian: apt-get install {' '.join(PACKAGES)}). "
            f"Missing: {', '.join(missing) or 'root'}"
        )


@dataclass(frozen=True, slots=True)
class Image:
    """A built image: its configuration as Docker writes it, and its uncompressed size."""

    name: str
    config: Mapping[str, Any]
    size_bytes: int

    @property
    def environment(self) -> dict[str, str]:
        return dict(entry.split("=", 1) for entry in self.config["Env"])


class Builder:
    """Buildah on storage of its own."""

    def __init__(self) -> None:
        self.home = Path(tempfile.gettempdir(), f"easel-containers-{os.geteuid()}")
        self.home.mkdir(mode=0o700, exist_ok=True)
        if self.home.stat().st_uid != os.geteuid():
            raise RuntimeError(f"{self.home} belongs to another user; remove it")
        driver = "overlay" if self._can_overlay() else "vfs"
        self._options = (
            *("--root", str(self.home / f"storage-{driver}")),
            *("--runroot", str(self.home / f"run-{driver}")),
            *("--storage-driver", driver),
        )

    def base(self) -> str:
        """Return the name of the stand-in of the base images, making it the first time."""
        if self._finds(BASE_IMAGE):
            return BASE_IMAGE
        with tempfile.TemporaryDirectory(dir=self.home, prefix="debian-") as folder:
            root = Path(folder, "root")
            _run(
                "debootstrap",
                "--variant=minbase",
                "--include=python3.11,python3.11-venv,python3-distutils,ca-certificates",
                "bookworm",
                str(root),
                MIRROR,
            )
            for place in (*_UNUSED, "var/cache/apt/archives"):
                shutil.rmtree(root / place, ignore_errors=True)
                (root / place).mkdir(parents=True)
            # Where the official images have theirs.
            (root / "usr/local/bin/python3").symlink_to("/usr/bin/python3.11")
            (root / "usr/local/bin/python").symlink_to("python3")
            archive = Path(folder, "root.tar")
            _run("tar", "--create", "--file", str(archive), "--directory", str(root), ".")
            container = self._buildah("from", "scratch").strip()
            self._buildah("add", container, str(archive), "/")
            self._buildah("commit", "--quiet", "--disable-compression", container, BASE_IMAGE)
            self._buildah("rm", container)
        return BASE_IMAGE

    def build(
        self,
        dockerfile: Path,
        name: str,
        *,
        arguments: Mapping[str, str],
        target: str | None = None,
        find_links: Path | None = None,
    ) -> Image:
        """Build a Dockerfile, layers that did not change from the cache.

        `find_links` is a folder of packages on this machine that pip may take instead.

        Raises:
            RuntimeError: with the end of what the build printed.
        """
        volumes = [f"{_AUTHORITIES}:{_AUTHORITIES}:ro"]
        settings = self.home / "pip.conf"
        settings.write_text(_pip_settings(find_links), encoding="utf-8")
        volumes.append(f"{settings}:/etc/pip.conf:ro")
        if find_links is not None:
            volumes.append(f"{find_links}:{find_links}:ro")
        self._buildah(
            "build",
            *("--isolation", "chroot", "--network", "host", "--layers", "--format", "docker"),
            *(word for volume in volumes for word in ("--volume", volume)),
            *(word for pair in arguments.items() for word in ("--build-arg", "=".join(pair))),
            *(("--target", target) if target else ()),
            *("--file", str(dockerfile), "--tag", name, str(ROOT)),
        )
        return self.image(name)

    def image(self, name: str) -> Image:
        found = json.loads(self._buildah("inspect", "--type", "image", name))
        rows = json.loads(self._buildah("images", "--json", name))
        config = found["Docker"]["config"]
        return Image(name=name, config=config, size_bytes=_bytes(rows[0]["size"]))

    @contextmanager
    def mounted(self, image: Image | str) -> Iterator[Path]:
        """Give the root file system of an image; what is written to it is lost."""
        name = image if isinstance(image, str) else image.name
        container = self._buildah("from", "--pull-never", name).strip()
        try:
            yield Path(self._buildah("mount", container).strip())
        finally:
            self._buildah("umount", container)
            self._buildah("rm", container)

    def _finds(self, name: str) -> bool:
        return bool(self._buildah("images", "--quiet", "--filter", f"reference={name}").strip())

    def _can_overlay(self) -> bool:
        """Tell whether file systems can be laid over each other here: else layers are copies."""
        with tempfile.TemporaryDirectory(dir=self.home, prefix="overlay-") as folder:
            for part in ("lower", "upper", "work", "merged"):
                Path(folder, part).mkdir()
            options = f"lowerdir={folder}/lower,upperdir={folder}/upper,workdir={folder}/work"
            mount = ["mount", "-t", "overlay", "overlay", "-o", options, f"{folder}/merged"]
            if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
                return False
            _run("umount", f"{folder}/merged")
        return True

    def _buildah(self, command: str, *words: str) -> str:
        return _run("buildah", *self._options, command, *words)


class Container:
    """A process of an image as an engine runs it: confined to the image's file system.

    It may write to `/tmp` and to a `/run` that is empty but for `files`, and to nothing else; it is
    the image's user, without capabilities, and cannot gain any.
    """

    def __init__(
        self,
        root: Path,
        image: Image,
        *,
        environment: Mapping[str, str],
        command: Sequence[str] | None = None,
        files: Mapping[str, Path] | None = None,
        log: Path,
        writable: Sequence[str] = (),
    ) -> None:
        self.log = log
        user, group = image.config["User"].split(":")
        ids = f"--reuid={user} --regid={group}"
        self._ids = ids
        self._environment = {**image.environment, **environment}
        folder = image.config["WorkingDir"]
        copies = (f"install -m 0444 '{path}' run/{name}" for name, path in (files or {}).items())
        mounts = (f"mount -t tmpfs -o mode=1777 tmpfs '.{place}'" for place in writable)
        script = "\n".join(
            (
                "set -e",
                f"touch '{root}/etc/hosts' '{root}/etc/resolv.conf'",
                f"mount --bind '{root}' '{root}' && mount -o remount,bind,ro '{root}'",
                f"cd '{root}'",
                # An engine writes these two.
                *(f"mount --bind /etc/{name} etc/{name}" for name in ("hosts", "resolv.conf")),
                "mount --rbind /proc proc && mount --rbind /dev dev",
                "mount -t tmpfs -o mode=1777 tmpfs tmp && mount -t tmpfs tmpfs run",
                *copies,
                *mounts,
                f"""exec chroot . setpriv {ids} {_CONFINED} env --chdir='{folder}' "$@" """,
            )
        )
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [
                    *("unshare", "--mount", "sh", "-c", script, "container"),
                    *(command or image.config["Cmd"]),
                ],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def wait(self, *, seconds: float) -> int:
        return self.process.wait(timeout=seconds)

    def execute(self, *command: str) -> tuple[int, str]:
        """Run a command beside the process, as `docker exec` and health checks do."""
        result = subprocess.run(
            [
                *("nsenter", "--target", str(self.process.pid), "--mount", "--root", "--wd"),
                *("setpriv", *self._ids.split(), *_CONFINED.split(), *command),
            ],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return result.returncode, result.stdout

    def stop(self, *, seconds: float = 30) -> int:
        """Ask for the end as an engine does, and return the exit code."""
        self.process.terminate()
        try:
            return self.process.wait(timeout=seconds)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")


def _pip_settings(find_links: Path | None) -> str:
    lines = ["[global]", f"cert = {_AUTHORITIES}"]
    names = {"index-url": "PIP_INDEX_URL", "trusted-host": "PIP_TRUSTED_HOST"}
    lines += [f"{key} = {os.environ[name]}" for key, name in names.items() if os.environ.get(name)]
    if find_links is not None:
        lines.append(f"find-links = {find_links}")
    return "\n".join((*lines, ""))


def _bytes(text: str) -> int:
    number, unit = text.split()
    factors = {"B": 1, "KB": 1e3, "MB": 1e6, "GB": 1e9}
    return int(float(number) * factors[unit.upper()])


def _run(*words: str) -> str:
    result = subprocess.run(
        words,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        # Not what the tests set for themselves: Python runs in what is built, too.
        env={name: value for name, value in os.environ.items() if name in _KEPT},
    )
    if result.returncode != 0:
        output = f"{result.stdout[-6000:]}\n{result.stderr[-2000:]}"
        raise RuntimeError(f"{' '.join(words[:1])} {result.returncode}:\n{output}")
    return result.stdout
