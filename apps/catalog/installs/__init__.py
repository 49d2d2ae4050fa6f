"""How models come into the catalog: asked for, fetched, looked at, stored, entered."""
