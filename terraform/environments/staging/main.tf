module "easel" {
  source = "../../modules/platform"

  providers = {
    aws           = aws
    aws.us_east_1 = aws.us_east_1
  }

  environment         = "staging"
  domain              = "staging.easel.example"
  deletion_protection = true

  web = { tasks = 2, max_tasks = 2 }

  gpu_tiers = {
    basic = { min = 1, max = 1, on_demand_base = 0, on_demand_percentage = 0 }
  }

  database = {
    min_acu              = 0.5
    max_acu              = 8
    readers              = 1
    max_readers          = 1
    backup_days          = 3
    backup_window        = "03:00-04:00"
    performance_insights = true
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
