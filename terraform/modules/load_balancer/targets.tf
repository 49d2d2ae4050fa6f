# Two colours of the web service: a release starts the idle one and moves the traffic over.
resource "aws_lb_target_group" "web" {
  #checkov:skip=CKV_AWS_378:TLS ends at the load balancer; the way to the tasks lies within the VPC and is open to it alone.
  for_each = toset(["blue", "green"])

  name        = "${var.name}-web-${each.key}"
  vpc_id      = var.vpc_id
  target_type = "ip"
  protocol    = "HTTP"
  port        = 8080

  # Sockets and streamed archives last; the task with fewest of them takes the next request.
  load_balancing_algorithm_type = "least_outstanding_requests"

  # As long as an answer may take (CloudFront waits 60 s); pages that lose their socket open another.
  deregistration_delay = 60

  health_check {
    path                = "/api/v1/app/version"
    matcher             = "200"
    interval            = 10
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 3
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_lb_target_group" "admin" {
  #checkov:skip=CKV_AWS_378:TLS ends at the load balancer; the way to the tasks lies within the VPC and is open to it alone.
  name        = "${var.name}-admin"
  vpc_id      = var.vpc_id
  target_type = "ip"
  protocol    = "HTTP"
  port        = 8080

  load_balancing_algorithm_type = "least_outstanding_requests"
  deregistration_delay          = 60

  health_check {
    path                = "/api/v1/app/version"
    matcher             = "200"
    interval            = 10
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 3
  }

  lifecycle {
    create_before_destroy = true
  }
}
