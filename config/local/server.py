"""What the embedded servers have in common when one is run without a supervisor, as tests do."""

import subprocess
from abc import ABC, abstractmethod
from pathlib import Path

from config.local.parts import Part, PartFailedError, spawn, stop, wait_until_ready


class EmbeddedServer(ABC):
    """A server under the folder `home`, run in the foreground as a child of this process."""

    home: Path

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def part(self) -> Part:
        """Describe the server's process."""

    @property
    def log_path(self) -> Path:
        """Return the file that gets the server's output when it runs without a supervisor."""
        return self.home / "server.log"

    @property
    def pid(self) -> int | None:
        """Return the process id while the server runs."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the server and wait until it answers.

        Raises:
            PartFailedError: it ended at once or never answered; the text carries its last lines.
        """
        part = self.part()
        part.prepare()
        with self.log_path.open("ab") as log:
            self._process = spawn(part, output=log)
        try:
            wait_until_ready(part, self._process)
        except PartFailedError as error:
            self.stop()
            tail = self.log_path.read_text(errors="replace").splitlines()[-8:]
            raise PartFailedError("\n".join([str(error), *tail])) from error

    def stop(self) -> None:
        """Stop the server in order; calling it twice is no error."""
        if self._process is not None:
            stop(self.part(), self._process)
            self._process = None

    def kill(self) -> None:
        """End the server as a crash would: no farewell, lock file and socket left behind."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
