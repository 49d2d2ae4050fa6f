locals {
  below = ["admin.${var.domain}", "origin.${var.domain}"]

  proofs = {
    for option in aws_acm_certificate.regional.domain_validation_options : option.domain_name => option
  }
}

resource "aws_acm_certificate" "regional" {
  domain_name               = var.domain
  subject_alternative_names = local.below
  validation_method         = "DNS"

  lifecycle {
    create_before_destroy = true
  }
}

# CloudFront takes certificates of us-east-1 alone.
resource "aws_acm_certificate" "cdn" {
  provider = aws.us_east_1

  domain_name       = var.domain
  validation_method = "DNS"

  lifecycle {
    create_before_destroy = true
  }
}

# One account proves a name by the same record in every region, so these are for both certificates.
resource "aws_route53_record" "validation" {
  for_each = toset(concat([var.domain], local.below))

  zone_id         = var.zone_id
  name            = local.proofs[each.key].resource_record_name
  type            = local.proofs[each.key].resource_record_type
  records         = [local.proofs[each.key].resource_record_value]
  ttl             = 300
  allow_overwrite = true
}

resource "aws_acm_certificate_validation" "regional" {
  certificate_arn         = aws_acm_certificate.regional.arn
  validation_record_fqdns = [for record in aws_route53_record.validation : record.fqdn]
}

resource "aws_acm_certificate_validation" "cdn" {
  provider = aws.us_east_1

  certificate_arn         = aws_acm_certificate.cdn.arn
  validation_record_fqdns = [aws_route53_record.validation[var.domain].fqdn]
}

# Nobody but Amazon may issue a certificate of the domain or of a name below it.
resource "aws_route53_record" "caa" {
  zone_id = var.zone_id
  name    = var.domain
  type    = "CAA"
  ttl     = 3600

  records = [
    "0 issue \"amazon.com\"",
    "0 issue \"amazontrust.com\"",
    "0 issue \"awstrust.com\"",
    "0 issue \"amazonaws.com\"",
    "0 issuewild \";\"",
  ]
}
