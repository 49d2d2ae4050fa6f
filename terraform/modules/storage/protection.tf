resource "aws_s3_bucket_public_access_block" "this" {
  for_each = local.buckets

  bucket                  = each.value.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

# Access lists are off: the policies say all there is to say.
resource "aws_s3_bucket_ownership_controls" "this" {
  for_each = local.buckets

  bucket = each.value.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "own_key" {
  for_each = {
    images = aws_s3_bucket.images.id
    models = aws_s3_bucket.models.id
  }

  bucket = each.value

  rule {
    # One call to KMS for many objects, not one for each picture.
    bucket_key_enabled = true

    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = var.kms_key_arn
    }
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "s3_key" {
  for_each = {
    static = aws_s3_bucket.static.id
    logs   = aws_s3_bucket.logs.id
  }

  bucket = each.value

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

# A deletion or a bad write can be taken back, for as long as the lifecycle keeps former versions.
resource "aws_s3_bucket_versioning" "this" {
  for_each = {
    images = aws_s3_bucket.images.id
    models = aws_s3_bucket.models.id
  }

  bucket = each.value

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_logging" "this" {
  for_each = {
    images = aws_s3_bucket.images.id
    models = aws_s3_bucket.models.id
  }

  bucket        = each.value
  target_bucket = aws_s3_bucket.logs.id
  target_prefix = "s3/${each.key}/"
}
