"""LoRA training: sets of pictures with captions, and the runs that learn from them."""
