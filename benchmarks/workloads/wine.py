"""Workload `wine`: a table of 178 wines of three growers."""

from benchmarks.workloads.row import ACCURACY, Row, one_of_many_logits
from benchmarks.workloads.tabular import network, table

ROW = Row(
    "wine",
    "a table of 13 numbers, three classes, two hidden layers of 32",
    table("wine", "int32"),
    network(13, 3),
    batch_size=16,
    epochs=30,
    objective=one_of_many_logits,
    target=(ACCURACY, 0.95),
)
