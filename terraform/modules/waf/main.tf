locals {
  # Rules that look into what people write. Prompts and searches for them are free text, workflows
  # are JSON that quotes what it likes, and pictures of up to 20 MB hold every sequence of bytes:
  # such rules would refuse honest work. So they count, and below `body-attacks` refuses where
  # nobody has reason to send any of it. How large a body may be the application says, to the byte,
  # before it reads it.
  counted_rules = {
    AWSManagedRulesCommonRuleSet = [
      "SizeRestrictions_BODY",
      "CrossSiteScripting_BODY",
      "CrossSiteScripting_QUERYARGUMENTS",
      "EC2MetaDataSSRF_BODY",
      "GenericLFI_BODY",
      "GenericRFI_BODY",
    ]
    AWSManagedRulesSQLiRuleSet = [
      "SQLi_BODY",
      "SQLi_QUERYARGUMENTS",
      "SQLiExtendedPatterns_BODY",
      "SQLiExtendedPatterns_QUERYARGUMENTS",
    ]
  }

  # What those rules, as far as they are about bodies, put on a request instead of refusing it.
  body_attacks = [
    "awswaf:managed:aws:core-rule-set:CrossSiteScripting_Body",
    "awswaf:managed:aws:core-rule-set:EC2MetaDataSSRF_Body",
    "awswaf:managed:aws:core-rule-set:GenericLFI_Body",
    "awswaf:managed:aws:core-rule-set:GenericRFI_Body",
    "awswaf:managed:aws:sql-database:SQLi_Body",
    "awswaf:managed:aws:sql-database:SQLiExtendedPatterns_Body",
  ]

  managed_groups = [
    "AWSManagedRulesAmazonIpReputationList",
    "AWSManagedRulesCommonRuleSet",
    "AWSManagedRulesKnownBadInputsRuleSet",
    "AWSManagedRulesSQLiRuleSet",
  ]

  metric = replace(title(replace(var.name, "-", " ")), " ", "")
}

resource "aws_wafv2_web_acl" "this" {
  name        = "${var.name}-${lower(var.scope)}"
  description = "What is refused before it reaches Easel"
  scope       = var.scope

  default_action {
    allow {}
  }

  rule {
    name     = "rate"
    priority = 0

    action {
      block {
        custom_response {
          response_code = 429

          response_header {
            name  = "Retry-After"
            value = "300"
          }
        }
      }
    }

    statement {
      rate_based_statement {
        limit                 = var.rate_limit
        evaluation_window_sec = 300
        aggregate_key_type    = "IP"

        scope_down_statement {
          dynamic "not_statement" {
            for_each = var.scope == "CLOUDFRONT" ? ["pictures and static files"] : []

            content {
              statement {
                regex_match_statement {
                  regex_string = "^/(images|static)/"

                  field_to_match {
                    uri_path {}
                  }

                  text_transformation {
                    priority = 0
                    type     = "NORMALIZE_PATH"
                  }
                }
              }
            }
          }

          # Whatever else reaches the load balancer comes from CloudFront's own addresses, which
          # thousands share, and has been counted there.
          dynamic "byte_match_statement" {
            for_each = var.scope == "REGIONAL" ? ["admin"] : []

            content {
              positional_constraint = "STARTS_WITH"
              search_string         = "admin."

              field_to_match {
                single_header {
                  name = "host"
                }
              }

              text_transformation {
                priority = 0
                type     = "LOWERCASE"
              }
            }
          }
        }
      }
    }

    visibility_config {
      cloudwatch_metrics_enabled = true
      metric_name                = "${local.metric}Rate"
      sampled_requests_enabled   = false
    }
  }

  dynamic "rule" {
    for_each = local.managed_groups

    content {
      name     = rule.value
      priority = 10 + rule.key

      override_action {
        none {}
      }

      statement {
        managed_rule_group_statement {
          vendor_name = "AWS"
          name        = rule.value

          dynamic "rule_action_override" {
            for_each = lookup(local.counted_rules, rule.value, [])

            content {
              name = rule_action_override.value

              action_to_use {
                count {}
              }
            }
          }
        }
      }

      visibility_config {
        cloudwatch_metrics_enabled = true
        metric_name                = "${local.metric}${rule.value}"
        sampled_requests_enabled   = false
      }
    }
  }

  rule {
    name     = "body-attacks"
    priority = 20

    action {
      block {}
    }

    statement {
      and_statement {
        statement {
          byte_match_statement {
            positional_constraint = "STARTS_WITH"
            search_string         = "/accounts/"

            field_to_match {
              uri_path {}
            }

            text_transformation {
              priority = 0
              type     = "NORMALIZE_PATH"
            }
          }
        }

        statement {
          or_statement {
            dynamic "statement" {
              for_each = local.body_attacks

              content {
                label_match_statement {
                  scope = "LABEL"
                  key   = statement.value
                }
              }
            }
          }
        }
      }
    }

    visibility_config {
      cloudwatch_metrics_enabled = true
      metric_name                = "${local.metric}BodyAttacks"
      sampled_requests_enabled   = false
    }
  }

  # Samples would show cookies and keys to whoever may open the console; the log leaves them out.
  visibility_config {
    cloudwatch_metrics_enabled = true
    metric_name                = local.metric
    sampled_requests_enabled   = false
  }
}
