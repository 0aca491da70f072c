"""Training of runs: on JAX as compiled sweeps, elsewhere with `fit`."""
