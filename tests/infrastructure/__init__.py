"""Terraform, images and pipelines, checked without AWS."""
