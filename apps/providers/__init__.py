"""Other people's image services: what a picture costs, and by whose key it is asked for."""
