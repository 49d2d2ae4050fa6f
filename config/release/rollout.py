"""The order of a release, and the way back from each point of it.

Nothing is remembered between runs: what to do follows from what AWS says, so a run that was killed
is taken up, or taken back, by the next. At no point has a colour traffic that is not healthy.
"""

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from config.release.fleet import Clock, Fleet
from config.release.plan import (
    GRACE_SECONDS,
    POLL_SECONDS,
    START_SECONDS,
    STEPS,
    WORKERS_SECONDS,
    Colour,
    Environment,
    Release,
    ReleaseError,
)

# Updated before the web process, and while both versions of it run: each knows both.
BESIDE_WEB = ("scheduler", "admin")
_TRIES = 5


@dataclass(frozen=True, slots=True)
class _Rest:
    """What runs beside the web process: definitions by service, and the image of the workers."""

    definitions: Mapping[str, str]
    worker_image: str


@dataclass
class Rollout:
    """Releases to one environment."""

    fleet: Fleet
    environment: Environment
    clock: Clock
    say: Callable[[str], None]
    # Asked while the new colour has a tenth of the traffic: raises if the pages are not right.
    look: Callable[[Release], None] = lambda _release: None

    def deploy(self, release: Release) -> None:
        """Bring `release` to all traffic, or leave everything as it was.

        Raises:
            ReleaseError: it was taken back, or not begun.
        """
        self._refuse_unknown_alarms()
        is_first = self._is_first()
        old = self._heaviest() if is_first else self.settle()
        if not is_first:
            self._refuse_alarms("Nothing was changed")
        if self._is_live(old, release):
            self.say(f"{release.version} has all traffic already.")
            self._finish(old)
            return
        self._migrate(release)
        rest = self._rest()
        try:
            self._update_rest(self._rest_of(release))
            self._await_workers()
            self._start(old.other, release, self._strength(old))
            if is_first:
                self._shift(old.other, 100)
                self.look(release)
            else:
                self._shift_in_steps(old.other, release)
        except BaseException as error:
            self.say(f"Taking it back: {error!r}")
            _without_signals(lambda: self._take_back(old, rest))
            if isinstance(error, (Exception, KeyboardInterrupt)):
                raise ReleaseError(f"{release.version} was taken back: {error!r}") from error
            raise
        self._finish(old.other)
        self.say(f"{release.version} is live on {old.other}.")

    def rollback(self) -> None:
        """Give the traffic back to the colour that had it before, with the version it ran.

        Raises:
            ReleaseError: that colour does not become healthy; nothing has changed then.
        """
        live = self.settle()
        back = live.other
        if self._revision(back) >= self._revision(live):
            raise ReleaseError(f"{live} runs the older version already. Nothing was changed.")
        former = self._release_of(back)
        if former is None:
            raise ReleaseError("Nothing was released before it. Nothing was changed.")
        state = self.fleet.service(self.environment.colour(back))
        self.say(f"Starting {back} ({former.version}) again.")
        self._run(back, state.definition, self._strength(live))
        self._await_healthy(back, state.definition, self._strength(live))
        self._shift(back, 100)
        self._update_rest(self._rest_of(former))
        self._stop(live)
        self.say(f"All traffic is on {back} again.")

    def restart(self) -> None:
        """Start every process anew, with what Terraform and Secrets Manager give it by now.

        Raises:
            ReleaseError: one did not start; ECS keeps its former tasks, and what comes after it in
                this order (beside web, web, workers) was not touched.
        """
        live = self._heaviest()
        if self.fleet.weights()[live] != 100:
            live = self.settle()
        for role in (*BESIDE_WEB, f"web-{live}"):
            self._restart(role, self._newest_definition(role, live))
        self.say("Restarting the workers.")
        self.fleet.restart_workers()
        self._await_workers()
        self.say("Everything was started anew.")

    def status(self) -> dict[str, object]:
        """Describe what runs where."""
        weights = self.fleet.weights()
        found: dict[str, object] = {
            f"web-{colour}": {
                "traffic": weights[colour],
                "healthy": self.fleet.healthy_targets(colour),
                **self._describe(f"web-{colour}"),
            }
            for colour in Colour
        }
        found |= {role: self._describe(role) for role in BESIDE_WEB}
        found["alarms"] = self.fleet.ringing(self.environment.alarms)
        return found

    def settle(self) -> Colour:
        """Put all traffic on one healthy colour, as it is between releases, and return it.

        Where a release was killed half-way that is the older definition, unless it is not healthy.

        Raises:
            ReleaseError: no colour is healthy.
        """
        weights = self.fleet.weights()
        healthy = [colour for colour in Colour if self.fleet.healthy_targets(colour) > 0]
        if not healthy:
            raise ReleaseError("No colour has a healthy task. Nothing was changed.")
        alone = [colour for colour in healthy if weights[colour] == 100]
        if alone:
            return alone[0]
        chosen = min(healthy, key=lambda colour: self._revision(colour))
        self.say(f"A release ended half-way: all traffic goes to {chosen}.")
        self._shift(chosen, 100)
        return chosen

    def _is_first(self) -> bool:
        """Tell whether nothing was ever released here: there is nobody to be careful for."""
        return not any(
            self.fleet.healthy_targets(colour) or self._release_of(colour) for colour in Colour
        )

    def _heaviest(self) -> Colour:
        weights = self.fleet.weights()
        return max(Colour, key=lambda colour: weights[colour])

    def _shift_in_steps(self, colour: Colour, release: Release) -> None:
        for percent, seconds in STEPS:
            self._shift(colour, percent)
            self._watch(colour, seconds)
            if percent == STEPS[0][0]:
                self.look(release)
        self._shift(colour, 100)
        self._watch(colour, GRACE_SECONDS)

    def _migrate(self, release: Release) -> None:
        definition = self.fleet.register(self.environment.service("migrate"), release)
        self.say("Migrating.")
        code = self.fleet.run_migration(definition)
        if code != 0:
            raise ReleaseError(
                f"The migration ended with {code}; its log is in /easel/{self.environment.name}/"
                "migrate. The version that runs knows both schemas: nothing else was changed."
            )

    def _rest(self) -> _Rest:
        names = [self.environment.service(role) for role in BESIDE_WEB]
        definitions = {name: self.fleet.service(name).definition for name in names}
        return _Rest(definitions, self.fleet.worker_image())

    def _rest_of(self, release: Release) -> _Rest:
        names = [self.environment.service(role) for role in BESIDE_WEB]
        definitions = {name: self.fleet.register(name, release) for name in names}
        return _Rest(definitions, release.worker_image)

    def _update_rest(self, rest: _Rest) -> None:
        self.say("Replacing GPU workers, scheduler and admin.")
        self.fleet.set_workers(rest.worker_image)
        for name, definition in rest.definitions.items():
            wanted = max(self.fleet.service(name).wanted, 1)
            self.fleet.set_service(name, definition=definition, wanted=wanted)
        self._wait(
            lambda: all(self._has_become(*wanted) for wanted in rest.definitions.items()),
            "Scheduler or admin does not become steady",
        )

    def _await_workers(self) -> None:
        self._wait(
            self.fleet.workers_are_new, "GPU workers are not replaced", seconds=WORKERS_SECONDS
        )

    def _has_become(self, name: str, definition: str) -> bool:
        """Tell whether a service runs what it is to run.

        Raises:
            ReleaseError: ECS has given up, and put the former definition back.
        """
        state = self.fleet.service(name)
        if state.definition != definition:
            raise ReleaseError(f"{name} did not start, and ECS went back to {state.definition}.")
        return state.is_steady

    def _start(self, colour: Colour, release: Release, wanted: int) -> None:
        definition = self.fleet.register(self.environment.service("web"), release)
        self.say(f"Starting {wanted} tasks of {release.version} on {colour}.")
        self._run(colour, definition, wanted)
        self._await_healthy(colour, definition, wanted)

    def _run(self, colour: Colour, definition: str, wanted: int) -> None:
        name = self.environment.colour(colour)
        self.fleet.set_service(name, definition=definition, wanted=wanted)

    def _await_healthy(self, colour: Colour, definition: str, wanted: int) -> None:
        name = self.environment.colour(colour)
        self._wait(
            lambda: (
                self._has_become(name, definition) and self.fleet.healthy_targets(colour) >= wanted
            ),
            f"{colour} has not {wanted} healthy tasks",
        )

    def _wait(
        self, is_done: Callable[[], bool], fault: str, *, seconds: float = START_SECONDS
    ) -> None:
        until = self.clock.now() + seconds
        while not is_done():
            if self.clock.now() >= until:
                raise ReleaseError(f"{fault} after {seconds:.0f} s.")
            self.clock.sleep(POLL_SECONDS)

    def _shift(self, colour: Colour, percent: int) -> None:
        """Give a colour its part of the traffic, if it can serve it.

        Raises:
            ReleaseError: it has no healthy task.
        """
        if self.fleet.healthy_targets(colour) == 0:
            raise ReleaseError(f"{colour} has no healthy task.")
        self.say(f"{percent} % of the traffic to {colour}.")
        self.fleet.set_weights({colour: percent, colour.other: 100 - percent})

    def _watch(self, colour: Colour, seconds: float) -> None:
        until = self.clock.now() + seconds
        while True:
            self._refuse_alarms(f"With traffic on {colour}")
            if self.fleet.healthy_targets(colour) == 0:
                raise ReleaseError(f"{colour} has lost its healthy tasks.")
            if self.clock.now() >= until:
                return
            self.clock.sleep(POLL_SECONDS)

    def _refuse_alarms(self, when: str) -> None:
        left_out = self.environment.despite
        ringing = self.fleet.ringing(
            [name for name in self.environment.alarms if name not in left_out]
        )
        if ringing:
            raise ReleaseError(f"{when}: {', '.join(ringing)} rings.")

    def _refuse_unknown_alarms(self) -> None:
        left_out = self.environment.despite
        if unknown := sorted(set(left_out) - set(self.environment.alarms)):
            raise ReleaseError(f"No alarm of this environment stops a release: {unknown}.")
        if left_out:
            self.say(f"Alarms that do not stop this release: {', '.join(left_out)}.")

    def _restart(self, role: str, definition: str) -> None:
        name = self.environment.service(role)
        self.say(f"Restarting {role}.")
        self.fleet.restart(name, definition=definition)
        begun = self.fleet.service(name).deployment

        def is_new() -> bool:
            state = self.fleet.service(name)
            if state.deployment != begun:
                raise ReleaseError(f"{name} did not start, and ECS went back to what ran before.")
            return state.is_steady

        self._wait(is_new, f"{name} is not steady")

    def _newest_definition(self, role: str, live: Colour) -> str:
        """Return what `role` is to run: its release, by Terraform's newest pattern.

        The web process keeps its definition while the other colour has a newer one, as after a
        rollback: of two colours the higher number is the newer release.
        """
        state = self.fleet.service(self.environment.service(role))
        release = self.fleet.release_of(state.definition)
        is_web = role.startswith("web")
        if release is None or (is_web and self._revision(live.other) > self._revision(live)):
            return state.definition
        family = "web" if is_web else role
        return self.fleet.register_newest(self.environment.service(family), release)

    def _finish(self, live: Colour) -> None:
        """Bring about what holds between releases: everything new, and the other colour asleep."""
        release = self._release_of(live)
        if release:
            self._update_rest(self._rest_of(release))
            self._await_workers()
        self._stop(live.other)

    def _stop(self, colour: Colour) -> None:
        """Stop a colour without traffic, unless the other has just fallen over.

        Raises:
            ReleaseError: it is not stopped; the traffic is on it again if the other is not healthy.
        """
        if self.fleet.weights()[colour] != 0:
            raise ReleaseError(f"{colour} has traffic, and is not stopped.")
        definition = self.fleet.service(self.environment.colour(colour)).definition
        is_needed = self.fleet.healthy_targets(colour) > 0
        if is_needed and self.fleet.healthy_targets(colour.other) == 0:
            self._shift(colour, 100)
            raise ReleaseError(f"{colour.other} fell over: the traffic is on {colour} again.")
        self._run(colour, definition, 0)

    def _take_back(self, old: Colour, rest: _Rest) -> None:
        """Give all traffic to `old`, or to what is healthy; each step as far as it goes."""

        def shift() -> None:
            healthy = [colour for colour in (old, old.other) if self.fleet.healthy_targets(colour)]
            self._shift(healthy[0] if healthy else old, 100)

        for step in (shift, lambda: self._stop(old.other), lambda: self._update_rest(rest)):
            for left in reversed(range(_TRIES)):
                try:
                    step()
                    break
                except Exception as error:  # noqa: BLE001  (whatever it is, the rest must be tried)
                    self.say(f"While taking back: {error}")
                    if left:
                        self.clock.sleep(POLL_SECONDS)

    def _strength(self, live: Colour) -> int:
        state = self.fleet.service(self.environment.colour(live))
        return max(state.wanted, self.environment.least_tasks)

    def _is_live(self, colour: Colour, release: Release) -> bool:
        return self._release_of(colour) == release

    def _release_of(self, colour: Colour) -> Release | None:
        state = self.fleet.service(self.environment.colour(colour))
        return self.fleet.release_of(state.definition)

    def _revision(self, colour: Colour) -> int:
        definition = self.fleet.service(self.environment.colour(colour)).definition
        return int(definition.rpartition(":")[2])

    def _describe(self, role: str) -> dict[str, object]:
        state = self.fleet.service(self.environment.service(role))
        release = self.fleet.release_of(state.definition)
        return {
            "version": release.version if release else None,
            "definition": state.definition,
            "wanted": state.wanted,
            "running": state.running,
        }


def _without_signals(work: Callable[[], None]) -> None:
    """Let nobody interrupt what brings the traffic back."""
    former = {number: signal.signal(number, signal.SIG_IGN) for number in _SIGNALS}
    try:
        work()
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
