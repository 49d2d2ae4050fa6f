"""The trainer of users' LoRAs, and the programs that made the weights shipped with the product."""
