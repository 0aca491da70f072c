"""One run: training, and what is recorded of it."""
