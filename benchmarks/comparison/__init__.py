"""Comparison of optimizers: from the command line to runs."""
