locals {
  queue_arns       = [for queue in var.queues : queue.arn]
  dead_letter_arns = [for queue in var.queues : queue.dead_letter_arn]

  # What each process does with which keys of the bucket.
  files = {
    web = {
      read   = ["users/*", "models/*", "system/*"]
      write  = ["users/*", "models/users/*", "system/health/*"]
      delete = ["users/*", "models/users/*", "system/health/*"]
    }
    admin = {
      read   = ["users/*", "models/*", "system/*"]
      write  = ["users/*", "models/users/*", "system/*"]
      delete = ["users/*", "models/users/*", "system/health/*"]
    }
    # Puts models together, deletes what nobody needs, writes archives and exports.
    scheduler = {
      read   = ["users/*", "models/*", "system/*"]
      write  = ["users/*", "models/*", "system/*"]
      delete = ["users/*", "models/*", "system/health/*"]
    }
  }
}

data "aws_iam_policy_document" "task" {
  for_each = local.files

  statement {
    sid       = "ReadFiles"
    actions   = ["s3:GetObject"]
    resources = [for keys in each.value.read : "${var.files_bucket_arn}/${keys}"]
  }

  statement {
    sid       = "WriteFiles"
    actions   = ["s3:PutObject", "s3:AbortMultipartUpload"]
    resources = [for keys in each.value.write : "${var.files_bucket_arn}/${keys}"]
  }

  statement {
    sid       = "DeleteFiles"
    actions   = ["s3:DeleteObject"]
    resources = [for keys in each.value.delete : "${var.files_bucket_arn}/${keys}"]
  }

  # Without it a file that is not there is "forbidden", and nobody could tell the two apart.
  statement {
    sid       = "ListFiles"
    actions   = ["s3:ListBucket"]
    resources = [var.files_bucket_arn]

    condition {
      test     = "StringLikeIfExists"
      variable = "s3:prefix"
      values   = each.value.read
    }
  }

  statement {
    sid       = "DecryptFiles"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [var.data_key_arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["s3.${local.region}.amazonaws.com"]
    }
  }

  statement {
    sid       = "WakeWorkers"
    actions   = ["sqs:SendMessage", "sqs:GetQueueAttributes"]
    resources = local.queue_arns
  }

  dynamic "statement" {
    for_each = each.key == "web" ? [] : ["dead letters"]

    content {
      sid       = "CountDeadLetters"
      actions   = ["sqs:GetQueueAttributes"]
      resources = local.dead_letter_arns
    }
  }

  dynamic "statement" {
    for_each = each.key == "scheduler" ? ["dead letters"] : []

    content {
      sid       = "EmptyDeadLetters"
      actions   = ["sqs:ReceiveMessage", "sqs:DeleteMessage"]
      resources = local.dead_letter_arns
    }
  }

  dynamic "statement" {
    for_each = each.key == "scheduler" ? ["installs"] : []

    content {
      sid       = "InstallModels"
      actions   = ["s3:GetObject"]
      resources = ["${var.install_bucket_arn}/*"]
    }
  }

  dynamic "statement" {
    for_each = each.key == "scheduler" ? ["installs"] : []

    content {
      sid       = "ListModelsToInstall"
      actions   = ["s3:ListBucket"]
      resources = [var.install_bucket_arn]
    }
  }
}
