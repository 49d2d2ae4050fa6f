data "aws_region" "current" {}

locals {
  full_name = "${var.name}-gpu-${var.label}"

  # AWS's own image with NVIDIA's driver, container toolkit, fabric manager (which the GPUs of a
  # p4d need) and Docker. Each instance takes the newest, so patches come with every start.
  image = "resolve:ssm:/aws/service/deeplearning/ami/x86_64/base-oss-nvidia-driver-gpu-amazon-linux-2023/latest/ami-id"

  user_data = templatefile("${path.module}/files/start.sh.tftpl", {
    access_point  = var.access_point_id
    file_system   = var.file_system_id
    gpus          = var.gpus
    grace_seconds = var.grace_seconds
    group         = local.full_name
    hook          = "leave"
    image         = var.image_parameter
    log_group     = var.log_group_name
    region        = data.aws_region.current.region
    secrets       = var.secrets
    settings = merge(var.settings, {
      EASEL_SHUTDOWN_GRACE_SECONDS = tostring(var.grace_seconds)
      EASEL_WORKER_QUEUE           = var.queue_name
    })
    user = var.user_id
  })
}

resource "aws_launch_template" "this" {
  name                   = local.full_name
  image_id               = local.image
  update_default_version = true
  user_data              = base64encode(local.user_data)
  ebs_optimized          = true

  iam_instance_profile {
    name = var.instance_profile_name
  }

  network_interfaces {
    associate_public_ip_address = false
    delete_on_termination       = true
    security_groups             = [var.security_group_id]
  }

  metadata_options {
    #checkov:skip=CKV_AWS_341:Workers are in containers, one hop further, and ask for spot notices and for the role's credentials.
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 2
    instance_metadata_tags      = "disabled"
  }

  block_device_mappings {
    device_name = "/dev/xvda"

    ebs {
      volume_type           = "gp3"
      volume_size           = var.disk_gib
      encrypted             = true
      delete_on_termination = true
    }
  }

  monitoring {
    enabled = true
  }

  dynamic "tag_specifications" {
    for_each = ["instance", "volume", "network-interface"]

    content {
      resource_type = tag_specifications.value
      tags          = { Name = local.full_name, Tier = var.tier }
    }
  }
}

resource "aws_autoscaling_group" "this" {
  name                = local.full_name
  min_size            = var.min
  max_size            = var.max
  vpc_zone_identifier = var.subnet_ids

  # A better Spot instance is started before the one that AWS is about to take back ends.
  capacity_rebalance        = true
  health_check_type         = "EC2"
  health_check_grace_period = var.start_seconds
  default_instance_warmup   = var.start_seconds
  termination_policies      = ["OldestLaunchTemplate", "OldestInstance"]
  wait_for_capacity_timeout = "0"
  enabled_metrics           = ["GroupDesiredCapacity", "GroupInServiceInstances", "GroupPendingInstances", "GroupTerminatingInstances"]

  mixed_instances_policy {
    launch_template {
      launch_template_specification {
        launch_template_id = aws_launch_template.this.id
        version            = aws_launch_template.this.latest_version
      }

      override {
        instance_type = var.instance_type
      }
    }

    instances_distribution {
      on_demand_base_capacity                  = var.on_demand_base
      on_demand_percentage_above_base_capacity = var.on_demand_percentage
      spot_allocation_strategy                 = "price-capacity-optimized"
    }
  }

  initial_lifecycle_hook {
    name                 = "leave"
    lifecycle_transition = "autoscaling:EC2_INSTANCE_TERMINATING"
    heartbeat_timeout    = var.grace_seconds + 120
    default_result       = "CONTINUE"
  }

  instance_refresh {
    strategy = "Rolling"

    preferences {
      # The new ones first: a tier of one instance is not to be empty meanwhile.
      min_healthy_percentage = 100
      max_healthy_percentage = 200
      instance_warmup        = tostring(var.start_seconds)
    }
  }

  tag {
    key                 = "Name"
    value               = local.full_name
    propagate_at_launch = true
  }

  tag {
    key                 = "Tier"
    value               = var.tier
    propagate_at_launch = true
  }
}
