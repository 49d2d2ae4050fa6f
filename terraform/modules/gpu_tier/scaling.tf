# Two rules of growth side by side: each has its own cool-down, and where both apply the greater
# counts. An instance that is still starting counts as there.
resource "aws_autoscaling_policy" "grow" {
  for_each = { more = var.rules.more, many = var.rules.many }

  name                      = "${local.full_name}-${each.key}"
  autoscaling_group_name    = aws_autoscaling_group.this.name
  policy_type               = "StepScaling"
  adjustment_type           = "ChangeInCapacity"
  estimated_instance_warmup = each.value.seconds
  metric_aggregation_type   = "Maximum"

  step_adjustment {
    scaling_adjustment          = each.value.add
    metric_interval_lower_bound = 0
  }
}

resource "aws_cloudwatch_metric_alarm" "grow" {
  for_each = { more = var.rules.more, many = var.rules.many }

  alarm_name          = "${local.full_name}-${each.key}"
  alarm_description   = "Scaling, not trouble: more than ${each.value.above} messages wait in the ${var.tier} tier."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = var.queue_name }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.above
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_autoscaling_policy.grow[each.key].arn]
}

# Simple scaling, since a step would be taken again every minute while the alarm lasts.
resource "aws_autoscaling_policy" "shrink" {
  name                   = "${local.full_name}-less"
  autoscaling_group_name = aws_autoscaling_group.this.name
  policy_type            = "SimpleScaling"
  adjustment_type        = "ChangeInCapacity"
  scaling_adjustment     = -var.rules.less.remove
  cooldown               = var.rules.less.seconds
}

# Messages are gone as soon as a worker has taken them, so an empty queue does not mean idle
# workers. The last instance stays while something waits, for which it may just be starting, or
# while one of its workers has a job. Where no instance is, there is none to take: in a lasting
# alarm the next one would be taken back the minute after it was ordered.
resource "aws_cloudwatch_metric_alarm" "shrink" {
  alarm_name          = "${local.full_name}-less"
  alarm_description   = "Scaling, not trouble: fewer than ${var.rules.less.below} messages wait in the ${var.tier} tier."
  evaluation_periods  = var.rules.less.seconds / 60
  comparison_operator = "LessThanThreshold"
  threshold           = var.rules.less.below
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_autoscaling_policy.shrink.arn]

  metric_query {
    id          = "counted"
    expression  = "IF(FILL(capacity, 0) > 1, FILL(waiting, 0), IF(FILL(capacity, 0) < 1 OR FILL(waiting, 0) > 0 OR FILL(busy, 0) > 0, ${var.rules.less.below}, 0))"
    label       = "Messages that wait, unless the last instance is wanted"
    return_data = true
  }

  metric_query {
    id = "waiting"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesVisible"
      dimensions  = { QueueName = var.queue_name }
      stat        = "Maximum"
      period      = 60
    }
  }

  metric_query {
    id = "capacity"

    metric {
      namespace   = "AWS/AutoScaling"
      metric_name = "GroupDesiredCapacity"
      dimensions  = { AutoScalingGroupName = aws_autoscaling_group.this.name }
      stat        = "Maximum"
      period      = 60
    }
  }

  metric_query {
    id = "busy"

    metric {
      namespace   = "Easel"
      metric_name = "BusyWorkers"
      dimensions  = { Tier = var.tier }
      stat        = "Maximum"
      period      = 60
    }
  }
}

# A tier that may be empty: the rules above would let up to ten jobs wait for ever.
resource "aws_autoscaling_policy" "wake" {
  name                      = "${local.full_name}-wake"
  autoscaling_group_name    = aws_autoscaling_group.this.name
  policy_type               = "StepScaling"
  adjustment_type           = "ChangeInCapacity"
  estimated_instance_warmup = var.start_seconds
  metric_aggregation_type   = "Maximum"

  step_adjustment {
    scaling_adjustment          = 1
    metric_interval_lower_bound = 0
  }
}

resource "aws_cloudwatch_metric_alarm" "wake" {
  alarm_name          = "${local.full_name}-wake"
  alarm_description   = "Scaling, not trouble: something waits in the ${var.tier} tier, and no instance is there."
  evaluation_periods  = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_autoscaling_policy.wake.arn]

  metric_query {
    id          = "unserved"
    expression  = "IF(FILL(capacity, 0) < 1, FILL(waiting, 0), 0)"
    label       = "Messages that wait while no instance is there"
    return_data = true
  }

  metric_query {
    id = "waiting"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesVisible"
      dimensions  = { QueueName = var.queue_name }
      stat        = "Maximum"
      period      = 60
    }
  }

  metric_query {
    id = "capacity"

    metric {
      namespace   = "AWS/AutoScaling"
      metric_name = "GroupDesiredCapacity"
      dimensions  = { AutoScalingGroupName = aws_autoscaling_group.this.name }
      stat        = "Maximum"
      period      = 60
    }
  }
}

# At night the least number is 0: the rule of shrinking takes the last instance when nothing waits
# and nothing runs, and whoever comes then wakes one.
resource "aws_autoscaling_schedule" "night_begins" {
  count = var.min > 0 ? 1 : 0

  autoscaling_group_name = aws_autoscaling_group.this.name
  scheduled_action_name  = "night-begins"
  recurrence             = var.night.begins
  time_zone              = "Asia/Seoul"
  min_size               = 0
  max_size               = -1
  desired_capacity       = -1
}

resource "aws_autoscaling_schedule" "night_ends" {
  count = var.min > 0 ? 1 : 0

  autoscaling_group_name = aws_autoscaling_group.this.name
  scheduled_action_name  = "night-ends"
  recurrence             = var.night.ends
  time_zone              = "Asia/Seoul"
  min_size               = var.min
  max_size               = -1
  desired_capacity       = -1
}
