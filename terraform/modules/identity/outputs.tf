output "issuer" {
  description = "The issuer of the tokens, for EASEL_OIDC_ISSUER."
  value       = "https://${aws_cognito_user_pool.this.endpoint}"
}

output "client_id" {
  description = "Id of the application's client, for EASEL_OIDC_CLIENT_ID."
  value       = aws_cognito_user_pool_client.web.id
}

output "client_secret" {
  description = "Secret of the application's client, for EASEL_OIDC_CLIENT_SECRET."
  value       = aws_cognito_user_pool_client.web.client_secret
  sensitive   = true
}

output "user_pool_arn" {
  description = "ARN of the user pool."
  value       = aws_cognito_user_pool.this.arn
}

output "sign_in_domain" {
  description = "Host of the sign-in page."
  value       = "${aws_cognito_user_pool_domain.this.domain}.auth.${data.aws_region.current.region}.amazoncognito.com"
}
