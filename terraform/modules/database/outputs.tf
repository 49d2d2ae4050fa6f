output "cluster_id" {
  description = "Identifier of the Aurora cluster."
  value       = aws_rds_cluster.this.cluster_identifier
}

output "writer_endpoint" {
  description = "Host of the writer, for migrations and people; processes go through the proxy."
  value       = aws_rds_cluster.this.endpoint
}

output "reader_endpoint" {
  description = "Host of the readers."
  value       = aws_rds_cluster.this.reader_endpoint
}

output "proxy_endpoint" {
  description = "Host of the proxy, which leads to the writer."
  value       = aws_db_proxy.this.endpoint
}

output "proxy_reader_endpoint" {
  description = "Host of the proxy that leads to the readers; null without any."
  value       = one(aws_db_proxy_endpoint.reader[*].endpoint)
}

output "proxy_name" {
  description = "Name of the proxy."
  value       = aws_db_proxy.this.name
}

output "master_secret_arn" {
  description = "ARN of the master user's secret, which RDS made and rotates."
  value       = aws_rds_cluster.this.master_user_secret[0].secret_arn
}

output "urls_written" {
  description = "ARNs of the secrets of the URLs that have been written, by the name of the secret."
  value       = { for name, version in aws_secretsmanager_secret_version.url : name => version.arn }
}
