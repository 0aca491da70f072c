"""Catalog of the workloads, by name; the first is the default of the command line."""

from benchmarks.workloads import (
    breast_cancer,
    characters,
    cifar,
    cifar_small,
    diabetes,
    digits,
    imdb,
    imdb_bow,
    imdb_lstm,
    mnist,
    mnist1d,
    mnist1d_mlp,
    mnist_cnn,
    mnist_mlp,
    wine,
)

_MODULES = (
    digits,
    mnist,
    mnist_mlp,
    mnist_cnn,
    mnist1d,
    mnist1d_mlp,
    cifar,
    cifar_small,
    imdb,
    imdb_bow,
    imdb_lstm,
    characters,
    breast_cancer,
    wine,
    diabetes,
)

ROWS = {module.ROW.name: module.ROW for module in _MODULES}
