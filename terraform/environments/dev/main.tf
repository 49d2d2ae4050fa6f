module "easel" {
  source = "../../modules/platform"

  providers = {
    aws           = aws
    aws.us_east_1 = aws.us_east_1
  }

  environment         = "dev"
  domain              = "dev.easel.example"
  deletion_protection = false

  web = { tasks = 1, max_tasks = 1 }

  gpu_tiers = {}

  database = {
    min_acu              = 0.5
    max_acu              = 4
    readers              = 0
    max_readers          = 0
    backup_days          = 1
    backup_window        = "03:00-04:00"
    performance_insights = false
  }

  zone_id                 = var.zone_id
  repository              = var.repository
  cdn_public_key          = var.cdn_public_key
  previous_cdn_public_key = var.previous_cdn_public_key
  previous_origin_header  = var.previous_origin_header
  optional_secrets        = var.optional_secrets
  secret_generation       = var.secret_generation
  spare_logins            = var.spare_logins
  spare_logins_used       = var.spare_logins_used
  mail                    = var.mail
  security_contact        = var.security_contact
  otlp_endpoint           = var.otlp_endpoint
  pagerduty_endpoint      = var.pagerduty_endpoint
  slack_workspace_id      = var.slack_workspace_id
  slack_channel_id        = var.slack_channel_id
}
