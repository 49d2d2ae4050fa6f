output "alb_id" {
  description = "Id of the security group of the load balancer."
  value       = aws_security_group.alb.id
}

output "api_id" {
  description = "Id of the security group of all Fargate tasks."
  value       = aws_security_group.api.id
}

output "gpu_id" {
  description = "Id of the security group of the GPU instances."
  value       = aws_security_group.gpu.id
}

output "database_id" {
  description = "Id of the security group of Aurora and its proxy."
  value       = aws_security_group.database.id
}

output "cache_id" {
  description = "Id of the security group of Redis."
  value       = aws_security_group.cache.id
}

output "efs_id" {
  description = "Id of the security group of the file system of the model cache."
  value       = aws_security_group.efs.id
}
