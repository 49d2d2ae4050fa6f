resource "aws_lb" "this" {
  #checkov:skip=CKV_AWS_150:Environments that may be torn down say so by deletion_protection.
  #checkov:skip=CKV2_AWS_76:The web ACL comes from the module waf, which has the rule against Log4j.
  name               = var.name
  load_balancer_type = "application"
  internal           = false
  ip_address_type    = "dualstack"
  subnets            = var.subnet_ids
  security_groups    = [var.security_group_id]

  # An open page is silent for as long as nothing happens; uvicorn pings its sockets every 20 s.
  # And longer than CloudFront keeps its connections (60 s), so that it never uses a closed one.
  idle_timeout = 120

  desync_mitigation_mode     = "defensive"
  drop_invalid_header_fields = true
  enable_deletion_protection = var.deletion_protection
  enable_http2               = true
  xff_header_processing_mode = "append"

  access_logs {
    enabled = true
    bucket  = var.logs_bucket
    prefix  = "alb"
  }
}

resource "aws_wafv2_web_acl_association" "this" {
  resource_arn = aws_lb.this.arn
  web_acl_arn  = var.web_acl_arn
}

resource "aws_lb_listener" "http" {
  load_balancer_arn = aws_lb.this.arn
  port              = 80
  protocol          = "HTTP"

  default_action {
    type = "redirect"

    redirect {
      protocol    = "HTTPS"
      port        = "443"
      status_code = "HTTP_301"
    }
  }
}

resource "aws_lb_listener" "https" {
  load_balancer_arn = aws_lb.this.arn
  port              = 443
  protocol          = "HTTPS"
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-2021-06"
  certificate_arn   = var.certificate_arn

  routing_http_response_server_enabled = false

  # Whoever is here has come past CloudFront, or by no name of ours.
  default_action {
    type = "fixed-response"

    fixed_response {
      status_code  = "403"
      content_type = "text/plain"
      message_body = "Nothing is served here."
    }
  }
}
