locals {
  name = "easel-${var.environment}"

  # The facts of the tiers; apps/plans/tiers.py has the same for the application.
  tiers = {
    basic            = { label = "basic", instance_type = "g4dn.xlarge", gpus = 1, start_seconds = 240, grace_seconds = 300, model_cache_gib = 8 }
    high_performance = { label = "highperf", instance_type = "g5.xlarge", gpus = 1, start_seconds = 300, grace_seconds = 300, model_cache_gib = 12 }
    dedicated        = { label = "dedicated", instance_type = "p4d.24xlarge", gpus = 8, start_seconds = 420, grace_seconds = 1800, model_cache_gib = 32 }
  }

  # User and group in both images.
  container_user = 10001
}

module "encryption" {
  source = "../encryption"

  name = local.name
}

module "network" {
  source = "../network"

  name            = local.name
  environment     = var.environment
  cidr            = var.network.cidr
  zones           = var.network.zones
  public_subnets  = var.network.public_subnets
  private_subnets = var.network.private_subnets
  data_subnets    = var.network.data_subnets
}

module "security" {
  source = "../security"

  name   = local.name
  vpc_id = module.network.vpc_id
}

module "dns" {
  source = "../dns"

  providers = {
    aws           = aws
    aws.us_east_1 = aws.us_east_1
  }

  domain  = var.domain
  zone_id = var.zone_id
}

module "storage" {
  source = "../storage"

  name        = local.name
  kms_key_arn = module.encryption.data_key_arn
}

module "secrets" {
  source = "../secrets"

  environment = var.environment
  kms_key_arn = module.encryption.data_key_arn
  generation  = var.secret_generation

  spare_logins = var.spare_logins
}

module "regional_waf" {
  source = "../waf"

  name       = local.name
  scope      = "REGIONAL"
  rate_limit = var.rate_limit
}

module "cdn_waf" {
  source = "../waf"

  providers = {
    aws = aws.us_east_1
  }

  name       = "${local.name}-cdn"
  scope      = "CLOUDFRONT"
  rate_limit = var.rate_limit
}

module "load_balancer" {
  source = "../load_balancer"

  name                   = local.name
  vpc_id                 = module.network.vpc_id
  subnet_ids             = module.network.public_subnet_ids
  security_group_id      = module.security.alb_id
  certificate_arn        = module.dns.certificate_arn
  domain                 = var.domain
  zone_id                = var.zone_id
  origin_header          = module.secrets.origin_header
  previous_origin_header = var.previous_origin_header
  web_acl_arn            = module.regional_waf.arn
  logs_bucket            = module.storage.logs.id
  deletion_protection    = var.deletion_protection
}

module "cdn" {
  source = "../cdn"

  name                    = local.name
  domain                  = var.domain
  zone_id                 = var.zone_id
  certificate_arn         = module.dns.cdn_certificate_arn
  web_acl_arn             = module.cdn_waf.arn
  origin_domain           = module.load_balancer.origin_domain
  origin_header           = module.secrets.origin_header
  images_bucket           = module.storage.images
  static_bucket           = module.storage.static
  public_key_pem          = var.cdn_public_key
  previous_public_key_pem = var.previous_cdn_public_key
  logs_bucket             = module.storage.logs.id
}

module "identity" {
  source = "../identity"

  name          = local.name
  domain        = var.domain
  callback_urls = [for host in local.hosts : "https://${host}/accounts/oidc/callback/"]
  logout_urls   = [for host in local.hosts : "https://${host}/accounts/sign-in/"]
  mfa           = "OPTIONAL"
  mail          = var.mail == null ? null : { identity_arn = var.mail.identity_arn, from = var.mail.from }
}

# The client's secret is in the state of its own resource; this adds nothing to that.
resource "aws_secretsmanager_secret_version" "oidc_client" {
  secret_id     = module.secrets.arns["oidc-client-secret"]
  secret_string = module.identity.client_secret
}

module "registry" {
  source = "../registry"

  kms_key_arn = module.encryption.data_key_arn
}

module "queues" {
  source = "../queues"
}

module "database" {
  source = "../database"

  name                 = local.name
  subnet_ids           = module.network.data_subnet_ids
  security_group_id    = module.security.database_id
  kms_key_arn          = module.encryption.data_key_arn
  logs_key_arn         = module.encryption.logs_key_arn
  min_acu              = var.database.min_acu
  max_acu              = var.database.max_acu
  readers              = var.database.readers
  max_readers          = var.database.max_readers
  backup_days          = var.database.backup_days
  backup_window        = var.database.backup_window
  deletion_protection  = var.deletion_protection
  performance_insights = var.database.performance_insights
  login_secret_arns    = module.secrets.login_arns
  url_secret_arns      = module.secrets.arns
  spare_logins_used    = var.spare_logins_used
  url_version          = lookup(var.secret_generation, "urls", 1)
  log_retention_days   = var.log_retention_days
}

module "cache" {
  source = "../cache"

  name               = local.name
  subnet_ids         = module.network.data_subnet_ids
  security_group_id  = module.security.cache_id
  kms_key_arn        = module.encryption.data_key_arn
  logs_key_arn       = module.encryption.logs_key_arn
  token_secret_arn   = module.secrets.redis_token_arn
  token_version      = lookup(var.secret_generation, "redis-token", 1)
  url_secret_arn     = module.secrets.arns["redis-url"]
  log_retention_days = var.log_retention_days
}

module "model_cache" {
  source = "../model_cache"

  name              = local.name
  subnet_ids        = module.network.data_subnet_ids
  security_group_id = module.security.efs_id
  kms_key_arn       = module.encryption.data_key_arn
  user_id           = local.container_user
}

module "monitoring" {
  source = "../monitoring"

  name                          = local.name
  environment                   = var.environment
  alb_arn_suffix                = module.load_balancer.arn_suffix
  web_target_group_arn_suffixes = { for colour, group in module.load_balancer.web_target_groups : colour => group.arn_suffix }
  cluster_id                    = module.database.cluster_id
  max_acu                       = var.database.max_acu
  cache_member_ids              = module.cache.member_ids
  queue_names                   = { for tier, queue in module.queues.queues : tier => queue.name }
  dead_letter_names             = { for tier, queue in module.queues.queues : tier => queue.dead_letter_name }
  images_bucket                 = module.storage.images.id
  ecs_cluster                   = aws_ecs_cluster.this.name
  ecs_services                  = merge(module.web.service_names, module.admin.service_names, module.scheduler.service_names)
  gpu_groups                    = { for tier, group in module.gpu_tier : tier => group.group_name }
  pagerduty_endpoint            = var.pagerduty_endpoint
  slack_workspace_id            = var.slack_workspace_id
  slack_channel_id              = var.slack_channel_id
  logs_key_arn                  = module.encryption.logs_key_arn
  retention_days                = var.log_retention_days
}
