output "arns" {
  description = "ARN of each secret by its name after easel/ENVIRONMENT/."
  value       = { for name, secret in aws_secretsmanager_secret.this : name => secret.arn }
}

output "login_arns" {
  description = "ARN of the secret with user name and password of each database login that the proxy knows: `web`, `ops`, `worker`, `owner`, and `web-b` and so on of the spare ones. Known once the password is there."
  value       = { for login in local.proxied : login => aws_secretsmanager_secret_version.login[login].arn }
}

output "redis_token_arn" {
  description = "ARN of the secret with the token of Redis. Known once the token is there."
  value       = aws_secretsmanager_secret_version.made["redis-token"].arn
}

output "origin_header" {
  description = "What CloudFront shows to the load balancer, which both of them have to be told."
  value       = data.aws_secretsmanager_secret_version.origin_header.secret_string
  sensitive   = true
}
