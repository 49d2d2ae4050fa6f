"""A tier minute by minute, under the alarms of scaling that Terraform has for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from config.infrastructure.deployment import Deployment, Instance
from tests.infrastructure.terraform.rules.findings import block
from tests.infrastructure.terraform.rules.metric_math import evaluate


def tier_of(environment: Deployment, group: str, **given: Any) -> "Tier":
    """Return the tier whose auto-scaling group has this name."""
    policies = {
        f"{each.address}.arn": each
        for each in environment.of_type("aws_autoscaling_policy")
        if each.arguments["autoscaling_group_name"] == group
    }
    watches = [
        Watch(alarm, policies[action.text])
        for alarm in environment.of_type("aws_cloudwatch_metric_alarm")
        for action in alarm.arguments.get("alarm_actions") or []
        if getattr(action, "text", "") in policies
    ]
    return Tier(watches=watches, **given)


class Watch:
    """An alarm and the policy that it sets off."""

    def __init__(self, alarm: Instance, policy: Instance) -> None:
        self.policy = policy
        self._given = alarm.arguments
        self._queries = self._given.get("metric_query", [])
        self._below = self._given["comparison_operator"].startswith("LessThan")
        self._or_equal = "OrEqual" in self._given["comparison_operator"]
        self._breaches: list[bool] = []
        # When its policy may act again: the cool-down, or the warm-up of what it started.
        self.rests_until = 0

    @property
    def is_shrinking(self) -> bool:
        return self.change < 0

    @property
    def change(self) -> int:
        """Return how many instances come or go each time."""
        given = self.policy.arguments
        step = block(given, "step_adjustment") or given
        return int(step["scaling_adjustment"])

    @property
    def rest_minutes(self) -> int:
        given = self.policy.arguments
        return int(given.get("cooldown") or given["estimated_instance_warmup"]) // 60

    @property
    def is_on(self) -> bool:
        wanted = int(self._given["evaluation_periods"])
        return len(self._breaches) >= wanted and all(self._breaches[-wanted:])

    def look(self, metrics: Mapping[str, float | None]) -> None:
        """Take in what was measured in a minute."""
        value = self._value(metrics)
        if value is None:
            self._breaches.append(self._given["treat_missing_data"] == "breaching")
            return
        threshold = float(self._given["threshold"])
        is_beyond = value < threshold if self._below else value > threshold
        self._breaches.append(is_beyond or (self._or_equal and value == threshold))

    def _value(self, metrics: Mapping[str, float | None]) -> float | None:
        if not self._queries:
            return metrics[self._given["metric_name"]]
        named = {
            query["id"]: metrics[block(query, "metric")["metric_name"]]
            for query in self._queries
            if query.get("metric")
        }
        (expression,) = [query["expression"] for query in self._queries if query.get("expression")]
        return evaluate(expression, named)


@dataclass(slots=True)
class Tier:
    """Instances with one worker each, a queue, and what the alarms make of them.

    CloudWatch looks once a minute at the minute before, and repeats what an alarm does for as long
    as it is on.
    """

    watches: Sequence[Watch]
    start_minutes: int
    least: int = 0
    most: int = 10
    waiting: int = 0
    minute: int = 0
    # By instance, the minute in which it can work, and the one in which its job ends.
    instances: list[list[int]] = field(default_factory=list)
    # Instances that went while there was something for them to do.
    taken_from_work: int = 0
    capacities: list[int] = field(default_factory=list)

    @property
    def busy(self) -> int:
        return sum(job_ends > self.minute for _from, job_ends in self.instances)

    def shrinks(self) -> bool:
        """Tell whether an alarm that takes instances is on."""
        return any(watch.is_on for watch in self.watches if watch.is_shrinking)

    def run(self, minutes: int, *, job_minutes: int = 5) -> None:
        """Let minutes go by."""
        for _minute in range(minutes):
            most_waiting = self.waiting
            for instance in self.instances:
                if self.waiting and instance[0] <= self.minute and instance[1] <= self.minute:
                    self.waiting -= 1
                    instance[1] = self.minute + job_minutes
            # Nothing is told of no worker at all.
            measured: dict[str, float | None] = {
                "ApproximateNumberOfMessagesVisible": most_waiting,
                "GroupDesiredCapacity": len(self.instances),
                "BusyWorkers": self.busy or None,
            }
            self.minute += 1
            for watch in self.watches:
                watch.look(measured)
                if watch.is_on and self.minute >= watch.rests_until:
                    self._scale(watch)
            while len(self.instances) < self.least:
                self._add()
            self.capacities.append(len(self.instances))

    def _scale(self, watch: Watch) -> None:
        for _one in range(min(watch.change, self.most - len(self.instances))):
            self._add()
        for _one in range(-watch.change):
            if len(self.instances) > self.least:
                is_last = len(self.instances) == 1
                self.taken_from_work += is_last and bool(self.waiting or self.busy)
                self.instances.pop(0)
                watch.rests_until = self.minute + watch.rest_minutes
        if watch.change > 0:
            watch.rests_until = self.minute + watch.rest_minutes

    def _add(self) -> None:
        self.instances.append([self.minute + self.start_minutes, 0])
