resource "aws_cloudfront_origin_access_control" "this" {
  name                              = var.name
  description                       = "CloudFront signs what it asks the buckets for"
  origin_access_control_origin_type = "s3"
  signing_behavior                  = "always"
  signing_protocol                  = "sigv4"
}

locals {
  # What CloudFront may read of each bucket. It may not list: a request for the root would be
  # answered with the names of everybody's files. So a file that is not there is a 403.
  readable = {
    images = {
      bucket = var.images_bucket
      prefix = "users/*/images"
    }
    static = {
      bucket = var.static_bucket
      prefix = "static"
    }
  }
}

data "aws_iam_policy_document" "bucket" {
  for_each = local.readable

  statement {
    sid       = "CloudFrontReads"
    actions   = ["s3:GetObject"]
    resources = ["${each.value.bucket.arn}/${each.value.prefix}/*"]

    principals {
      type        = "Service"
      identifiers = ["cloudfront.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceArn"
      values   = [aws_cloudfront_distribution.this.arn]
    }
  }

  statement {
    sid       = "RefuseWithoutTls"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [each.value.bucket.arn, "${each.value.bucket.arn}/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }

  statement {
    sid       = "RefuseOldTls"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [each.value.bucket.arn, "${each.value.bucket.arn}/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "NumericLessThan"
      variable = "s3:TlsVersion"
      values   = ["1.2"]
    }
  }
}

resource "aws_s3_bucket_policy" "this" {
  for_each = local.readable

  bucket = each.value.bucket.id
  policy = data.aws_iam_policy_document.bucket[each.key].json
}
