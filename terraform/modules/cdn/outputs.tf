output "distribution_id" {
  description = "Id of the distribution."
  value       = aws_cloudfront_distribution.this.id
}

output "distribution_arn" {
  description = "ARN of the distribution."
  value       = aws_cloudfront_distribution.this.arn
}

output "key_pair_id" {
  description = "Id of the public key, for EASEL_CDN_KEY_PAIR_ID."
  value       = aws_cloudfront_public_key.signing[local.current_key].id
}

output "domain_name" {
  description = "The name that AWS gave the distribution."
  value       = aws_cloudfront_distribution.this.domain_name
}
