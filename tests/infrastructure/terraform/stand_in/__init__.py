"""A stand-in for the AWS provider: Terraform's own `validate`, `plan` and `apply` without AWS.

Terraform is told that the provider is running already (`TF_REATTACH_PROVIDERS`) and calls it by the
protocol that every provider speaks. The schema is the real one, read from the provider's bindings.
"""
