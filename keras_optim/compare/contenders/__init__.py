"""Contenders: the optimizers of a comparison, from names, specs or instances."""
