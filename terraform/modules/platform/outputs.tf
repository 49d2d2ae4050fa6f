output "github_variables" {
  description = "The variables of GitHub's environment that the workflows read, by name."
  value = {
    ALARMS          = join(",", distinct(concat(module.monitoring.alarm_names_release, [module.monitoring.release_alarm_name])))
    DEPLOY_ROLE_ARN = module.roles.deploy_role_arn
    EASEL_URL       = "https://${var.domain}"
    GPU_GROUPS      = join(",", [for group in module.gpu_tier : group.group_name])
    LEAST_TASKS     = tostring(var.web.tasks)
    REGISTRY        = split("/", module.registry.repository_urls["easel-web"])[0]
    STATIC_BUCKET   = module.storage.static.id
    WEB_RULE_ARN    = module.load_balancer.web_rule_arn
  }
}

output "deploy_role_arn" {
  description = "ARN of the role that the release pipeline takes."
  value       = module.roles.deploy_role_arn
}

output "web_rule_arn" {
  description = "ARN of the rule whose weights a release shifts."
  value       = module.load_balancer.web_rule_arn
}

output "static_bucket" {
  description = "Name of the bucket that a release puts static files in."
  value       = module.storage.static.id
}

output "gpu_groups" {
  description = "Name of the auto-scaling group of each tier."
  value       = { for tier, group in module.gpu_tier : tier => group.group_name }
}

output "cluster_name" {
  description = "Name of the ECS cluster."
  value       = aws_ecs_cluster.this.name
}

output "repository_urls" {
  description = "Addresses of the repositories of images."
  value       = module.registry.repository_urls
}

output "distribution_id" {
  description = "Id of the CloudFront distribution."
  value       = module.cdn.distribution_id
}

output "private_subnet_ids" {
  description = "Ids of the subnets that the migration runs in."
  value       = module.network.private_subnet_ids
}

output "task_security_group_id" {
  description = "Id of the security group of the migration."
  value       = module.security.api_id
}

output "database_writer" {
  description = "Host of the writer."
  value       = module.database.writer_endpoint
}

output "database_master_secret" {
  description = "ARN of the secret of the master user, which makes the roles."
  value       = module.database.master_secret_arn
}

output "worker_image_parameter" {
  description = "Name of the parameter that names the image of the workers."
  value       = aws_ssm_parameter.worker_image.name
}
