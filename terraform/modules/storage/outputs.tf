output "images" {
  description = "The bucket of the pictures: `id`, `arn` and `domain_name`."
  value       = local.buckets.images
}

output "models" {
  description = "The bucket of the model weights: `id`, `arn` and `domain_name`."
  value       = local.buckets.models
}

output "static" {
  description = "The bucket of the static files: `id`, `arn` and `domain_name`."
  value       = local.buckets.static
}

output "logs" {
  description = "The bucket of the access logs: `id`, `arn` and `domain_name`."
  value       = local.buckets.logs

  # Who is told to log here asks at once whether it may.
  depends_on = [aws_s3_bucket_policy.logs]
}
