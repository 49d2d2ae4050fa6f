resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_158:Encrypted by CloudWatch's own key; ours is in Seoul, and the log of CloudFront's requests is not. What is secret is left out below.
  #checkov:skip=CKV_AWS_338:Addresses of visitors are personal data; an attack is looked into within weeks, not a year later.
  # AWS takes no other beginning.
  name              = "aws-waf-logs-${var.name}-${lower(var.scope)}"
  retention_in_days = var.log_retention_days
}

resource "aws_wafv2_web_acl_logging_configuration" "this" {
  resource_arn            = aws_wafv2_web_acl.this.arn
  log_destination_configs = [aws_cloudwatch_log_group.this.arn]

  # Only what a rule had something to say about: the rest is in the access logs.
  logging_filter {
    default_behavior = "DROP"

    filter {
      behavior    = "KEEP"
      requirement = "MEETS_ANY"

      condition {
        action_condition {
          action = "BLOCK"
        }
      }

      condition {
        action_condition {
          action = "COUNT"
        }
      }
    }
  }

  redacted_fields {
    single_header {
      name = "authorization"
    }
  }

  redacted_fields {
    single_header {
      name = "cookie"
    }
  }

  redacted_fields {
    single_header {
      name = "x-easel-origin"
    }
  }

  # Signatures of addresses of pictures, and the codes of sign-ins.
  redacted_fields {
    query_string {}
  }
}
