"""Workers that generate pictures, and the models they ship with."""
