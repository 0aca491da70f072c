"""The engine: how a rule runs on each backend."""
