resource "aws_route53_record" "origin" {
  for_each = toset(["A", "AAAA"])

  zone_id = var.zone_id
  name    = "origin.${var.domain}"
  type    = each.key

  alias {
    name                   = aws_lb.this.dns_name
    zone_id                = aws_lb.this.zone_id
    evaluate_target_health = true
  }
}

resource "aws_route53_record" "admin" {
  for_each = toset(["A", "AAAA"])

  zone_id = var.zone_id
  name    = "admin.${var.domain}"
  type    = each.key

  alias {
    name                   = aws_lb.this.dns_name
    zone_id                = aws_lb.this.zone_id
    evaluate_target_health = true
  }
}
