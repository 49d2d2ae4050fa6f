"""Read `terraform/` without Terraform: blocks, values, what it costs; and scaling, simulated."""
