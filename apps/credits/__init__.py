"""The books: credits that were given, held and charged, what work cost, and quotes for more."""
