"""The environment on AWS, by boto3."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from config.release.fleet import Service
from config.release.plan import (
    MIGRATION_SECONDS,
    POLL_SECONDS,
    Colour,
    Environment,
    Release,
    ReleaseError,
)
from config.release.session import Session

# What `describe_task_definition` adds, and `register_task_definition` does not take.
_TAKEN = (
    *("family", "taskRoleArn", "executionRoleArn", "networkMode", "containerDefinitions"),
    *("volumes", "placementConstraints", "requiresCompatibilities", "cpu", "memory"),
    *("pidMode", "ipcMode", "proxyConfiguration", "inferenceAccelerators", "ephemeralStorage"),
    *("runtimePlatform", "enableFaultInjection"),
)
# Of a container of ours, so that a definition tells which release it is of.
_VERSION, _WORKER_IMAGE = "easel.version", "easel.worker-image"
_UNDER_WAY = {"Pending", "InProgress", "Cancelling", "Baking", "RollbackInProgress"}
_FAILED = {"Failed", "RollbackFailed", "RollbackSuccessful"}
# New workers before the old ones go: a tier of one is not to be empty. AWS wants at most 100
# between the two.
REPLACEMENT = {"MinHealthyPercentage": 100, "MaxHealthyPercentage": 200}


class AwsFleet:
    """An environment that Terraform made."""

    def __init__(
        self, session: Session, environment: Environment, *, poll_seconds: float = POLL_SECONDS
    ) -> None:
        self.environment = environment
        self.poll_seconds = poll_seconds
        self._ecs = session.client("ecs")
        self._balancer = session.client("elbv2")
        self._cloudwatch = session.client("cloudwatch")
        self._groups = session.client("autoscaling")
        self._limits = session.client("application-autoscaling")
        self._parameters = session.client("ssm")
        self._target_groups: dict[Colour, str] = {}

    def weights(self) -> dict[Colour, int]:
        targets = self._forward()["ForwardConfig"]["TargetGroups"]
        shares = {entry["TargetGroupArn"]: int(entry.get("Weight", 1)) for entry in targets}
        total = sum(shares.values()) or 1
        return {
            colour: round(100 * shares.get(self._target_group(colour), 0) / total)
            for colour in Colour
        }

    def set_weights(self, weights: Mapping[Colour, int]) -> None:
        action = self._forward()
        # What else it says, such as stickiness, stays.
        action["ForwardConfig"]["TargetGroups"] = [
            {"TargetGroupArn": self._target_group(colour), "Weight": weights[colour]}
            for colour in Colour
        ]
        action.pop("TargetGroupArn", None)
        self._balancer.modify_rule(RuleArn=self.environment.rule_arn, Actions=[action])

    def healthy_targets(self, colour: Colour) -> int:
        answer = self._balancer.describe_target_health(TargetGroupArn=self._target_group(colour))
        states = [target["TargetHealth"]["State"] for target in answer["TargetHealthDescriptions"]]
        return states.count("healthy")

    def service(self, name: str) -> Service:
        found = self._describe(name)
        is_alone = len(found["deployments"]) == 1
        return Service(
            definition=str(found["taskDefinition"]),
            wanted=int(found["desiredCount"]),
            running=int(found["runningCount"]),
            is_steady=is_alone and found["runningCount"] == found["desiredCount"],
            deployment=next(
                str(one["id"]) for one in found["deployments"] if one["status"] == "PRIMARY"
            ),
        )

    def set_service(self, name: str, *, definition: str, wanted: int) -> None:
        self._set_least(name, wanted)
        self._ecs.update_service(
            cluster=self.environment.prefix,
            service=name,
            taskDefinition=definition,
            desiredCount=wanted,
        )

    def register(self, family: str, release: Release) -> str:
        newest = self._definition(family)
        if _release_of(newest) == release:
            return str(newest["taskDefinitionArn"])
        arns = self._ecs.list_task_definitions(familyPrefix=family, sort="DESC", maxResults=10)
        for arn in arns["taskDefinitionArns"]:
            if arn.rpartition("/")[2].partition(":")[0] != family:
                continue
            if _release_of(self._definition(arn)) == release:
                return str(arn)
        return self._make(newest, release)

    def register_newest(self, family: str, release: Release) -> str:
        newest = self._definition(family)
        if _release_of(newest) == release:
            return str(newest["taskDefinitionArn"])
        return self._make(newest, release)

    def restart(self, name: str, *, definition: str) -> None:
        self._ecs.update_service(
            cluster=self.environment.prefix,
            service=name,
            taskDefinition=definition,
            forceNewDeployment=True,
        )

    def _make(self, pattern: Mapping[str, Any], release: Release) -> str:
        made = {key: pattern[key] for key in _TAKEN if pattern.get(key)}
        made["containerDefinitions"] = [
            {
                **container,
                "image": release.web_image,
                "dockerLabels": {
                    **container.get("dockerLabels", {}),
                    _VERSION: release.version,
                    _WORKER_IMAGE: release.worker_image,
                },
            }
            for container in pattern["containerDefinitions"]
        ]
        answer = self._ecs.register_task_definition(**made)
        return str(answer["taskDefinition"]["taskDefinitionArn"])

    def release_of(self, definition: str) -> Release | None:
        return _release_of(self._definition(definition))

    def run_task(
        self, definition: str, *, command: Sequence[str] = (), seconds: float = MIGRATION_SECONDS
    ) -> int:
        """Run a task where the scheduler runs and return the exit code of its container.

        Raises:
            ReleaseError: it cannot be started, or does not end in time; then it is stopped.
        """
        container = self._definition(definition)["containerDefinitions"][0]["name"]
        overrides: list[dict[str, Any]] = [{"name": container, "command": list(command)}]
        network = self._describe(self.environment.service("scheduler"))["networkConfiguration"]
        answer = self._ecs.run_task(
            cluster=self.environment.prefix,
            taskDefinition=definition,
            launchType="FARGATE",
            count=1,
            networkConfiguration=network,
            **({"overrides": {"containerOverrides": overrides}} if command else {}),
        )
        if not answer["tasks"]:
            raise ReleaseError(f"The task was not started: {answer['failures']}")
        arn = answer["tasks"][0]["taskArn"]
        try:
            return self._await_task(arn, seconds)
        except BaseException:
            self._ecs.stop_task(cluster=self.environment.prefix, task=arn, reason="not waited for")
            raise

    def run_migration(self, definition: str) -> int:
        return self.run_task(definition)

    def ringing(self, alarms: Sequence[str]) -> list[str]:
        if not alarms:
            return []
        answer = self._cloudwatch.describe_alarms(
            AlarmNames=list(alarms), AlarmTypes=["MetricAlarm", "CompositeAlarm"]
        )
        found = [*answer["MetricAlarms"], *answer["CompositeAlarms"]]
        calm = {alarm["AlarmName"] for alarm in found if alarm["StateValue"] != "ALARM"}
        return sorted(set(alarms) - calm)

    def worker_image(self) -> str:
        return str(self._parameter()["Value"])

    def set_workers(self, image: str) -> None:
        parameter = self._parameter()
        if parameter["Value"] != image:
            name = self.environment.worker_image_parameter
            self._parameters.put_parameter(Name=name, Value=image, Type="String", Overwrite=True)
            parameter = self._parameter()
        for group in self.environment.gpu_groups:
            latest = self._refresh(group)
            # A run that was killed may have come no further than the name of the image.
            is_of_image = latest and latest["StartTime"] >= parameter["LastModifiedDate"]
            if latest and is_of_image and latest["Status"] not in _FAILED:
                continue
            self._replace_workers(group, latest)

    def restart_workers(self) -> None:
        for group in self.environment.gpu_groups:
            self._replace_workers(group, self._refresh(group))

    def workers_are_new(self) -> bool:
        states = {group: self._refresh(group) for group in self.environment.gpu_groups}
        for group, latest in states.items():
            if latest and latest["Status"] in _FAILED:
                raise ReleaseError(f"{group}: {latest.get('StatusReason', latest['Status'])}")
        return not any(latest and latest["Status"] in _UNDER_WAY for latest in states.values())

    def _await_task(self, arn: str, seconds: float) -> int:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            answer = self._ecs.describe_tasks(cluster=self.environment.prefix, tasks=[arn])
            task = answer["tasks"][0]
            if task["lastStatus"] == "STOPPED":
                code = task["containers"][0].get("exitCode") if task["containers"] else None
                if code is None:
                    raise ReleaseError(f"The task did not run: {task.get('stoppedReason')}")
                return int(code)
            time.sleep(self.poll_seconds)
        raise ReleaseError(f"The task has not ended after {seconds:.0f} s.")

    def _replace_workers(self, group: str, latest: Mapping[str, Any] | None) -> None:
        if latest and latest["Status"] in _UNDER_WAY:
            self._groups.cancel_instance_refresh(AutoScalingGroupName=group)
        for _try in range(60):
            try:
                self._groups.start_instance_refresh(
                    AutoScalingGroupName=group, Preferences=REPLACEMENT
                )
            except ClientError as error:
                if error.response["Error"]["Code"] != "InstanceRefreshInProgress":
                    raise
                # The one that was cancelled ends with the instance it is at.
                time.sleep(self.poll_seconds)
            else:
                return
        raise ReleaseError(f"{group} is busy with another replacement of its workers.")

    def _refresh(self, group: str) -> dict[str, Any] | None:
        answer = self._groups.describe_instance_refreshes(AutoScalingGroupName=group)
        return next(iter(answer["InstanceRefreshes"]), None)

    def _parameter(self) -> dict[str, Any]:
        name = self.environment.worker_image_parameter
        found: dict[str, Any] = self._parameters.get_parameter(Name=name)["Parameter"]
        return found

    def _set_least(self, name: str, wanted: int) -> None:
        """Have automatic scaling keep a colour that sleeps at 0, and another at what is wanted."""
        answer = self._limits.describe_scalable_targets(
            ServiceNamespace="ecs", ResourceIds=[f"service/{self.environment.prefix}/{name}"]
        )
        for target in answer["ScalableTargets"]:
            self._limits.register_scalable_target(
                ServiceNamespace="ecs",
                ResourceId=target["ResourceId"],
                ScalableDimension=target["ScalableDimension"],
                MinCapacity=min(wanted, self.environment.least_tasks),
            )

    def _describe(self, name: str) -> dict[str, Any]:
        answer = self._ecs.describe_services(cluster=self.environment.prefix, services=[name])
        if not answer["services"]:
            raise ReleaseError(f"There is no service {name}: see `terraform apply`.")
        found: dict[str, Any] = answer["services"][0]
        return found

    def _definition(self, name: str) -> dict[str, Any]:
        answer = self._ecs.describe_task_definition(taskDefinition=name)
        found: dict[str, Any] = answer["taskDefinition"]
        return found

    def _forward(self) -> dict[str, Any]:
        rules = self._balancer.describe_rules(RuleArns=[self.environment.rule_arn])["Rules"]
        actions = [action for action in rules[0]["Actions"] if action["Type"] == "forward"]
        if len(actions) != 1 or "ForwardConfig" not in actions[0]:
            raise ReleaseError("The rule does not forward to two colours: see `terraform apply`.")
        found: dict[str, Any] = actions[0]
        return found

    def _target_group(self, colour: Colour) -> str:
        if not self._target_groups:
            for one in Colour:
                groups = self._balancer.describe_target_groups(Names=[self.environment.colour(one)])
                self._target_groups[one] = str(groups["TargetGroups"][0]["TargetGroupArn"])
        return self._target_groups[colour]


def _release_of(definition: Mapping[str, Any]) -> Release | None:
    container = definition["containerDefinitions"][0]
    labels = container.get("dockerLabels", {})
    if _VERSION not in labels:
        return None
    return Release(labels[_VERSION], container["image"], labels[_WORKER_IMAGE])
