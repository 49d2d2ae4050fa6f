locals {
  # By their digests: a key that becomes the previous one stays the same resource, and its id too.
  public_keys = {
    for pem in compact([var.public_key_pem, var.previous_public_key_pem]) : substr(sha256(pem), 0, 8) => pem
  }
  current_key = substr(sha256(var.public_key_pem), 0, 8)
}

resource "aws_cloudfront_public_key" "signing" {
  for_each = local.public_keys

  name        = "${var.name}-${each.key}"
  comment     = "Addresses of pictures are signed with the private half"
  encoded_key = each.value

  # So that a key goes only after the group has let go of it.
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
