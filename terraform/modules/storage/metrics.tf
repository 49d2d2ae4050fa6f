# Without it S3 counts no requests, and an alarm on its errors would never have data.
resource "aws_s3_bucket_metric" "images" {
  bucket = aws_s3_bucket.images.id
  name   = "EntireBucket"
}
