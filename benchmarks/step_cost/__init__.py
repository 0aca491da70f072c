"""Cost of one step, beside other implementations."""
