# Groups first, rules beside them: a rule is a resource of its own, so that two groups may name
# each other, and a change of one rule touches no other. What is not written here is closed.

resource "aws_security_group" "alb" {
  #checkov:skip=CKV2_AWS_5:Worn by resources of other modules, which take its id.
  name        = "${var.name}-alb"
  description = "Load balancer: web traffic in, to the tasks out"
  vpc_id      = var.vpc_id

  tags = { Name = "${var.name}-alb" }
}

resource "aws_security_group" "api" {
  #checkov:skip=CKV2_AWS_5:Worn by resources of other modules, which take its id.
  name        = "${var.name}-api"
  description = "Fargate tasks: web, admin, scheduler, migrate"
  vpc_id      = var.vpc_id

  tags = { Name = "${var.name}-api" }
}

resource "aws_security_group" "gpu" {
  #checkov:skip=CKV2_AWS_5:Worn by resources of other modules, which take its id.
  name        = "${var.name}-gpu"
  description = "GPU instances: no inbound at all"
  vpc_id      = var.vpc_id

  tags = { Name = "${var.name}-gpu" }
}

resource "aws_security_group" "database" {
  #checkov:skip=CKV2_AWS_5:Worn by resources of other modules, which take its id.
  name        = "${var.name}-database"
  description = "Aurora and its proxy"
  vpc_id      = var.vpc_id

  tags = { Name = "${var.name}-database" }
}

resource "aws_security_group" "cache" {
  #checkov:skip=CKV2_AWS_5:Worn by resources of other modules, which take its id.
  name        = "${var.name}-cache"
  description = "Redis"
  vpc_id      = var.vpc_id

  tags = { Name = "${var.name}-cache" }
}

resource "aws_security_group" "efs" {
  #checkov:skip=CKV2_AWS_5:Worn by resources of other modules, which take its id.
  name        = "${var.name}-efs"
  description = "File system of the model cache"
  vpc_id      = var.vpc_id

  tags = { Name = "${var.name}-efs" }
}
