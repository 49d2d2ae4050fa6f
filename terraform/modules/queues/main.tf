data "aws_caller_identity" "current" {}

data "aws_region" "current" {}

# A wake-up is a hint to look into the database. Its job, attempt and count are both group and
# deduplication id, so no two messages share a group and none waits for another.
resource "aws_sqs_queue" "tier" {
  for_each = var.tiers

  name                        = "easel-gpu-${each.value}.fifo"
  fifo_queue                  = true
  content_based_deduplication = false
  deduplication_scope         = "messageGroup"
  fifo_throughput_limit       = "perMessageGroupId"
  visibility_timeout_seconds  = var.visibility_timeout_seconds
  receive_wait_time_seconds   = 10
  message_retention_seconds   = 345600
  sqs_managed_sse_enabled     = true

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letter[each.key].arn
    maxReceiveCount     = var.max_receive_count
  })
}

resource "aws_sqs_queue" "dead_letter" {
  for_each = var.tiers

  name                        = "easel-gpu-${each.value}-dlq.fifo"
  fifo_queue                  = true
  content_based_deduplication = false
  visibility_timeout_seconds  = var.visibility_timeout_seconds
  message_retention_seconds   = 1209600
  sqs_managed_sse_enabled     = true
}

resource "aws_sqs_queue_redrive_allow_policy" "dead_letter" {
  for_each = var.tiers

  queue_url = aws_sqs_queue.dead_letter[each.key].id
  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [aws_sqs_queue.tier[each.key].arn]
  })
}

locals {
  all = merge(
    { for tier, queue in aws_sqs_queue.tier : tier => queue },
    { for tier, queue in aws_sqs_queue.dead_letter : "${tier}-dead" => queue },
  )
}

data "aws_iam_policy_document" "transport" {
  for_each = toset(flatten([for tier in keys(var.tiers) : [tier, "${tier}-dead"]]))

  statement {
    sid       = "OnlyByTls"
    effect    = "Deny"
    actions   = ["sqs:SendMessage", "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes", "sqs:PurgeQueue"]
    resources = [local.all[each.key].arn]

    principals {
      type        = "AWS"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_sqs_queue_policy" "transport" {
  for_each = data.aws_iam_policy_document.transport

  queue_url = local.all[each.key].id
  policy    = each.value.json
}
