# GitHub's jobs have no keys: each shows a token of its run, and only those of the environment of
# the same name of this one repository are let in.
resource "aws_iam_openid_connect_provider" "github" {
  url            = "https://token.actions.githubusercontent.com"
  client_id_list = ["sts.amazonaws.com"]
}

data "aws_iam_policy_document" "deploy_trust" {
  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [aws_iam_openid_connect_provider.github.arn]
    }

    condition {
      test     = "StringEquals"
      variable = "token.actions.githubusercontent.com:aud"
      values   = ["sts.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "token.actions.githubusercontent.com:sub"
      values   = ["repo:${var.repository}:environment:${var.environment}"]
    }
  }
}

resource "aws_iam_role" "deploy" {
  name                 = "${var.name}-deploy"
  assume_role_policy   = data.aws_iam_policy_document.deploy_trust.json
  max_session_duration = 7200
}

locals {
  ecs_prefix = "${local.arn_prefix}:ecs:${local.region}:${local.account}"
  services   = ["web-blue", "web-green", "admin", "scheduler"]
  group_arns = [
    for label in values(var.tiers) :
    "${local.arn_prefix}:autoscaling:${local.region}:${local.account}:autoScalingGroup:*:autoScalingGroupName/${var.name}-gpu-${label}"
  ]
}

data "aws_iam_policy_document" "deploy" {
  statement {
    sid       = "SignInToRegistry"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"] # AWS has no other resource for it.
  }

  statement {
    sid = "Images"
    actions = [
      "ecr:BatchCheckLayerAvailability",
      "ecr:BatchGetImage",
      "ecr:CompleteLayerUpload",
      "ecr:DescribeImageScanFindings",
      "ecr:DescribeImages",
      "ecr:GetDownloadUrlForLayer",
      "ecr:InitiateLayerUpload",
      "ecr:PutImage",
      "ecr:UploadLayerPart",
    ]
    resources = values(var.repository_arns)
  }

  statement {
    sid       = "Describe"
    actions   = ["ecs:DescribeTaskDefinition", "ecs:ListTaskDefinitions", "elasticloadbalancing:DescribeRules", "elasticloadbalancing:DescribeTargetGroups", "elasticloadbalancing:DescribeTargetHealth", "application-autoscaling:DescribeScalableTargets", "autoscaling:DescribeAutoScalingGroups", "autoscaling:DescribeInstanceRefreshes"]
    resources = ["*"] # AWS has no other resource for any of them.
  }

  statement {
    sid       = "RegisterTaskDefinitions"
    actions   = ["ecs:RegisterTaskDefinition"]
    resources = [for role in local.tasks : "${local.ecs_prefix}:task-definition/${var.name}-${role}:*"]
  }

  statement {
    sid       = "Services"
    actions   = ["ecs:DescribeServices", "ecs:UpdateService"]
    resources = [for service in local.services : "${local.ecs_prefix}:service/${var.name}/${var.name}-${service}"]
  }

  statement {
    sid       = "Migrate"
    actions   = ["ecs:RunTask"]
    resources = ["${local.ecs_prefix}:task-definition/${var.name}-migrate:*"]

    condition {
      test     = "ArnEquals"
      variable = "ecs:cluster"
      values   = ["${local.ecs_prefix}:cluster/${var.name}"]
    }
  }

  statement {
    sid       = "WaitForTasks"
    actions   = ["ecs:DescribeTasks", "ecs:StopTask"]
    resources = ["${local.ecs_prefix}:task/${var.name}/*"]
  }

  statement {
    sid       = "PassRolesToTasks"
    actions   = ["iam:PassRole"]
    resources = concat([for role in aws_iam_role.task : role.arn], [for role in aws_iam_role.execution : role.arn])

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["ecs-tasks.amazonaws.com"]
    }
  }

  statement {
    sid       = "ShiftTraffic"
    actions   = ["elasticloadbalancing:ModifyRule"]
    resources = [var.rule_arn]
  }

  # The colour that takes over takes the limits of its number of tasks over.
  statement {
    sid       = "ScaleColours"
    actions   = ["application-autoscaling:RegisterScalableTarget"]
    resources = ["${local.arn_prefix}:application-autoscaling:${local.region}:${local.account}:scalable-target/*"]

    condition {
      test     = "StringEquals"
      variable = "application-autoscaling:service-namespace"
      values   = ["ecs"]
    }
  }

  # AWS shows composite alarms only to who may see all.
  statement {
    sid       = "LookAtAlarms"
    actions   = ["cloudwatch:DescribeAlarms"]
    resources = ["*"] # AWS has no other resource for composite alarms.
  }

  statement {
    sid       = "LogOfMigration"
    actions   = ["logs:GetLogEvents", "logs:FilterLogEvents"]
    resources = ["${local.arn_prefix}:logs:${local.region}:${local.account}:log-group:${var.log_group_names["migrate"]}:*"]
  }

  statement {
    sid       = "NameWorkerImage"
    actions   = ["ssm:GetParameter", "ssm:PutParameter"]
    resources = [var.worker_image_parameter_arn]
  }

  dynamic "statement" {
    for_each = length(var.tiers) > 0 ? ["groups"] : []

    content {
      sid       = "RefreshWorkers"
      actions   = ["autoscaling:StartInstanceRefresh", "autoscaling:CancelInstanceRefresh", "autoscaling:RollbackInstanceRefresh"]
      resources = local.group_arns
    }
  }

  statement {
    sid       = "StaticFiles"
    actions   = ["s3:PutObject"]
    resources = ["${var.static_bucket_arn}/static/*"]
  }

  statement {
    sid       = "ListStaticFiles"
    actions   = ["s3:ListBucket"]
    resources = [var.static_bucket_arn]
  }

  statement {
    sid       = "ForgetCachedPages"
    actions   = ["cloudfront:CreateInvalidation", "cloudfront:GetInvalidation"]
    resources = [var.distribution_arn]
  }
}

resource "aws_iam_role_policy" "deploy" {
  name   = "release"
  role   = aws_iam_role.deploy.id
  policy = data.aws_iam_policy_document.deploy.json
}
