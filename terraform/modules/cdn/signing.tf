locals {
  # Both halves of a change of keys; the group trusts whatever is here.
  public_keys = merge(
    { current = var.public_key_pem },
    var.previous_public_key_pem == null ? {} : { previous = var.previous_public_key_pem },
  )
}

# A key cannot be changed in place, and its name is taken once: the digest makes the names differ.
resource "aws_cloudfront_public_key" "signing" {
  for_each = local.public_keys

  name        = "${var.name}-${substr(sha256(each.value), 0, 8)}"
  comment     = "Addresses of pictures are signed with the private half"
  encoded_key = each.value

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_cloudfront_key_group" "signing" {
  name    = "${var.name}-signing"
  comment = "Whose signatures open /images/*"
  items   = [for key in aws_cloudfront_public_key.signing : key.id]
}

resource "aws_cloudfront_function" "strip_images" {
  name    = "${var.name}-strip-images"
  comment = "From the address of a picture to its key in the bucket"
  runtime = "cloudfront-js-2.0"
  publish = true
  code    = file("${path.module}/strip_images.js")
}
