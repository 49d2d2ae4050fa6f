"""What a release does on AWS, against moto's server on loopback."""

import dataclasses
import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest

from config.release.plan import Colour, Release, ReleaseError
from tests.release.aws_stand_in import SECRETS, AwsStandIn

BLUE, GREEN = Colour.BLUE, Colour.GREEN
NEW = Release("1.1.0", "web@sha256:2", "worker@sha256:2")
GROUP = "easel-staging-gpu-basic"
# With the new worker there before the old one goes, also where there is one.
REPLACED = {
    "AutoScalingGroupName": GROUP,
    "Preferences": {"MinHealthyPercentage": 100, "MaxHealthyPercentage": 200},
}


@pytest.fixture(scope="module")
def server() -> Iterator[AwsStandIn]:
    server = AwsStandIn()
    yield server
    server.stop()


@pytest.fixture
def aws(server: AwsStandIn) -> AwsStandIn:
    server.stubbed.clear()
    server.fleet.set_weights({BLUE: 100, GREEN: 0})
    return server


def test_the_weights_are_read_and_shifted(aws: AwsStandIn) -> None:
    assert aws.fleet.weights() == {BLUE: 100, GREEN: 0}
    before = aws.rule()

    aws.fleet.set_weights({BLUE: 90, GREEN: 10})

    assert aws.fleet.weights() == {BLUE: 90, GREEN: 10}
    after = aws.rule()
    assert after["Conditions"] == before["Conditions"]
    forward = after["Actions"][0]["ForwardConfig"]
    assert forward["TargetGroupStickinessConfig"] == {"Enabled": True, "DurationSeconds": 60}


def test_weights_of_another_sum_count_as_parts(aws: AwsStandIn) -> None:
    aws.fleet.set_weights({BLUE: 1, GREEN: 1})

    assert aws.fleet.weights() == {BLUE: 50, GREEN: 50}


def test_a_rule_that_does_not_forward_to_colours_is_refused(aws: AwsStandIn) -> None:
    before = aws.rule()["Actions"]
    elbv2 = aws.client("elbv2")
    answer = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "503"}}
    elbv2.modify_rule(RuleArn=aws.environment.rule_arn, Actions=[answer])
    try:
        with pytest.raises(ReleaseError, match="does not forward to two colours"):
            aws.fleet.weights()
    finally:
        elbv2.modify_rule(RuleArn=aws.environment.rule_arn, Actions=before)


def test_healthy_targets_are_counted_by_colour(aws: AwsStandIn) -> None:
    targets = [{"Id": "10.0.1.7", "Port": 8080}, {"Id": "10.0.2.7", "Port": 8080}]
    elbv2 = aws.client("elbv2")
    elbv2.register_targets(TargetGroupArn=aws.groups[GREEN], Targets=targets)

    assert aws.fleet.healthy_targets(GREEN) == 2
    assert aws.fleet.healthy_targets(BLUE) == 0

    elbv2.deregister_targets(TargetGroupArn=aws.groups[GREEN], Targets=targets)
    assert aws.fleet.healthy_targets(GREEN) == 0


def test_a_definition_keeps_everything_but_the_image(aws: AwsStandIn) -> None:
    made = aws.fleet.register("easel-staging-admin", NEW)

    ecs = aws.client("ecs")
    new = ecs.describe_task_definition(taskDefinition=made)["taskDefinition"]
    old = ecs.describe_task_definition(taskDefinition="easel-staging-admin:1")["taskDefinition"]
    kept = ("cpu", "memory", "taskRoleArn", "executionRoleArn", "networkMode")
    assert [new[key] for key in kept] == [old[key] for key in kept]
    container = new["containerDefinitions"][0]
    assert container["image"] == NEW.web_image
    assert container["secrets"] == SECRETS
    assert container["readonlyRootFilesystem"] is True
    assert container["environment"] == old["containerDefinitions"][0]["environment"]
    assert aws.fleet.release_of(made) == NEW
    assert aws.fleet.release_of("easel-staging-admin:1") is None


def test_a_release_is_registered_once(aws: AwsStandIn) -> None:
    first = aws.fleet.register("easel-staging-web", NEW)
    other = aws.fleet.register("easel-staging-web", dataclasses.replace(NEW, version="1.2.0"))

    assert first != other
    # Also when another came after it: a rollback goes to what was there.
    assert aws.fleet.register("easel-staging-web", NEW) == first


def test_a_colour_that_sleeps_is_not_woken_by_automatic_scaling(aws: AwsStandIn) -> None:
    definition = aws.fleet.register("easel-staging-web", NEW)

    aws.fleet.set_service("easel-staging-web-green", definition=definition, wanted=4)
    assert least(aws, "web-green") == 2
    green = aws.service("web-green")
    assert (green["taskDefinition"], green["desiredCount"]) == (definition, 4)

    aws.fleet.set_service("easel-staging-web-green", definition=definition, wanted=0)
    assert least(aws, "web-green") == 0
    assert aws.fleet.service("easel-staging-web-green").wanted == 0


def least(aws: AwsStandIn, role: str) -> int:
    answer = aws.client("application-autoscaling").describe_scalable_targets(
        ServiceNamespace="ecs", ResourceIds=[f"service/easel-staging/easel-staging-{role}"]
    )
    return int(answer["ScalableTargets"][0]["MinCapacity"])


def test_a_service_is_steady_when_as_many_run_as_are_wanted(aws: AwsStandIn) -> None:
    # moto starts nothing: what is wanted never runs, and nothing wanted is there at once.
    assert not aws.fleet.service("easel-staging-web-blue").is_steady
    definition = aws.fleet.service("easel-staging-web-green").definition
    aws.fleet.set_service("easel-staging-web-green", definition=definition, wanted=0)
    with pytest.raises(ReleaseError, match="no service easel-staging-nothing"):
        aws.fleet.service("easel-staging-nothing")


def test_alarms_that_ring_are_named_and_so_are_those_that_are_gone(aws: AwsStandIn) -> None:
    rings, calm = aws.environment.alarms
    assert aws.fleet.ringing(aws.environment.alarms) == []

    aws.set_alarm(rings, "ALARM")
    try:
        assert aws.fleet.ringing(aws.environment.alarms) == [rings]
        assert aws.fleet.ringing([calm, "misspelt"]) == ["misspelt"]
        assert aws.fleet.ringing([]) == []
    finally:
        aws.set_alarm(rings, "OK")


def test_a_task_runs_to_its_end_where_the_services_run(aws: AwsStandIn) -> None:
    definition = aws.fleet.register("easel-staging-migrate", NEW)

    assert aws.fleet.run_migration(definition) == 0

    ecs = aws.client("ecs")
    arns = ecs.list_tasks(cluster="easel-staging", desiredStatus="STOPPED")["taskArns"]
    arns = arns or ecs.list_tasks(cluster="easel-staging")["taskArns"]
    tasks = ecs.describe_tasks(cluster="easel-staging", tasks=arns)["tasks"]
    assert [task["taskDefinitionArn"] for task in tasks] == [definition]
    details = {one["name"]: one["value"] for one in tasks[0]["attachments"][0]["details"]}
    assert details["subnetId"] in aws.subnets


def test_workers_are_replaced_once_for_an_image(aws: AwsStandIn) -> None:
    asg = aws.stub("autoscaling")
    described = {"AutoScalingGroupName": GROUP}
    asg.add_response("describe_instance_refreshes", refreshes(), described)
    asg.add_response("start_instance_refresh", {"InstanceRefreshId": "one"}, REPLACED)

    aws.fleet.set_workers("worker@sha256:2")

    assert aws.fleet.worker_image() == "worker@sha256:2"
    asg.add_response("describe_instance_refreshes", refreshes("InProgress"), described)
    aws.fleet.set_workers("worker@sha256:2")
    asg.assert_no_pending_responses()


def test_a_run_that_was_killed_before_the_replacement_is_taken_up(aws: AwsStandIn) -> None:
    asg = aws.stub("autoscaling")
    name = "/easel/staging/worker-image"
    aws.client("ssm").put_parameter(Name=name, Value="w3", Type="String", Overwrite=True)
    described = {"AutoScalingGroupName": GROUP}
    asg.add_response("describe_instance_refreshes", refreshes("Successful", age=3600), described)
    asg.add_response("start_instance_refresh", {"InstanceRefreshId": "two"}, REPLACED)

    aws.fleet.set_workers("w3")

    asg.assert_no_pending_responses()


def test_a_replacement_that_failed_is_begun_again(aws: AwsStandIn) -> None:
    asg = aws.stub("autoscaling")
    described = {"AutoScalingGroupName": GROUP}
    asg.add_response("describe_instance_refreshes", refreshes("Failed"), described)
    asg.add_response("start_instance_refresh", {"InstanceRefreshId": "two"}, REPLACED)

    aws.fleet.set_workers(aws.fleet.worker_image())

    asg.assert_no_pending_responses()


def test_a_replacement_of_an_older_image_is_called_off(aws: AwsStandIn) -> None:
    asg = aws.stub("autoscaling")
    described = {"AutoScalingGroupName": GROUP}
    asg.add_response("describe_instance_refreshes", refreshes("InProgress", age=3600), described)
    asg.add_response("cancel_instance_refresh", {"InstanceRefreshId": "one"}, described)
    asg.add_client_error("start_instance_refresh", "InstanceRefreshInProgress")
    asg.add_response("start_instance_refresh", {"InstanceRefreshId": "two"}, REPLACED)

    aws.fleet.set_workers("worker@sha256:4")

    asg.assert_no_pending_responses()


def test_workers_are_restarted_also_when_their_image_is_new(aws: AwsStandIn) -> None:
    asg = aws.stub("autoscaling")
    described = {"AutoScalingGroupName": GROUP}
    asg.add_response("describe_instance_refreshes", refreshes("Successful"), described)
    asg.add_response("start_instance_refresh", {"InstanceRefreshId": "two"}, REPLACED)
    aws.fleet.restart_workers()

    # What is under way may have begun with the former secrets.
    asg.add_response("describe_instance_refreshes", refreshes("InProgress"), described)
    asg.add_response("cancel_instance_refresh", {"InstanceRefreshId": "two"}, described)
    asg.add_response("start_instance_refresh", {"InstanceRefreshId": "three"}, REPLACED)
    aws.fleet.restart_workers()

    asg.assert_no_pending_responses()


def test_a_service_is_restarted_by_a_deployment_of_its_own(aws: AwsStandIn) -> None:
    ecs = aws.stub("ecs")
    wanted = {
        "cluster": "easel-staging",
        "service": "easel-staging-web-blue",
        "taskDefinition": "easel-staging-web:7",
        "forceNewDeployment": True,
    }
    ecs.add_response("update_service", {"service": {}}, wanted)
    old = {"id": "ecs-svc/1", "status": "ACTIVE"}
    new = {"id": "ecs-svc/2", "status": "PRIMARY"}
    found = {"taskDefinition": "web:7", "desiredCount": 3, "runningCount": 4}
    ecs.add_response("describe_services", {"services": [{**found, "deployments": [old, new]}]})

    aws.fleet.restart("easel-staging-web-blue", definition="easel-staging-web:7")
    state = aws.fleet.service("easel-staging-web-blue")

    assert (state.deployment, state.is_steady) == ("ecs-svc/2", False)
    ecs.assert_no_pending_responses()


def test_the_newest_pattern_is_taken_for_the_same_release(aws: AwsStandIn) -> None:
    family = "easel-staging-scheduler"
    first = aws.fleet.register(family, NEW)
    assert aws.fleet.register_newest(family, NEW) == first
    ecs = aws.client("ecs")
    pattern = ecs.describe_task_definition(taskDefinition=f"{family}:1")["taskDefinition"]
    secrets = [*SECRETS, {"name": "EASEL_SENTRY_DSN", "valueFrom": "arn:aws:x:y:secret:dsn"}]
    container = {**pattern["containerDefinitions"][0], "secrets": secrets}
    ecs.register_task_definition(family=family, containerDefinitions=[container])

    made = aws.fleet.register_newest(family, NEW)

    assert made not in (first, aws.fleet.register(family, dataclasses.replace(NEW, version="9")))
    assert aws.fleet.release_of(made) == NEW
    new = ecs.describe_task_definition(taskDefinition=made)["taskDefinition"]
    assert new["containerDefinitions"][0]["secrets"] == secrets


@pytest.mark.parametrize(
    ("status", "is_done"), [(None, True), ("Successful", True), ("InProgress", False)]
)
def test_workers_are_new_when_no_replacement_runs(
    status: str | None, is_done: bool, aws: AwsStandIn
) -> None:
    asg = aws.stub("autoscaling")
    asg.add_response("describe_instance_refreshes", refreshes(status))

    assert aws.fleet.workers_are_new() is is_done


def test_a_replacement_that_failed_is_told(aws: AwsStandIn) -> None:
    asg = aws.stub("autoscaling")
    asg.add_response("describe_instance_refreshes", refreshes("Failed"))

    with pytest.raises(ReleaseError, match=f"{GROUP}: Failed"):
        aws.fleet.workers_are_new()


def refreshes(status: str | None = None, *, age: float = -60) -> Any:
    started = dt.datetime.now(tz=dt.UTC) - dt.timedelta(seconds=age)
    one = {"InstanceRefreshId": "one", "Status": status, "StartTime": started}
    return {"InstanceRefreshes": [one] if status else []}
