"""The cost of one step, beside other implementations."""
