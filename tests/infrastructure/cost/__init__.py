"""The estimate of a month follows Terraform."""
