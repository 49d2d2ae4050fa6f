# Alarms publish to an encrypted topic only by a key that lets CloudWatch use it.
data "aws_iam_policy_document" "topics_key" {
  # checkov:skip=CKV_AWS_109:The policy of a key: the account manages it by IAM, as AWS advises.
  # checkov:skip=CKV_AWS_111:The same: without the account nobody could ever change the key.
  # checkov:skip=CKV_AWS_356:In the policy of a key * means this key alone.
  statement {
    sid       = "Account"
    actions   = ["kms:*"]
    resources = ["*"] # In the policy of a key it means this key.

    principals {
      type        = "AWS"
      identifiers = ["arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:root"]
    }
  }

  statement {
    sid       = "CloudWatch"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = ["*"] # In the policy of a key it means this key.

    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }
  }
}

resource "aws_kms_key" "topics" {
  description             = "Topics of alarms of ${var.name}"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy                  = data.aws_iam_policy_document.topics_key.json
}

resource "aws_kms_alias" "topics" {
  name          = "alias/${var.name}-alarms"
  target_key_id = aws_kms_key.topics.key_id
}

resource "aws_sns_topic" "critical" {
  name              = "${var.name}-critical"
  kms_master_key_id = aws_kms_key.topics.arn
}

resource "aws_sns_topic" "high" {
  name              = "${var.name}-high"
  kms_master_key_id = aws_kms_key.topics.arn
}

resource "aws_sns_topic" "medium" {
  name              = "${var.name}-medium"
  kms_master_key_id = aws_kms_key.topics.arn
}

data "aws_iam_policy_document" "topic" {
  for_each = local.topics

  statement {
    sid       = "Alarms"
    actions   = ["sns:Publish"]
    resources = [each.value]

    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com"]
    }

    condition {
      test     = "ArnLike"
      variable = "aws:SourceArn"
      values   = [local.own_alarms]
    }
  }
}

resource "aws_sns_topic_policy" "topic" {
  for_each = local.topics

  arn    = each.value
  policy = data.aws_iam_policy_document.topic[each.key].json
}

resource "aws_sns_topic_subscription" "pagerduty" {
  count = nonsensitive(var.pagerduty_endpoint != "") ? 1 : 0

  topic_arn              = aws_sns_topic.critical.arn
  protocol               = "https"
  endpoint               = var.pagerduty_endpoint
  endpoint_auto_confirms = true
}

locals {
  has_slack  = var.slack_workspace_id != ""
  own_alarms = "arn:${data.aws_partition.current.partition}:cloudwatch:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:alarm:${var.name}-*"
}

data "aws_iam_policy_document" "chatbot_trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["chatbot.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }
  }
}

# A message tells of an alarm, and nobody can ask for more from Slack.
data "aws_iam_policy_document" "chatbot" {
  # checkov:skip=CKV_AWS_356:With a narrower resource AWS tells of no composite alarm.
  statement {
    actions   = ["cloudwatch:DescribeAlarms"]
    resources = ["*"] # With a narrower one AWS tells of no composite alarm.
  }
}

resource "aws_iam_policy" "chatbot" {
  count = local.has_slack ? 1 : 0

  name   = "${var.name}-chatbot"
  policy = data.aws_iam_policy_document.chatbot.json
}

resource "aws_iam_role" "chatbot" {
  count = local.has_slack ? 1 : 0

  name               = "${var.name}-chatbot"
  assume_role_policy = data.aws_iam_policy_document.chatbot_trust.json
}

resource "aws_iam_role_policy_attachment" "chatbot" {
  count = local.has_slack ? 1 : 0

  role       = aws_iam_role.chatbot[0].name
  policy_arn = aws_iam_policy.chatbot[0].arn
}

resource "aws_chatbot_slack_channel_configuration" "alarms" {
  count = local.has_slack ? 1 : 0

  configuration_name    = "${var.name}-alarms"
  iam_role_arn          = aws_iam_role.chatbot[0].arn
  slack_team_id         = var.slack_workspace_id
  slack_channel_id      = var.slack_channel_id
  sns_topic_arns        = [aws_sns_topic.high.arn, aws_sns_topic.medium.arn]
  guardrail_policy_arns = [aws_iam_policy.chatbot[0].arn]
  logging_level         = "ERROR"
}
