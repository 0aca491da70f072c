"""Command `python -m benchmarks.bench list`: the workloads, and where their data is."""

import argparse
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.workloads import datasets
from benchmarks.workloads.catalog import ROWS
from benchmarks.workloads.row import Row
from keras_optim.compare.process.flags import Parser


def parser() -> argparse.ArgumentParser:
    """Make the parser of the flags."""
    parser = Parser(prog="python -m benchmarks.bench list", allow_abbrev=False)
    parser.add_argument("--graph-directory", type=Path, default=Path("results"), metavar="FOLDER")
    parser.add_argument(
        "--data-dir", type=Path, metavar="FOLDER", help="the folder of tensorflow_datasets' data"
    )
    return parser


def run(arguments: list[str]) -> int:
    """Print two lines for each workload; return the exit status."""
    options = parser().parse_args(arguments)
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column()
    for row in ROWS.values():
        metric, value = row.target
        facts = (
            f"{row.epochs} epochs, batches of {row.batch_size}, target {metric} {value:g}; "
            + _data(row, options.data_dir, options.graph_directory)
        )
        table.add_row(f"[bold]--{row.name}", f"{row.summary}\n[dim]{facts}")
    Console().print(table)
    return 0


def _data(row: Row, data_dir: Path | None, results: Path) -> str:
    if row.dataset is None:
        return "data in a package"
    edition = datasets.available(row.dataset, data_dir, results)
    if edition is None:
        return f"downloads from {row.dataset.source.split('//')[-1]}"
    return f"{edition.train:,} + {edition.test:,} examples"
