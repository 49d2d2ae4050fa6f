output "log_group_names" {
  description = "The log group of each role."
  value       = { for role, group in aws_cloudwatch_log_group.role : role => group.name }
}

output "critical_topic_arn" {
  description = "The topic of critical alarms."
  value       = aws_sns_topic.critical.arn
}

output "alarm_names_release" {
  description = "The names of the alarms that wake somebody and stop a release: a wait for a GPU does not, since no release makes or mends it."
  value = sort(concat(
    [for name, alarm in local.alarms : name if alarm.severity == "critical" && alarm.notifies],
    [for name, alarm in local.composites : name if alarm.severity == "critical" && alarm.id != "slo-queue-wait-burn"],
  ))
}

output "release_alarm_name" {
  description = "The alarm that stops a release: errors, latency, a budget that goes fast, or no healthy task."
  value       = aws_cloudwatch_composite_alarm.release.alarm_name
}
