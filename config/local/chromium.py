"""Find a Chromium for the browser tests, and install one where that is possible."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from config.local.debian import can_install, install_packages, run_installer
from config.local.install import RefusedError, say

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# Where Playwright unpacks the browsers that it installs.
_PLAYWRIGHT_PROGRAMS = (
    "chromium-*/chrome-linux*/chrome",
    "chromium-*/chrome-mac*/Chromium.app/Contents/MacOS/Chromium",
    "chromium-*/chrome-mac*/*.app/Contents/MacOS/Google Chrome for Testing",
)


@cache
def find_chromium() -> Path | None:
    """Return a Chromium that starts: the one in EASEL_CHROMIUM, the system's, or Playwright's.

    None if there is none; also if EASEL_CHROMIUM names one that does not start, since taking
    another browser than the one asked for would be a surprise.
    """
    named = os.environ.get("EASEL_CHROMIUM")
    if named:
        return Path(named) if _starts(Path(named)) else None
    return next((path for path in _candidates() if _starts(path)), None)


def _candidates() -> Iterator[Path]:
    for name in NAMES:
        found = shutil.which(name)
        if found:
            yield Path(found)
    folder = os.environ.get("PLAYWRIGHT_BROWSERS_PATH")
    caches = [
        Path(folder) if folder and folder != "0" else Path.home() / ".cache" / "ms-playwright",
        Path.home() / "Library" / "Caches" / "ms-playwright",
    ]
    for cache_dir in caches:
        for pattern in _PLAYWRIGHT_PROGRAMS:
            yield from sorted(cache_dir.glob(pattern), reverse=True)


def _starts(program: Path) -> bool:
    """Tell whether a browser prints its version: on Ubuntu the name may be a mere stub."""
    try:
        answer = subprocess.run(
            [program, "--version"], capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return answer.returncode == 0 and "chrom" in answer.stdout.lower()


def require_chromium() -> Path:
    """Return a Chromium, installing one first if there is none.

    Raises:
        RefusedError: none is here and none can be installed; the text says what to do.
    """
    if os.environ.get("EASEL_CHROMIUM") and find_chromium() is None:
        raise RefusedError(
            f"EASEL_CHROMIUM names {os.environ['EASEL_CHROMIUM']}, which is no Chromium that "
            "starts. Correct it, or unset it to have one looked for."
        )
    found = find_chromium()
    if found is None:
        output = _install()
        find_chromium.cache_clear()
        found = find_chromium()
        if found is None:
            raise RefusedError(
                "The browser tests need a Chromium, and none could be installed. Install one "
                "(Debian: apt-get install chromium fonts-noto-cjk; Ubuntu, macOS and others: "
                "Google Chrome, or .venv/bin/playwright install --with-deps chromium), or name "
                "one in EASEL_CHROMIUM, and run the same command again.\n"
                + "\n".join(output.splitlines()[-6:])
            )
    return found


def _install() -> str:
    """Try to install a Chromium; return what the installer printed last."""
    if can_install():
        # The fonts are for Korean in screenshots.
        output = install_packages("chromium", "fonts-noto-cjk")
        find_chromium.cache_clear()
        if find_chromium() is not None:
            return output
    say("Installing Chromium through Playwright …")
    return run_installer(sys.executable, "-m", "playwright", "install", "chromium")
