"""Training of the starter model's ControlNet: edges say where, words say what."""
