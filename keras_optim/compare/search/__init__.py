"""Search for hyper-parameters: grid, tree-structured Parzen estimator, quasi-random."""
