"""What a month costs, by Terraform's values: `python -m config.infrastructure.cost`."""
