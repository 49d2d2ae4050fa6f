data "aws_iam_policy_document" "instance_trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ec2.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "worker" {
  for_each = var.tiers

  name               = "${var.name}-gpu-${each.value}"
  assume_role_policy = data.aws_iam_policy_document.instance_trust.json
}

resource "aws_iam_instance_profile" "worker" {
  for_each = var.tiers

  name = aws_iam_role.worker[each.key].name
  role = aws_iam_role.worker[each.key].name
}

# Workers open files of strangers: they see the queue of their own tier alone.
data "aws_iam_policy_document" "worker" {
  for_each = var.tiers

  statement {
    sid       = "TakeWakeUps"
    actions   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes", "sqs:SendMessage"]
    resources = [var.queues[each.key].arn]
  }

  statement {
    sid       = "ReadFiles"
    actions   = ["s3:GetObject"]
    resources = ["${var.files_bucket_arn}/users/*", "${var.files_bucket_arn}/models/*", "${var.files_bucket_arn}/system/*"]
  }

  # Pictures, and what training made.
  statement {
    sid       = "WriteFiles"
    actions   = ["s3:PutObject", "s3:AbortMultipartUpload"]
    resources = ["${var.files_bucket_arn}/users/*", "${var.files_bucket_arn}/models/users/*"]
  }

  # What an attempt stored that was lost to another one.
  statement {
    sid       = "TakePicturesBack"
    actions   = ["s3:DeleteObject"]
    resources = ["${var.files_bucket_arn}/users/*/images/*"]
  }

  statement {
    sid       = "ListFiles"
    actions   = ["s3:ListBucket"]
    resources = [var.files_bucket_arn]

    condition {
      test     = "StringLikeIfExists"
      variable = "s3:prefix"
      values   = ["users/*", "models/*", "system/*"]
    }
  }

  statement {
    sid       = "DecryptFilesAndSecrets"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [var.data_key_arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["s3.${local.region}.amazonaws.com", "secretsmanager.${local.region}.amazonaws.com"]
    }
  }

  statement {
    sid       = "Secrets"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = var.secret_arns["worker"]
  }

  statement {
    sid       = "ModelCache"
    actions   = ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"]
    resources = [var.file_system_arn]

    condition {
      test     = "StringEquals"
      variable = "elasticfilesystem:AccessPointArn"
      values   = [var.access_point_arn]
    }
  }

  statement {
    sid       = "WhichImage"
    actions   = ["ssm:GetParameter"]
    resources = [var.worker_image_parameter_arn]
  }

  statement {
    sid       = "SignInToRegistry"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"] # AWS has no other resource for it.
  }

  statement {
    sid       = "Image"
    actions   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    resources = [var.repository_arns["easel-worker"]]
  }

  statement {
    sid       = "Log"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"]
    resources = ["${local.arn_prefix}:logs:${local.region}:${local.account}:log-group:${var.log_group_names["worker"]}:*"]
  }

  statement {
    sid       = "LeaveTheGroup"
    actions   = ["autoscaling:CompleteLifecycleAction", "autoscaling:RecordLifecycleActionHeartbeat"]
    resources = ["${local.arn_prefix}:autoscaling:${local.region}:${local.account}:autoScalingGroup:*:autoScalingGroupName/${var.name}-gpu-${each.value}"]
  }
}

resource "aws_iam_role_policy" "worker" {
  for_each = var.tiers

  name   = "work"
  role   = aws_iam_role.worker[each.key].id
  policy = data.aws_iam_policy_document.worker[each.key].json
}
