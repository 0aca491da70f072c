"""Processes: devices, child processes, locks, and endings of commands."""
