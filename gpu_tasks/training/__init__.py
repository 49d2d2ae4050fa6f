"""Training programs that produce the weights shipped with the product."""
