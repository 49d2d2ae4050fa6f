locals {
  # Made here, by generators whose values are in no plan and no state.
  made = toset(["metrics-token", "origin-header", "redis-token", "secret-key", "worker-key"])

  # Written by whoever knows them: the modules of database and cache, the sign-in provider's
  # client, and by hand those of others (docs/infrastructure.md says which).
  told = toset([
    "cdn-private-key",
    "database/ops-url",
    "database/owner-url",
    "database/reader-ops-url",
    "database/reader-web-url",
    "database/reader-worker-url",
    "database/web-url",
    "database/worker-url",
    "email-password",
    "hub-token",
    "oidc-client-secret",
    "openai-api-key",
    "provider-keys-secret",
    "provider-keys-secret-fallbacks",
    "redis-url",
    "secret-key-fallbacks",
    "sentry-dsn",
    "stability-api-key",
    "stripe-secret-key",
    "stripe-webhook-secret",
  ])

  # Backups go straight to the server: the proxy does not know their login, which sees everything.
  straight = toset(["backup"])
  proxied  = setunion(["web", "ops", "worker", "owner"], [for login in var.spare_logins : "${login}-b"])
  logins   = setunion(local.proxied, local.straight)
}

resource "aws_secretsmanager_secret" "this" {
  for_each = setunion(local.made, local.told)

  #checkov:skip=CKV2_AWS_57:Rotated by hand with an overlap (docs/infrastructure.md has the steps): a function would have to change the database, Redis or another company's account.
  name                    = "easel/${var.environment}/${each.key}"
  kms_key_id              = var.kms_key_arn
  recovery_window_in_days = var.recovery_days
}

ephemeral "aws_secretsmanager_random_password" "made" {
  for_each = local.made

  password_length     = 64
  exclude_punctuation = true
}

resource "aws_secretsmanager_secret_version" "made" {
  for_each = local.made

  secret_id                = aws_secretsmanager_secret.this[each.key].id
  secret_string_wo         = ephemeral.aws_secretsmanager_random_password.made[each.key].random_password
  secret_string_wo_version = lookup(var.generation, each.key, 1)
}

# The proxy in front of the database signs in with these, but for those that go straight to it.
resource "aws_secretsmanager_secret" "login" {
  for_each = local.logins

  #checkov:skip=CKV2_AWS_57:Rotated by hand with an overlap (docs/infrastructure.md has the steps): the password has to change in the database at the same time.
  name                    = "easel/${var.environment}/database/login/${each.key}"
  kms_key_id              = var.kms_key_arn
  recovery_window_in_days = var.recovery_days
}

ephemeral "aws_secretsmanager_random_password" "login" {
  for_each = local.logins

  password_length     = 40
  exclude_punctuation = true
}

resource "aws_secretsmanager_secret_version" "login" {
  for_each = local.logins

  secret_id = aws_secretsmanager_secret.login[each.key].id
  secret_string_wo = jsonencode({
    username = "easel_${replace(each.key, "-", "_")}"
    password = ephemeral.aws_secretsmanager_random_password.login[each.key].random_password
  })
  secret_string_wo_version = lookup(var.generation, "login/${each.key}", 1)
}

# The one value that ends in the state: load balancer and CloudFront have it in their settings.
data "aws_secretsmanager_secret_version" "origin_header" {
  secret_id = aws_secretsmanager_secret_version.made["origin-header"].secret_id

  # Read again in the run that makes it anew.
  depends_on = [aws_secretsmanager_secret_version.made]
}
