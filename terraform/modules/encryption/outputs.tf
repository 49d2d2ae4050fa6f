output "data_key_arn" {
  description = "ARN of the key of everything that is kept: database, pictures, models, secrets, images of containers."
  value       = aws_kms_key.this["data"].arn
}

output "logs_key_arn" {
  description = "ARN of the key of logs and of the topics of alarms."
  value       = aws_kms_key.this["logs"].arn
}
