"""The images, the compose file, and what they are made of."""
