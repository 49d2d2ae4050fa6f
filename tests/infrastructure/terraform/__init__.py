"""Terraform against the design. Each rule takes the files as they were read and returns findings."""
