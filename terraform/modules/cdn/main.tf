resource "aws_cloudfront_distribution" "this" {
  #checkov:skip=CKV_AWS_86:Logged by the newer delivery in logging.tf, which needs no access lists on the bucket and leaves out cookies and queries.
  #checkov:skip=CKV_AWS_305:The root is a page of the application, not a file.
  #checkov:skip=CKV_AWS_310:There is one origin of each kind; a second load balancer would have the same database behind it.
  #checkov:skip=CKV_AWS_374:Whoever may pay may come, from anywhere.
  #checkov:skip=CKV2_AWS_47:The web ACL comes from the module waf, which has the rule against Log4j.
  enabled         = true
  comment         = var.name
  aliases         = [var.domain]
  http_version    = "http2and3"
  is_ipv6_enabled = true
  web_acl_id      = var.web_acl_arn

  # The cheapest class with edges in Korea: 100 has none in Asia.
  price_class = "PriceClass_200"

  viewer_certificate {
    acm_certificate_arn      = var.certificate_arn
    minimum_protocol_version = "TLSv1.2_2021"
    ssl_support_method       = "sni-only"
  }

  restrictions {
    geo_restriction {
      restriction_type = "none"
    }
  }

  origin {
    origin_id   = "application"
    domain_name = var.origin_domain

    custom_header {
      name  = "X-Easel-Origin"
      value = var.origin_header
    }

    custom_origin_config {
      http_port                = 80
      https_port               = 443
      origin_protocol_policy   = "https-only"
      origin_ssl_protocols     = ["TLSv1.2"]
      origin_read_timeout      = 60
      origin_keepalive_timeout = 60
    }
  }

  origin {
    origin_id                = "images"
    domain_name              = var.images_bucket.domain_name
    origin_access_control_id = aws_cloudfront_origin_access_control.this.id
  }

  origin {
    origin_id                = "static"
    domain_name              = var.static_bucket.domain_name
    origin_access_control_id = aws_cloudfront_origin_access_control.this.id
  }

  # Pages, API and sockets: everything is passed on, the headers of a WebSocket and the host among
  # it, and nothing is kept. Errors are the application's own, so none is replaced.
  default_cache_behavior {
    target_origin_id           = "application"
    allowed_methods            = ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"]
    cached_methods             = ["GET", "HEAD"]
    viewer_protocol_policy     = "redirect-to-https"
    cache_policy_id            = data.aws_cloudfront_cache_policy.disabled.id
    origin_request_policy_id   = data.aws_cloudfront_origin_request_policy.all_viewer.id
    response_headers_policy_id = aws_cloudfront_response_headers_policy.pages.id
  }

  ordered_cache_behavior {
    path_pattern               = "/images/*"
    target_origin_id           = "images"
    allowed_methods            = ["GET", "HEAD"]
    cached_methods             = ["GET", "HEAD"]
    viewer_protocol_policy     = "https-only"
    trusted_key_groups         = [aws_cloudfront_key_group.signing.id]
    cache_policy_id            = aws_cloudfront_cache_policy.year.id
    response_headers_policy_id = aws_cloudfront_response_headers_policy.images.id

    function_association {
      event_type   = "viewer-request"
      function_arn = aws_cloudfront_function.strip_images.arn
    }
  }

  ordered_cache_behavior {
    path_pattern               = "/static/*"
    target_origin_id           = "static"
    allowed_methods            = ["GET", "HEAD"]
    cached_methods             = ["GET", "HEAD"]
    viewer_protocol_policy     = "redirect-to-https"
    compress                   = true
    cache_policy_id            = aws_cloudfront_cache_policy.year.id
    response_headers_policy_id = aws_cloudfront_response_headers_policy.static.id
  }
}

resource "aws_route53_record" "this" {
  for_each = toset(["A", "AAAA"])

  zone_id = var.zone_id
  name    = var.domain
  type    = each.key

  alias {
    name                   = aws_cloudfront_distribution.this.domain_name
    zone_id                = aws_cloudfront_distribution.this.hosted_zone_id
    evaluate_target_health = false
  }
}
