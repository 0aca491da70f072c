"""Optimizer algorithms in plain NumPy, each written from its paper: what the classes must equal."""
