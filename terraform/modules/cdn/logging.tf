# The deliveries of a distribution live in us-east-1, wherever the bucket is.
locals {
  logs_region = "us-east-1"
}

data "aws_partition" "current" {}

resource "aws_cloudwatch_log_delivery_source" "access" {
  region = local.logs_region

  name         = "${var.name}-cdn"
  log_type     = "ACCESS_LOGS"
  resource_arn = aws_cloudfront_distribution.this.arn
}

resource "aws_cloudwatch_log_delivery_destination" "access" {
  region = local.logs_region

  name          = "${var.name}-cdn"
  output_format = "json"

  delivery_destination_configuration {
    destination_resource_arn = "arn:${data.aws_partition.current.partition}:s3:::${var.logs_bucket}/cdn"
  }
}

# Without queries, cookies and referrers: signatures of pictures, codes of sign-ins and sessions
# are nobody's to read later.
resource "aws_cloudwatch_log_delivery" "access" {
  region = local.logs_region

  delivery_source_name     = aws_cloudwatch_log_delivery_source.access.name
  delivery_destination_arn = aws_cloudwatch_log_delivery_destination.access.arn

  record_fields = [
    "date",
    "time",
    "c-ip",
    "cs-method",
    "cs-protocol",
    "cs-protocol-version",
    "x-host-header",
    "cs-uri-stem",
    "sc-status",
    "sc-bytes",
    "cs-bytes",
    "time-taken",
    "time-to-first-byte",
    "cs(User-Agent)",
    "ssl-protocol",
    "x-edge-location",
    "x-edge-request-id",
    "x-edge-result-type",
    "x-edge-detailed-result-type",
  ]
}
