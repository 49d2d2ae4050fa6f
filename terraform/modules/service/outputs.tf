output "service_names" {
  description = "Name of each service, by what it ends in."
  value       = { for suffix, service in aws_ecs_service.this : suffix => service.name }
}

output "family" {
  description = "Family of the task definitions."
  value       = aws_ecs_task_definition.this.family
}
