"""Optimizers around another optimizer, one file each."""
