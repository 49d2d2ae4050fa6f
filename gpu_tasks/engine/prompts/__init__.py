"""From what somebody wrote to the tensors that a model is told."""
