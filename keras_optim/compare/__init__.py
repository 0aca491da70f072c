"""Comparison of optimizers on a model of one's own: tuned, seeded, resumable, with a report."""
