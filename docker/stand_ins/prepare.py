"""Make the queues and the bucket that Terraform makes on AWS. What is there already stays."""

import json
import os
import sys
from typing import Any

import boto3

TIERS = ("basic", "highperf", "dedicated")
REGION = "ap-northeast-2"
# As the queues on AWS have them: a message is deleted as soon as it is taken.
VISIBILITY_SECONDS = 30
MAX_RECEIVES = 3


def main() -> int:
    """Make them at the endpoint in AWS_ENDPOINT_URL, the bucket under the name in BUCKET."""
    sqs = boto3.client("sqs", region_name=REGION)
    for tier in TIERS:
        _make_queue(sqs, f"easel-gpu-{tier}")
    s3 = boto3.client("s3", region_name=REGION)
    bucket = os.environ["BUCKET"]
    if bucket not in {found["Name"] for found in s3.list_buckets()["Buckets"]}:
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    return 0


def _make_queue(sqs: Any, name: str) -> None:
    dead = sqs.create_queue(QueueName=f"{name}-dlq.fifo", Attributes={"FifoQueue": "true"})
    arn = sqs.get_queue_attributes(QueueUrl=dead["QueueUrl"], AttributeNames=["QueueArn"])
    policy = {
        "deadLetterTargetArn": arn["Attributes"]["QueueArn"],
        "maxReceiveCount": MAX_RECEIVES,
    }
    sqs.create_queue(
        QueueName=f"{name}.fifo",
        Attributes={
            "FifoQueue": "true",
            "VisibilityTimeout": str(VISIBILITY_SECONDS),
            "RedrivePolicy": json.dumps(policy),
        },
    )


if __name__ == "__main__":
    sys.exit(main())
