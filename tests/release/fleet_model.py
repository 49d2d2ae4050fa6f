"""An environment in memory that behaves as ECS and a load balancer do, on a clock of its own.

It keeps the rule of the product itself: whenever traffic is shifted, it notes whether the colour
that gains has a healthy task. What goes wrong, and when, is given by the test.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from config.release.fleet import Service
from config.release.plan import Colour, Environment, Release
from config.release.rollout import Rollout

ENVIRONMENT = Environment(
    name="model", rule_arn="rule", alarms=("api-error-rate",), least_tasks=2, gpu_groups=("basic",)
)
OLD = Release("1.0.0", "web@sha256:1", "worker@sha256:1")
NEW = Release("1.1.0", "web@sha256:2", "worker@sha256:2")


class Killed(BaseException):
    """The process is gone: nothing it still tries comes about."""


class Refused(Exception):
    """AWS did not answer this once."""


@dataclass
class _Running:
    definition: str
    wanted: int
    started_at: float
    former: str = ""
    deployment: int = 1
    # Until when tasks of the same kind take the place of others.
    replaced_at: float = -1000.0


@dataclass
class FleetModel:
    """Tasks take `start_seconds` to become healthy; a release in `broken` never does."""

    start_seconds: float = 30.0
    broken: set[Release | None] = field(default_factory=set)
    # What of a broken release does not start.
    broken_roles: tuple[str, ...] = ("web", "admin", "scheduler")
    # Called with the name of each thing the program does, before it comes about.
    before: Callable[[str], None] = lambda _act: None
    alarm: Callable[[], bool] = lambda: False
    # Which, when `alarm` says that any does.
    rings: tuple[str, ...] = ("api-error-rate",)
    migration_code: int = 0
    # Whether ECS puts the former definition back when tasks of the new one do not start.
    breaks_circuit: bool = False
    # Services whose tasks no longer start, whatever they run.
    cannot_restart: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.time = 0.0
        self.is_dead = False
        self.acts: list[str] = []
        self.seen: dict[Colour, int] = {}
        self.traffic_to_sick: list[Mapping[Colour, int]] = []
        self.shares = {Colour.BLUE: 100, Colour.GREEN: 0}
        self.definitions: dict[str, Release | None] = {}
        self.image = OLD.worker_image
        self.refreshed_at = -1000.0
        self.services: dict[str, _Running] = {}
        self.circuit_breaks: set[str] = set()
        for family in ("web", "admin", "scheduler", "migrate"):
            self.register(f"easel-model-{family}", OLD)
        for name, wanted in {"web-blue": 3, "web-green": 0, "admin": 1, "scheduler": 1}.items():
            family = name.partition("-")[0]
            self.services[f"easel-model-{name}"] = _Running(
                f"easel-model-{family}:1", wanted, -1000.0
            )
        self.acts.clear()

    # The clock of the program.
    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self._act("sleep")
        self.time += seconds

    def weights(self) -> dict[Colour, int]:
        self._act("weights")
        return dict(self.shares)

    def set_weights(self, weights: Mapping[Colour, int]) -> None:
        self._act(f"set_weights {weights[Colour.BLUE]}/{weights[Colour.GREEN]}")
        gains = [colour for colour in Colour if weights[colour] > self.shares[colour]]
        # What falls over in this very moment nobody can know; it is seen at the next look.
        if any(self.seen.get(colour, 0) == 0 for colour in gains):
            self.traffic_to_sick.append(weights)
        self.shares = dict(weights)

    def healthy_targets(self, colour: Colour) -> int:
        self._act("healthy_targets")
        self.seen[colour] = self.healthy(colour)
        return self.seen[colour]

    def service(self, name: str) -> Service:
        self._act("service")
        found = self.services[name]
        if name in self.circuit_breaks and self.time >= found.replaced_at:
            self.circuit_breaks.remove(name)
            found.deployment += 1
        if self.breaks_circuit and self._is_broken(found) and found.former and self._is_up(found):
            found.definition, found.former = found.former, ""
            found.deployment += 1
        running = found.wanted if self._is_up(found) else 0
        steady = running == found.wanted and self.time >= found.replaced_at
        return Service(found.definition, found.wanted, running, steady, str(found.deployment))

    def set_service(self, name: str, *, definition: str, wanted: int) -> None:
        self._act(f"set_service {name} {definition} {wanted}")
        found = self.services[name]
        if found.definition != definition or wanted > found.wanted:
            found.started_at = self.time
        if found.definition != definition:
            found.former = found.definition
            found.deployment += 1
        found.definition, found.wanted = definition, wanted

    def restart(self, name: str, *, definition: str) -> None:
        """Let new tasks come beside those that run, which serve until the new ones do."""
        self._act(f"restart {name} {definition}")
        found = self.services[name]
        found.deployment += 1
        found.replaced_at = self.time + self.start_seconds
        if name in self.cannot_restart:
            self.circuit_breaks.add(name)
        else:
            found.definition = definition

    def register(self, family: str, release: Release) -> str:
        self._act("register")
        ours = [name for name in self.definitions if name.startswith(f"{family}:")]
        for name in ours:
            if self.definitions[name] == release:
                return name
        return self.add_definition(family, release)

    def register_newest(self, family: str, release: Release) -> str:
        self._act("register_newest")
        newest = [name for name in self.definitions if name.startswith(f"{family}:")][-1]
        if self.definitions[newest] == release:
            return newest
        return self.add_definition(family, release)

    def add_definition(self, family: str, release: Release | None) -> str:
        """Register another definition; one of no release is what Terraform makes."""
        count = sum(name.startswith(f"{family}:") for name in self.definitions)
        made = f"{family}:{count + 1}"
        self.definitions[made] = release
        return made

    def release_of(self, definition: str) -> Release | None:
        self._act("release_of")
        return self.definitions[definition]

    def run_migration(self, definition: str) -> int:
        self._act(f"run_migration {definition}")
        return self.migration_code

    def ringing(self, alarms: Sequence[str]) -> list[str]:
        self._act("ringing")
        return [name for name in alarms if name in self.rings] if self.alarm() else []

    def worker_image(self) -> str:
        self._act("worker_image")
        return self.image

    def set_workers(self, image: str) -> None:
        self._act(f"set_workers {image}")
        if image != self.image:
            self.image, self.refreshed_at = image, self.time

    def restart_workers(self) -> None:
        self._act("restart_workers")
        self.refreshed_at = self.time

    def workers_are_new(self) -> bool:
        self._act("workers_are_new")
        return self.time >= self.refreshed_at + 60

    # What the test asks, of which the program knows nothing.
    def healthy(self, colour: Colour) -> int:
        found = self.services[ENVIRONMENT.colour(colour)]
        return found.wanted if self._is_up(found) and not self._is_broken(found) else 0

    def _is_broken(self, service: _Running) -> bool:
        role = service.definition.partition(":")[0].rpartition("-")[2]
        return self.definitions[service.definition] in self.broken and role in self.broken_roles

    def _is_up(self, service: _Running) -> bool:
        return self.time >= service.started_at + self.start_seconds

    def is_sick(self, colour: Colour) -> bool:
        return self.healthy(colour) == 0

    def live(self) -> Colour | None:
        return next((colour for colour, share in self.shares.items() if share == 100), None)

    def revive(self) -> None:
        """Let another process look, in which nothing goes wrong."""
        self.is_dead = False
        self.before = lambda _act: None
        self.alarm = lambda: False

    def _act(self, act: str) -> None:
        if self.is_dead:
            raise Killed
        try:
            self.before(act)
        except Killed:
            self.is_dead = True
            raise
        self.acts.append(act)


def rollout(model: FleetModel, look: Callable[[Release], None] = lambda _: None) -> Rollout:
    return Rollout(model, ENVIRONMENT, model, lambda _line: None, look)
