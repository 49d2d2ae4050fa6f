"""Terraform against the design: each rule takes the files as they were read, returns findings."""
