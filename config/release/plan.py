"""What is released where, and by which numbers: one place for them."""

from dataclasses import dataclass
from enum import StrEnum

# Traffic of the new colour, in per cent, and for how long no alarm may ring before the next step.
STEPS: tuple[tuple[int, float], ...] = ((10, 120.0), (50, 300.0))
# So long the old colour waits at full strength, with all traffic on the new one.
GRACE_SECONDS = 300.0
POLL_SECONDS = 10.0
MIGRATION_SECONDS = 3600.0
START_SECONDS = 900.0
# A worker ends its job first; new web processes may ask for what old workers cannot do.
WORKERS_SECONDS = 3000.0


class Colour(StrEnum):
    """Two services of the web process, of which one has the traffic."""

    BLUE = "blue"
    GREEN = "green"

    @property
    def other(self) -> "Colour":
        return Colour.GREEN if self is Colour.BLUE else Colour.BLUE


@dataclass(frozen=True, slots=True)
class Release:
    """A version with its images, named by digest, so that it is the same for ever."""

    version: str
    web_image: str
    worker_image: str


@dataclass(frozen=True, slots=True)
class Environment:
    """The names of an environment, as Terraform gives them."""

    name: str
    rule_arn: str
    # Those of the names that ring while a release runs stop it.
    alarms: tuple[str, ...]
    # Those of them that do not: what is released mends what they ring for.
    despite: tuple[str, ...] = ()
    # Environments without GPUs have none.
    gpu_groups: tuple[str, ...] = ()
    least_tasks: int = 1

    @property
    def prefix(self) -> str:
        """Return what the names of all resources begin with, the cluster's too."""
        return f"easel-{self.name}"

    @property
    def worker_image_parameter(self) -> str:
        return f"/easel/{self.name}/worker-image"

    def service(self, role: str) -> str:
        """Return the name of a service, which is that of its family of task definitions too."""
        return f"{self.prefix}-{role}"

    def colour(self, colour: Colour) -> str:
        return self.service(f"web-{colour}")


class ReleaseError(Exception):
    """A release cannot go on; the message says why and what to do."""
