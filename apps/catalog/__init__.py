"""The models that a picture can be made with."""
