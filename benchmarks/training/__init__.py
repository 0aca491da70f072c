"""Training of one run, and its recorder."""
