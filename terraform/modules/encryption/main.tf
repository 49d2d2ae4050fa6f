data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  account = data.aws_caller_identity.current.account_id
  region  = data.aws_region.current.region
  descriptions = {
    data = "Database, pictures, models, secrets and container images of ${var.name}"
    logs = "Logs and alarm topics of ${var.name}"
  }
}

resource "aws_kms_key" "this" {
  for_each = local.descriptions

  description             = each.value
  enable_key_rotation     = true
  rotation_period_in_days = 365
  deletion_window_in_days = 30
  policy                  = data.aws_iam_policy_document.this[each.key].json
}

resource "aws_kms_alias" "this" {
  for_each = local.descriptions

  name          = "alias/${var.name}-${each.key}"
  target_key_id = aws_kms_key.this[each.key].key_id
}

# In the policy of a key the resource "*" is that key, and without the account's own statement
# nobody could ever change it again.
data "aws_iam_policy_document" "this" {
  for_each = local.descriptions

  #checkov:skip=CKV_AWS_109:The resource of a key policy is the key itself.
  #checkov:skip=CKV_AWS_111:The resource of a key policy is the key itself.
  #checkov:skip=CKV_AWS_356:The resource of a key policy is the key itself.

  statement {
    sid       = "Account"
    actions   = ["kms:*"] # What AWS asks for: rights are then given by the policies of roles.
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = ["arn:${data.aws_partition.current.partition}:iam::${local.account}:root"]
    }
  }

  # CloudFront reads encrypted pictures through its origin access control.
  dynamic "statement" {
    for_each = each.key == "data" ? ["cloudfront"] : []

    content {
      sid       = "Pictures"
      actions   = ["kms:Decrypt"]
      resources = ["*"]

      principals {
        type        = "Service"
        identifiers = ["cloudfront.amazonaws.com"]
      }

      condition {
        test     = "StringEquals"
        variable = "aws:SourceAccount"
        values   = [local.account]
      }
    }
  }

  dynamic "statement" {
    for_each = each.key == "logs" ? ["logs"] : []

    content {
      sid       = "Logs"
      actions   = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext", "kms:DescribeKey"]
      resources = ["*"]

      principals {
        type        = "Service"
        identifiers = ["logs.${local.region}.amazonaws.com"]
      }

      condition {
        test     = "ArnLike"
        variable = "kms:EncryptionContext:aws:logs:arn"
        values   = ["arn:${data.aws_partition.current.partition}:logs:${local.region}:${local.account}:log-group:*"]
      }
    }
  }

  # Alarms publish to encrypted topics.
  dynamic "statement" {
    for_each = each.key == "logs" ? ["topics"] : []

    content {
      sid       = "Topics"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = ["*"]

      principals {
        type        = "Service"
        identifiers = ["cloudwatch.amazonaws.com", "sns.amazonaws.com"]
      }

      condition {
        test     = "StringEquals"
        variable = "aws:SourceAccount"
        values   = [local.account]
      }
    }
  }
}
