locals {
  data = jsondecode(file("${path.module}/alarms.json"))

  alarms = {
    for alarm in flatten([
      for alarm in local.data.alarms : [
        for key, values in local.instances[alarm.scope] : merge(alarm, {
          full_name = join("-", compact([var.name, alarm.name, key]))
          targets   = merge(local.targets, values)
        })
      ]
    ]) : alarm.full_name => alarm
  }

  composites = {
    for alarm in flatten([
      for alarm in local.data.composites : [
        for key, values in local.instances[alarm.scope] : merge(alarm, {
          full_name = join("-", compact([var.name, alarm.name, key]))
          parts     = [for part in alarm.all : join("-", compact([var.name, part, key]))]
        })
      ]
    ]) : alarm.full_name => alarm
  }

  # While one of these is on, a release goes no further, or back.
  release_alarms = [
    for name in ["api-error-rate", "api-latency", "slo-availability-burn-fast", "web-gone"] : "${var.name}-${name}"
  ]
}

resource "aws_cloudwatch_metric_alarm" "threshold" {
  for_each = local.alarms

  alarm_name          = each.key
  alarm_description   = "${each.value.title} ${each.value.runbook}"
  comparison_operator = each.value.comparison
  threshold           = each.value.threshold
  evaluation_periods  = each.value.evaluation_periods
  treat_missing_data  = each.value.missing
  actions_enabled     = each.value.notifies
  alarm_actions       = each.value.notifies ? [local.topics[each.value.severity]] : []
  ok_actions          = each.value.notifies ? [local.topics[each.value.severity]] : []

  dynamic "metric_query" {
    for_each = each.value.queries
    iterator = query

    content {
      id          = query.value.id
      return_data = each.value.expression == ""

      metric {
        namespace   = query.value.namespace
        metric_name = query.value.name
        stat        = query.value.stat
        period      = each.value.period
        dimensions  = { for name, value in query.value.dimensions : name => lookup(each.value.targets, value, value) }
      }
    }
  }

  dynamic "metric_query" {
    for_each = each.value.expression == "" ? [] : [each.value.expression]
    iterator = expression

    content {
      id          = "result"
      label       = each.value.id
      expression  = replace(expression.value, "max_connections", tostring(local.max_connections))
      return_data = true
    }
  }
}

resource "aws_cloudwatch_composite_alarm" "burn" {
  for_each = local.composites

  alarm_name        = each.key
  alarm_description = "${each.value.title} ${each.value.runbook}"
  alarm_rule        = join(" AND ", [for part in each.value.parts : "ALARM(\"${part}\")"])
  alarm_actions     = [local.topics[each.value.severity]]
  ok_actions        = [local.topics[each.value.severity]]

  depends_on = [aws_cloudwatch_metric_alarm.threshold]
}

resource "aws_cloudwatch_composite_alarm" "release" {
  alarm_name        = "${var.name}-release"
  alarm_description = "A release must not go on. docs/release.md"
  alarm_rule        = join(" OR ", [for name in local.release_alarms : "ALARM(\"${name}\")"])

  depends_on = [
    aws_cloudwatch_metric_alarm.threshold,
    aws_cloudwatch_composite_alarm.burn,
  ]
}
