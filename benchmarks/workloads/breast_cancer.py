"""Workload `breast-cancer`: a table of 569 cells, benign or malignant."""

from benchmarks.workloads.row import ACCURACY, Row, yes_or_no
from benchmarks.workloads.tabular import network, table

ROW = Row(
    "breast-cancer",
    "a table of 30 numbers, two classes, two hidden layers of 32",
    table("breast_cancer", "int32"),
    network(30, 1),
    batch_size=32,
    epochs=30,
    objective=yes_or_no,
    target=(ACCURACY, 0.95),
)
