"""Processes and devices that train."""
