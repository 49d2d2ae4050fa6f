# Alarms and dashboard are data (alarms.json, dashboard.json), made from the lists in
# apps/core/observability by `python -m apps.core.observability.write`.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  roles = toset(["web", "admin", "scheduler", "migrate", "worker"])

  # What a dimension in alarms.json stands for. What is not named here stands for itself.
  targets = merge(
    {
      alb           = var.alb_arn_suffix
      cluster       = var.cluster_id
      images_bucket = var.images_bucket
    },
    { for colour, suffix in var.web_target_group_arn_suffixes : "web_${colour}" => suffix },
  )

  instances = {
    once = { "" = {} }
    tier = {
      for tier, queue in var.queue_names : tier => {
        tier        = tier
        queue       = queue
        dead_letter = var.dead_letter_names[tier]
      } if contains(keys(var.gpu_groups), tier)
    }
    cache_member = {
      for number, member in var.cache_member_ids : tostring(number + 1) => { member = member }
    }
  }

  # What Aurora allows at this capacity, a little less than its table says (about 209 a ACU); with
  # a smallest capacity of 0.5 ACU never more than 2,000.
  max_connections = min(2000, floor(205 * var.max_acu))

  topics = {
    critical = aws_sns_topic.critical.arn
    high     = aws_sns_topic.high.arn
    medium   = aws_sns_topic.medium.arn
  }
}

resource "aws_cloudwatch_log_group" "role" {
  for_each = local.roles

  name              = "/easel/${var.environment}/${each.key}"
  retention_in_days = var.retention_days
  kms_key_id        = var.logs_key_arn
}

# Without it S3 counts no requests and no errors.
resource "aws_s3_bucket_metric" "images" {
  bucket = var.images_bucket
  name   = "EntireBucket"
}

resource "aws_cloudwatch_dashboard" "easel" {
  dashboard_name = var.name
  dashboard_body = jsonencode({ widgets = concat(local.widgets, local.own_widgets) })
}

locals {
  widgets = jsondecode(templatefile("${path.module}/dashboard.json", {
    alb           = var.alb_arn_suffix
    cluster       = var.cluster_id
    images_bucket = var.images_bucket
    region        = data.aws_region.current.region
  })).widgets

  below = max([for widget in local.widgets : widget.y + widget.height]...)

  own_metrics = {
    "Redis: memory" = [
      for member in var.cache_member_ids :
      ["AWS/ElastiCache", "DatabaseMemoryUsagePercentage", "CacheClusterId", member, { stat = "Maximum" }]
    ]
    "Services: processor" = [
      for role, service in var.ecs_services :
      ["AWS/ECS", "CPUUtilization", "ClusterName", var.ecs_cluster, "ServiceName", service, { stat = "Average", label = role }]
    ]
    "Web: healthy tasks" = [
      for colour, suffix in var.web_target_group_arn_suffixes :
      ["AWS/ApplicationELB", "HealthyHostCount", "LoadBalancer", var.alb_arn_suffix, "TargetGroup", suffix, { stat = "Minimum", label = colour }]
    ]
    "GPU: instances" = [
      for tier, group in var.gpu_groups :
      ["AWS/AutoScaling", "GroupInServiceInstances", "AutoScalingGroupName", group, { stat = "Maximum", label = tier }]
    ]
  }

  own_widgets = [
    for number, title in keys({ for title, metrics in local.own_metrics : title => metrics if length(metrics) > 0 }) : {
      type   = "metric"
      x      = number % 4 * 6
      y      = local.below
      width  = 6
      height = 6
      properties = {
        title   = title
        region  = data.aws_region.current.region
        view    = "timeSeries"
        period  = 60
        metrics = local.own_metrics[title]
      }
    }
  ]
}
