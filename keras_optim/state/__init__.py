"""State in files, and evaluation weights in place of training weights."""
