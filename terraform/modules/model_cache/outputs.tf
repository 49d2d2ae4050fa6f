output "file_system_id" {
  description = "Id of the file system."
  value       = aws_efs_file_system.this.id

  # Nobody can mount it before.
  depends_on = [aws_efs_mount_target.this]
}

output "file_system_arn" {
  description = "ARN of the file system."
  value       = aws_efs_file_system.this.arn
}

output "access_point_id" {
  description = "Id of the access point of the workers."
  value       = aws_efs_access_point.workers.id
}

output "access_point_arn" {
  description = "ARN of the access point of the workers."
  value       = aws_efs_access_point.workers.arn
}
