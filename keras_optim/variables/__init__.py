"""Variables: their paths, and how patterns and places find them."""
