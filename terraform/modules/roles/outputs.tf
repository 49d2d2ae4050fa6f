output "task_role_arns" {
  description = "ARN of what each of web, admin, scheduler and migrate may do."
  value       = { for role, made in aws_iam_role.task : role => made.arn }
}

output "execution_role_arns" {
  description = "ARN of what ECS may do to start each of web, admin, scheduler and migrate."
  value       = { for role, made in aws_iam_role.execution : role => made.arn }
}

output "instance_profile_names" {
  description = "Name of the instance profile of each tier."
  value       = { for tier, profile in aws_iam_instance_profile.worker : tier => profile.name }
}

output "deploy_role_arn" {
  description = "ARN of the role that the release pipeline takes."
  value       = aws_iam_role.deploy.arn
}
