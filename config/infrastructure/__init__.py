"""Read `terraform/` without Terraform: blocks, values in each environment, what it costs."""
