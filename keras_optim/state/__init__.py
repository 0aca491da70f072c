"""State in files, and evaluation weights in the place of those that are trained."""
