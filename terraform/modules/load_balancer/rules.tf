# The first rule that fits decides; their priorities leave room between them.

resource "aws_lb_listener_rule" "metrics" {
  listener_arn = aws_lb_listener.https.arn
  priority     = 10

  condition {
    path_pattern {
      values = ["/metrics", "/metrics/*"]
    }
  }

  action {
    type = "fixed-response"

    fixed_response {
      status_code  = "404"
      content_type = "text/plain"
      message_body = "Not found."
    }
  }

  tags = { Name = "metrics" }
}

# What Stripe tells is about all users, which the admin service alone may read. Each message is
# signed, so it may come by any name of ours.
resource "aws_lb_listener_rule" "stripe" {
  listener_arn = aws_lb_listener.https.arn
  priority     = 20

  condition {
    path_pattern {
      values = ["/billing/stripe/webhook/"]
    }
  }

  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.admin.arn
  }

  tags = { Name = "stripe" }
}

resource "aws_lb_listener_rule" "admin" {
  listener_arn = aws_lb_listener.https.arn
  priority     = 30

  condition {
    host_header {
      values = ["admin.${var.domain}"]
    }
  }

  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.admin.arn
  }

  tags = { Name = "admin" }
}

resource "aws_lb_listener_rule" "web" {
  listener_arn = aws_lb_listener.https.arn
  priority     = 40

  condition {
    host_header {
      values = [var.domain]
    }
  }

  condition {
    http_header {
      http_header_name = "X-Easel-Origin"
      values           = compact([var.origin_header, var.previous_origin_header])
    }
  }

  action {
    type = "forward"

    forward {
      target_group {
        arn    = aws_lb_target_group.web["blue"].arn
        weight = 100
      }

      target_group {
        arn    = aws_lb_target_group.web["green"].arn
        weight = 0
      }
    }
  }

  tags = { Name = "web" }

  # Releases own the weights: they are shifted from one colour to the other while people work.
  lifecycle {
    ignore_changes = [action[0].forward[0].target_group]
  }
}
