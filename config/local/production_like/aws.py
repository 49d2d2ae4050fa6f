"""Moto, the stand-in of SQS and S3, by TLS; and the queues and the bucket in it."""

import json
import sys
from typing import Any

import boto3

from apps.plans.tiers import TIERS
from config import broker
from config.local.parts import Part
from config.local.production_like.machine import Machine
from config.local.valkey import port_is_free

REGION = "ap-northeast-2"
# Moto takes any; its account has this number.
CREDENTIALS = dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "testing")
ACCOUNT = "123456789012"
BUCKET = "easel-images"
MAX_RECEIVES = 3


def aws_part(machine: Machine) -> Part:
    """Describe the stand-in's process. It keeps everything in memory."""
    return Part(
        name="aws",
        argv=(
            *(sys.executable, "-m", "moto.server", "--host", "127.0.0.1"),
            *("--port", str(machine.ports.aws)),
            *("--ssl-cert", str(machine.certificate.chain)),
            *("--ssl-key", str(machine.certificate.key)),
        ),
        environment={"PATH": "/usr/bin:/bin", "PYTHONUNBUFFERED": "1"},
        cwd=machine.folder,
        is_ready=lambda: not port_is_free(machine.ports.aws),
    )


def client_of(machine: Machine, service: str) -> Any:
    """Return a boto3 client of the stand-in."""
    return boto3.client(
        service,
        region_name=REGION,
        endpoint_url=machine.aws_url,
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        verify=str(machine.certificate.authority),
    )


def fill_account(machine: Machine) -> None:
    """Make the queues and the bucket, which production's Terraform makes."""
    create_queues(client_of(machine, "sqs"))
    store = client_of(machine, "s3")
    store.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    store.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})


def create_queues(client: Any, *, visibility_seconds: int = 30) -> None:
    """Create each tier's queue with its dead-letter queue."""
    for spec in TIERS.values():
        dead = client.create_queue(
            QueueName=broker.dead_letter_queue(spec.queue), Attributes={"FifoQueue": "true"}
        )["QueueUrl"]
        arn = client.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])
        policy = {
            "deadLetterTargetArn": arn["Attributes"]["QueueArn"],
            "maxReceiveCount": str(MAX_RECEIVES),
        }
        client.create_queue(
            QueueName=spec.queue,
            Attributes={
                "FifoQueue": "true",
                "VisibilityTimeout": str(visibility_seconds),
                "RedrivePolicy": json.dumps(policy),
            },
        )
