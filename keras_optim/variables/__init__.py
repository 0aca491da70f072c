"""Variables: their paths, and the patterns and places that find them."""
