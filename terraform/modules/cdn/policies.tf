locals {
  year = 31536000
}

data "aws_cloudfront_cache_policy" "disabled" {
  name = "Managed-CachingDisabled"
}

data "aws_cloudfront_origin_request_policy" "all_viewer" {
  name = "Managed-AllViewer"
}

# A name stands for one content for ever: pictures are named by chance, static files by their
# digest. Who may see a picture is decided before the cache is asked, so that neither signature nor
# cookie is part of its key.
resource "aws_cloudfront_cache_policy" "year" {
  name        = "${var.name}-year"
  comment     = "Pictures and static files, kept for a year"
  min_ttl     = local.year
  default_ttl = local.year
  max_ttl     = local.year

  parameters_in_cache_key_and_forwarded_to_origin {
    enable_accept_encoding_brotli = true
    enable_accept_encoding_gzip   = true

    cookies_config {
      cookie_behavior = "none"
    }

    headers_config {
      header_behavior = "none"
    }

    query_strings_config {
      query_string_behavior = "none"
    }
  }
}

# The application says the same of itself. This is for answers that it never saw: of the load
# balancer while no task is up.
resource "aws_cloudfront_response_headers_policy" "pages" {
  name    = "${var.name}-pages"
  comment = "Pages, API and sockets"

  security_headers_config {
    strict_transport_security {
      access_control_max_age_sec = local.year
      include_subdomains         = true
      preload                    = true
      override                   = true
    }

    content_type_options {
      override = true
    }
  }
}

resource "aws_cloudfront_response_headers_policy" "images" {
  name    = "${var.name}-images"
  comment = "Pictures of users"

  custom_headers_config {
    items {
      header   = "Cache-Control"
      value    = "private, max-age=${local.year}, immutable"
      override = true
    }
  }

  security_headers_config {
    # Opened by itself, what a user has uploaded runs nothing and frames nothing.
    content_security_policy {
      content_security_policy = "default-src 'none'; frame-ancestors 'none'; sandbox"
      override                = true
    }

    content_type_options {
      override = true
    }

    referrer_policy {
      referrer_policy = "same-origin"
      override        = true
    }

    strict_transport_security {
      access_control_max_age_sec = local.year
      include_subdomains         = true
      preload                    = true
      override                   = true
    }
  }
}

resource "aws_cloudfront_response_headers_policy" "static" {
  name    = "${var.name}-static"
  comment = "Static files"

  custom_headers_config {
    items {
      header   = "Cache-Control"
      value    = "public, max-age=${local.year}, immutable"
      override = true
    }
  }

  security_headers_config {
    content_type_options {
      override = true
    }

    strict_transport_security {
      access_control_max_age_sec = local.year
      include_subdomains         = true
      preload                    = true
      override                   = true
    }
  }
}
