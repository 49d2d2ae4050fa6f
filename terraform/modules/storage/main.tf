data "aws_caller_identity" "current" {}

locals {
  # Names of buckets are taken once in the whole world; the account makes them ours.
  account = data.aws_caller_identity.current.account_id
}

resource "aws_s3_bucket" "images" {
  #checkov:skip=CKV_AWS_144:S3 keeps each picture in three zones; a second region would double the largest bill for a risk that is taken.
  #checkov:skip=CKV2_AWS_62:The application writes the row of each file itself; nobody waits for events.
  bucket = "${var.name}-images-${local.account}"
}

resource "aws_s3_bucket" "models" {
  #checkov:skip=CKV_AWS_144:Weights can be fetched from where they came from.
  #checkov:skip=CKV2_AWS_62:An administrator installs from here by hand; nobody waits for events.
  bucket = "${var.name}-models-${local.account}"
}

resource "aws_s3_bucket" "static" {
  #checkov:skip=CKV_AWS_18:Public files; CloudFront logs who fetches them.
  #checkov:skip=CKV_AWS_21:Each release writes all of it anew, under names made of the contents.
  #checkov:skip=CKV_AWS_144:Made again from the image by any release.
  #checkov:skip=CKV_AWS_145:Public files: a key of ours would protect nothing.
  #checkov:skip=CKV2_AWS_62:Nobody waits for events.
  bucket = "${var.name}-static-${local.account}"
}

resource "aws_s3_bucket" "logs" {
  #checkov:skip=CKV_AWS_18:A log of the log would be written for ever.
  #checkov:skip=CKV_AWS_21:AWS writes each file once and under a name of its own.
  #checkov:skip=CKV_AWS_144:Logs of ninety days are not worth a second region.
  #checkov:skip=CKV_AWS_145:The load balancer can write to no bucket with a key of ours.
  #checkov:skip=CKV2_AWS_62:Nobody waits for events.
  bucket = "${var.name}-logs-${local.account}"
}

locals {
  buckets = {
    for kind, bucket in {
      images = aws_s3_bucket.images
      models = aws_s3_bucket.models
      static = aws_s3_bucket.static
      logs   = aws_s3_bucket.logs
      } : kind => {
      id          = bucket.id
      arn         = bucket.arn
      domain_name = bucket.bucket_regional_domain_name
    }
  }
}
