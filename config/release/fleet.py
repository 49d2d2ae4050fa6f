"""What a release needs to see and do: a thin seam between its decisions and AWS."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from config.release.plan import Colour, Release


@dataclass(frozen=True, slots=True)
class Service:
    """A service as it is now."""

    definition: str
    wanted: int
    running: int
    # One deployment, and as many tasks as are wanted.
    is_steady: bool
    # Which: ECS makes another when it goes back.
    deployment: str


class Fleet(Protocol):
    """The environment that is released to. Everything may be done twice with one result."""

    def weights(self) -> dict[Colour, int]:
        """Return the traffic of each colour in per cent."""

    def set_weights(self, weights: Mapping[Colour, int]) -> None:
        """Give each colour its part of the traffic."""

    def healthy_targets(self, colour: Colour) -> int:
        """Return how many tasks of a colour the load balancer finds healthy."""

    def service(self, name: str) -> Service:
        """Return the state of a service."""

    def set_service(self, name: str, *, definition: str, wanted: int) -> None:
        """Have a service run `wanted` tasks of a definition."""

    def register(self, family: str, release: Release) -> str:
        """Return the definition of `family` with the images of `release`, made if there is none."""

    def register_newest(self, family: str, release: Release) -> str:
        """Do the same by the newest definition alone, which has what Terraform changed last."""

    def restart(self, name: str, *, definition: str) -> None:
        """Have a service put a new task of a definition in the place of each that it has."""

    def release_of(self, definition: str) -> Release | None:
        """Return the release that a definition was registered for; None if Terraform made it."""

    def run_migration(self, definition: str) -> int:
        """Run a task to its end and return its exit code."""

    def ringing(self, alarms: Sequence[str]) -> list[str]:
        """Return those of `alarms` that ring; one that does not exist counts as ringing."""

    def worker_image(self) -> str:
        """Return the image that GPU workers start with."""

    def set_workers(self, image: str) -> None:
        """Name the image of the GPU workers, and begin to put it in the place of the old ones."""

    def restart_workers(self) -> None:
        """Begin to put new GPU workers in the place of all, of the image that there is."""

    def workers_are_new(self) -> bool:
        """Tell whether no replacement of workers is under way.

        Raises:
            ReleaseError: one has failed.
        """


class Clock(Protocol):
    """The time, which tests make short."""

    def now(self) -> float: ...

    def sleep(self, seconds: float) -> None: ...
