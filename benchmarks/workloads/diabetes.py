"""Workload `diabetes`: a regression on a table of 442 patients."""

from benchmarks.workloads.row import ERROR, Row, number
from benchmarks.workloads.tabular import network, table

ROW = Row(
    "diabetes",
    "a table of 10 numbers, a regression, two hidden layers of 32",
    table("diabetes", "float32"),
    network(10, 1),
    batch_size=32,
    epochs=30,
    objective=number,
    target=(ERROR, 0.6),
)
