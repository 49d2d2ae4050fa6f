output "arn" {
  description = "ARN of the load balancer."
  value       = aws_lb.this.arn
}

output "arn_suffix" {
  description = "What CloudWatch calls the load balancer."
  value       = aws_lb.this.arn_suffix
}

output "dns_name" {
  description = "The name that AWS gave the load balancer."
  value       = aws_lb.this.dns_name
}

output "listener_arn" {
  description = "ARN of the listener on 443."
  value       = aws_lb_listener.https.arn
}

output "web_target_groups" {
  description = "The target groups of the two colours of the web service: `blue` and `green`, each with `arn`, `name` and `arn_suffix`."
  value = {
    for colour, group in aws_lb_target_group.web : colour => {
      arn        = group.arn
      name       = group.name
      arn_suffix = group.arn_suffix
    }
  }
}

output "admin_target_group" {
  description = "The target group of the admin service: `arn`, `name` and `arn_suffix`."
  value = {
    arn        = aws_lb_target_group.admin.arn
    name       = aws_lb_target_group.admin.name
    arn_suffix = aws_lb_target_group.admin.arn_suffix
  }
}

output "web_rule_arn" {
  description = "ARN of the rule whose weights a release shifts from one colour to the other."
  value       = aws_lb_listener_rule.web.arn
}

output "origin_domain" {
  description = "The name that CloudFront connects to."
  value       = aws_route53_record.origin["A"].name
}
