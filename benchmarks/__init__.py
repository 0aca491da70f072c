"""Compare the optimizers of keras_optim on real data: `python -m benchmarks.bench --help`."""
