output "replication_group_id" {
  description = "Id of the replication group."
  value       = aws_elasticache_replication_group.this.id
}

output "primary_endpoint" {
  description = "Host of the primary."
  value       = aws_elasticache_replication_group.this.primary_endpoint_address
}

output "member_ids" {
  description = "Ids of the nodes, which CloudWatch has figures of."
  value       = [for number in range(1, var.nodes + 1) : format("%s-%03d", var.name, number)]
}

output "url_secret_arn" {
  description = "ARN of the secret with EASEL_REDIS_URL. Known once the URL is there."
  value       = aws_secretsmanager_secret_version.url.arn
}
