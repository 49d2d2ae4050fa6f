"""An environment as Terraform makes it, on a server of moto on loopback.

moto keeps rules, definitions, services, alarms and parameters as AWS does. It starts no tasks, so
that what follows from their health is tested on `fleet_model`; and it has no instance refreshes,
for which the requests are held against AWS's own description of its API (botocore's Stubber).
"""

from typing import Any

import boto3
import requests
from botocore.stub import Stubber
from moto.server import ThreadedMotoServer

from config.release.aws import AwsFleet
from config.release.plan import Colour, Environment
from tests.stack import free_port

REGION = "ap-northeast-2"
SECRETS = [{"name": "EASEL_SECRET_KEY", "valueFrom": "arn:aws:secretsmanager:x:1:secret:key"}]


class AwsStandIn:
    """The server with one environment, `staging`; also a session that makes clients of it."""

    def __init__(self) -> None:
        self.port = free_port()
        self.stubbed: dict[str, Any] = {}
        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=self.port, verbose=False)
        self._server.start()
        requests.post(f"{self.url}/moto-api/reset", timeout=10).raise_for_status()
        self.groups: dict[Colour, str] = {}
        self.environment = Environment(
            name="staging",
            rule_arn=self._make_balancer(),
            alarms=("easel-staging-api-error-rate", "easel-staging-api-latency"),
            gpu_groups=("easel-staging-gpu-basic",),
            least_tasks=2,
        )
        self._make_services()
        self._make_alarms()
        self.client("ssm").put_parameter(
            Name="/easel/staging/worker-image", Value="worker:first", Type="String"
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def process_environment(self) -> dict[str, str]:
        """Return what makes another process use this server."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
        }

    def client(self, service_name: str) -> Any:
        if service_name in self.stubbed:
            return self.stubbed[service_name]
        return boto3.client(
            service_name,
            region_name=REGION,
            endpoint_url=self.url,
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
        )

    def stub(self, service_name: str) -> Stubber:
        """Answer for a service by hand, from the next `fleet` on."""
        self.stubbed.pop(service_name, None)
        client = self.client(service_name)
        self.stubbed[service_name] = client
        stubber = Stubber(client)
        stubber.activate()
        return stubber

    @property
    def fleet(self) -> AwsFleet:
        return AwsFleet(self, self.environment, poll_seconds=0.01)

    def stop(self) -> None:
        self._server.stop()

    def set_alarm(self, name: str, state: str) -> None:
        self.client("cloudwatch").set_alarm_state(
            AlarmName=name, StateValue=state, StateReason="test"
        )

    def rule(self) -> Any:
        answer = self.client("elbv2").describe_rules(RuleArns=[self.environment.rule_arn])
        return answer["Rules"][0]

    def service(self, role: str) -> Any:
        answer = self.client("ecs").describe_services(
            cluster="easel-staging", services=[f"easel-staging-{role}"]
        )
        return answer["services"][0]

    def _make_balancer(self) -> str:
        ec2 = self.client("ec2")
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
        self.subnets = [
            ec2.create_subnet(
                VpcId=vpc, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=f"{REGION}{zone}"
            )["Subnet"]["SubnetId"]
            for number, zone in ((1, "a"), (2, "c"))
        ]
        self.security_group = ec2.create_security_group(
            GroupName="api", Description="api", VpcId=vpc
        )["GroupId"]
        elbv2 = self.client("elbv2")
        balancer = elbv2.create_load_balancer(Name="easel-staging", Subnets=self.subnets)
        for colour in Colour:
            group = elbv2.create_target_group(
                Name=f"easel-staging-web-{colour}",
                Protocol="HTTP",
                Port=8080,
                VpcId=vpc,
                TargetType="ip",
            )
            self.groups[colour] = group["TargetGroups"][0]["TargetGroupArn"]
        listener = elbv2.create_listener(
            LoadBalancerArn=balancer["LoadBalancers"][0]["LoadBalancerArn"],
            Protocol="HTTP",
            Port=80,
            DefaultActions=[
                {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}
            ],
        )["Listeners"][0]["ListenerArn"]
        shares = {Colour.BLUE: 100, Colour.GREEN: 0}
        rule = elbv2.create_rule(
            ListenerArn=listener,
            Priority=40,
            Conditions=[{"Field": "host-header", "Values": ["staging.easel.example"]}],
            Actions=[
                {
                    "Type": "forward",
                    "ForwardConfig": {
                        "TargetGroups": [
                            {"TargetGroupArn": self.groups[colour], "Weight": share}
                            for colour, share in shares.items()
                        ],
                        "TargetGroupStickinessConfig": {"Enabled": True, "DurationSeconds": 60},
                    },
                }
            ],
        )
        return str(rule["Rules"][0]["RuleArn"])

    def _make_services(self) -> None:
        ecs = self.client("ecs")
        ecs.create_cluster(clusterName="easel-staging")
        for role in ("web", "admin", "scheduler", "migrate"):
            ecs.register_task_definition(
                family=f"easel-staging-{role}",
                requiresCompatibilities=["FARGATE"],
                networkMode="awsvpc",
                cpu="2048",
                memory="4096",
                executionRoleArn="arn:aws:iam::123456789012:role/execution",
                taskRoleArn=f"arn:aws:iam::123456789012:role/{role}",
                containerDefinitions=[
                    {
                        "name": role,
                        "image": "web:first",
                        "essential": True,
                        "readonlyRootFilesystem": True,
                        # moto adds it up.
                        "memory": 512,
                        "environment": [{"name": "EASEL_TRUSTED_PROXIES", "value": "2"}],
                        "secrets": SECRETS,
                    }
                ],
            )
        limits = self.client("application-autoscaling")
        for role, count in {"web-blue": 3, "web-green": 0, "admin": 1, "scheduler": 1}.items():
            ecs.create_service(
                cluster="easel-staging",
                serviceName=f"easel-staging-{role}",
                taskDefinition=f"easel-staging-{role.partition('-')[0]}",
                desiredCount=count,
                launchType="FARGATE",
                networkConfiguration={
                    "awsvpcConfiguration": {
                        "subnets": self.subnets,
                        "securityGroups": [self.security_group],
                    }
                },
            )
            if role.startswith("web"):
                limits.register_scalable_target(
                    ServiceNamespace="ecs",
                    ResourceId=f"service/easel-staging/easel-staging-{role}",
                    ScalableDimension="ecs:service:DesiredCount",
                    MinCapacity=2 if count else 0,
                    MaxCapacity=10,
                )

    def _make_alarms(self) -> None:
        for name in ("api-error-rate", "api-latency"):
            self.client("cloudwatch").put_metric_alarm(
                AlarmName=f"easel-staging-{name}",
                Namespace="Easel",
                MetricName=name,
                Statistic="Sum",
                Period=60,
                EvaluationPeriods=1,
                Threshold=1,
                ComparisonOperator="GreaterThanThreshold",
            )
            self.set_alarm(f"easel-staging-{name}", "OK")
