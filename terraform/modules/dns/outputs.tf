output "certificate_arn" {
  description = "ARN of the validated certificate of the load balancer, in the region of the provider."
  value       = aws_acm_certificate_validation.regional.certificate_arn
}

output "cdn_certificate_arn" {
  description = "ARN of the validated certificate of CloudFront, in us-east-1."
  value       = aws_acm_certificate_validation.cdn.certificate_arn
}
