"""Prices of ap-northeast-2 (Seoul) in dollars, without taxes.

List prices as they were known on 2026-11-27, entered by hand: check them before you rely on them.
The GPU instances are not here: their prices are those of the tier table (`apps/plans/tiers.py`).
"""

from collections.abc import Mapping

HOURS = 730.0
DAYS = HOURS / 24

# Fargate, Linux on x86: an hour of a vCPU and of a GB, and of a GB of disk beyond the first 20.
FARGATE_VCPU = 0.04656
FARGATE_GB = 0.00511
FARGATE_DISK_GB = 0.000127
FARGATE_FREE_DISK_GB = 20

AURORA_ACU = 0.20
AURORA_GB = 0.11
AURORA_MILLION_IO = 0.24
# The proxy of a serverless database is paid by its capacity, of at least 8 units.
PROXY_ACU = 0.018
PROXY_LEAST_ACU = 8

CACHE_NODE: Mapping[str, float] = {
    "cache.t4g.micro": 0.024,
    "cache.t4g.small": 0.047,
    "cache.t4g.medium": 0.095,
    "cache.r6g.large": 0.246,
    "cache.r6g.xlarge": 0.492,
}

NAT_HOUR = 0.059
NAT_GB = 0.059
PUBLIC_IPV4_HOUR = 0.005
BALANCER_HOUR = 0.0225
BALANCER_UNIT_HOUR = 0.008
BETWEEN_ZONES_GB = 0.02

CLOUDFRONT_GB = 0.120
CLOUDFRONT_FREE_GB = 1024
CLOUDFRONT_10K_REQUESTS = 0.0120
CLOUDFRONT_FREE_REQUESTS = 10_000_000

WAF_ACL = 5.0
WAF_RULE = 1.0
WAF_MILLION_REQUESTS = 0.60

S3_GB = 0.025
S3_COOL_GB = 0.0138
S3_1000_PUT = 0.0045
S3_1000_GET = 0.00035
# Moving an object to the infrequent class, a thousand of them.
S3_1000_MOVES = 0.01

EBS_GP3_GB = 0.0912
EFS_GB = 0.33
# Elastic throughput by the gigabyte: the prices of us-east-1 (0.03 and 0.06), raised as storage is.
EFS_READ_GB = 0.033
EFS_WRITE_GB = 0.066
ECR_GB = 0.10

LOG_GB = 0.76
LOG_GB_KEPT = 0.0314
ALARM_METRIC = 0.10
COMPOSITE_ALARM = 0.50
DASHBOARD = 3.0
DASHBOARDS_FREE = 3
METRIC = 0.30

KEY = 1.0
SECRET = 0.40
COGNITO_PLUS_USER = 0.02
HOSTED_ZONE = 0.50
SQS_MILLION = 0.50
SQS_FREE_MILLIONS = 1.0

# Shares of the list price that are saved.
SPOT: Mapping[str, float] = {"g4dn.xlarge": 0.62, "g5.xlarge": 0.58, "p4d.24xlarge": 0.0}
# Compute Savings Plan, one year, nothing in advance.
PLAN_FARGATE = 0.15
PLAN_EC2: Mapping[str, float] = {"g4dn.xlarge": 0.26, "g5.xlarge": 0.26, "p4d.24xlarge": 0.26}
# Reserved nodes, one year, nothing in advance.
RESERVED_CACHE = 0.31

# What a GPU hour costs in Seoul by AWS's list, beside the tier table, which has us-east-1's.
SEOUL_GPU: Mapping[str, float] = {
    "g4dn.xlarge": 0.647,
    "g5.xlarge": 1.237,
    "p4d.24xlarge": 40.31,
}
