resource "aws_ecs_cluster" "this" {
  name = local.name

  setting {
    name  = "containerInsights"
    value = "enabled"
  }
}

# Which image workers are started from: written by releases, read by each instance as it starts.
resource "aws_ssm_parameter" "worker_image" {
  #checkov:skip=CKV2_AWS_34:The name of an image is no secret.
  name  = "/easel/${var.environment}/worker-image"
  type  = "String"
  value = "${module.registry.repository_urls["easel-worker"]}:first"

  lifecycle {
    ignore_changes = [value]
  }
}

module "roles" {
  source = "../roles"

  name                       = local.name
  environment                = var.environment
  data_key_arn               = module.encryption.data_key_arn
  files_bucket_arn           = module.storage.images.arn
  install_bucket_arn         = module.storage.models.arn
  static_bucket_arn          = module.storage.static.arn
  queues                     = module.queues.queues
  repository_arns            = module.registry.repository_arns
  secret_arns                = { for role, secrets in local.secrets : role => values(secrets) }
  log_group_names            = module.monitoring.log_group_names
  file_system_arn            = module.model_cache.file_system_arn
  access_point_arn           = module.model_cache.access_point_arn
  tiers                      = { for tier in keys(var.gpu_tiers) : tier => local.tiers[tier].label }
  worker_image_parameter_arn = aws_ssm_parameter.worker_image.arn
  repository                 = var.repository
  rule_arn                   = module.load_balancer.web_rule_arn
  distribution_arn           = module.cdn.distribution_arn
}

locals {
  cluster   = { arn = aws_ecs_cluster.this.arn, name = aws_ecs_cluster.this.name }
  image     = "${module.registry.repository_urls["easel-web"]}:first"
  is_served = ["CMD", "python", "/opt/health.py"]
}

module "web" {
  source = "../service"

  name = local.name
  role = "web"

  # A release starts the colour that idles, moves the traffic over, and lets the other idle.
  services = {
    web-blue  = { tasks = var.web.tasks, target_group_arn = module.load_balancer.web_target_groups["blue"].arn }
    web-green = { tasks = 0, target_group_arn = module.load_balancer.web_target_groups["green"].arn }
  }

  scaling = {
    min            = var.web.tasks
    max            = var.web.max_tasks
    cpu            = 60
    requests       = 1500
    alb_arn_suffix = module.load_balancer.arn_suffix
    group_arn_suffix = {
      web-blue  = module.load_balancer.web_target_groups["blue"].arn_suffix
      web-green = module.load_balancer.web_target_groups["green"].arn_suffix
    }
  }

  cluster            = local.cluster
  image              = local.image
  cpu                = 2048
  memory             = 4096
  health_check       = local.is_served
  settings           = merge(local.settings, local.task_settings["web"])
  secrets            = local.secrets["web"]
  task_role_arn      = module.roles.task_role_arns["web"]
  execution_role_arn = module.roles.execution_role_arns["web"]
  subnet_ids         = module.network.private_subnet_ids
  security_group_id  = module.security.api_id
  log_group_name     = module.monitoring.log_group_names["web"]
  region             = data.aws_region.current.region
  stop_seconds       = 90

  # ECS refuses a target group that no rule leads to yet.
  depends_on = [module.load_balancer]
}

module "admin" {
  source = "../service"

  name     = local.name
  role     = "admin"
  services = { admin = { tasks = 1, target_group_arn = module.load_balancer.admin_target_group.arn } }

  cluster            = local.cluster
  image              = local.image
  cpu                = 512
  memory             = 2048
  health_check       = local.is_served
  settings           = merge(local.settings, local.task_settings["admin"])
  secrets            = local.secrets["admin"]
  task_role_arn      = module.roles.task_role_arns["admin"]
  execution_role_arn = module.roles.execution_role_arns["admin"]
  subnet_ids         = module.network.private_subnet_ids
  security_group_id  = module.security.api_id
  log_group_name     = module.monitoring.log_group_names["admin"]
  region             = data.aws_region.current.region
  stop_seconds       = 90

  # ECS refuses a target group that no rule leads to yet.
  depends_on = [module.load_balancer]
}

module "scheduler" {
  source = "../service"

  name     = local.name
  role     = "scheduler"
  services = { scheduler = { tasks = 1 } }

  cluster            = local.cluster
  image              = local.image
  cpu                = 512
  memory             = 2048
  ephemeral_storage  = 100
  command            = ["python", "manage.py", "run_scheduler"]
  settings           = merge(local.settings, local.task_settings["scheduler"])
  secrets            = local.secrets["scheduler"]
  task_role_arn      = module.roles.task_role_arns["scheduler"]
  execution_role_arn = module.roles.execution_role_arns["scheduler"]
  subnet_ids         = module.network.private_subnet_ids
  security_group_id  = module.security.api_id
  log_group_name     = module.monitoring.log_group_names["scheduler"]
  region             = data.aws_region.current.region
  stop_seconds       = 60
}

# Run once by each release, and never by itself.
module "migrate" {
  source = "../service"

  name     = local.name
  role     = "migrate"
  services = {}

  cluster            = local.cluster
  image              = local.image
  cpu                = 512
  memory             = 1024
  command            = ["python", "manage.py", "migrate", "--noinput"]
  settings           = merge(local.settings, local.task_settings["migrate"])
  secrets            = local.secrets["migrate"]
  task_role_arn      = module.roles.task_role_arns["migrate"]
  execution_role_arn = module.roles.execution_role_arns["migrate"]
  subnet_ids         = module.network.private_subnet_ids
  security_group_id  = module.security.api_id
  log_group_name     = module.monitoring.log_group_names["migrate"]
  region             = data.aws_region.current.region
  stop_seconds       = 120
}

module "gpu_tier" {
  source   = "../gpu_tier"
  for_each = var.gpu_tiers

  name                  = local.name
  tier                  = each.key
  label                 = local.tiers[each.key].label
  instance_type         = local.tiers[each.key].instance_type
  gpus                  = local.tiers[each.key].gpus
  min                   = each.value.min
  max                   = each.value.max
  on_demand_base        = each.value.on_demand_base
  on_demand_percentage  = each.value.on_demand_percentage
  night                 = var.night
  start_seconds         = local.tiers[each.key].start_seconds
  grace_seconds         = local.tiers[each.key].grace_seconds
  subnet_ids            = module.network.private_subnet_ids
  security_group_id     = module.security.gpu_id
  instance_profile_name = module.roles.instance_profile_names[each.key]
  image_parameter       = aws_ssm_parameter.worker_image.name
  queue_name            = module.queues.queues[each.key].name
  log_group_name        = module.monitoring.log_group_names["worker"]
  file_system_id        = module.model_cache.file_system_id
  access_point_id       = module.model_cache.access_point_id
  user_id               = local.container_user
  secrets               = local.secrets["worker"]

  settings = merge(local.settings, {
    EASEL_MODEL_CACHE_BYTES = tostring(local.tiers[each.key].model_cache_gib * pow(1024, 3))
    EASEL_MODEL_FILES_CACHE = "/var/lib/easel/models"
    EASEL_MODELS_MEMORY_MAP = "false"
  })
}
