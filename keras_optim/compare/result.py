"""Result: a comparison that answers, draws and reports."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keras_optim.compare.comparison import Comparison
from keras_optim.compare.process.errors import UsageError
from keras_optim.compare.store import load
from keras_optim.formatting import counted


@dataclass(frozen=True, repr=False)
class Result(Comparison):
    """Result of `keras_optim.compare`: it prints as a table, and shows itself in a notebook."""

    @classmethod
    def load(cls, folder: str | Path) -> "Result":
        """Return the result that a folder holds.

        Raises:
            ValueError: the folder holds none.
        """
        return cls(**vars(load(Path(folder).expanduser())))

    @property
    def best(self) -> Any:
        """The answer: `name`, `hyperparameters` by workload, `tied` optimizers, and `sure`.

        `sure` says in a sentence how far the seeds support the answer.
        """
        from keras_optim.compare.analysis.recommend import best

        return best(self)

    def table(self, workload: str | None = None) -> list[dict[str, Any]]:
        """Return a row for each optimizer, the best first.

        Args:
            workload: Its name. Default: the first.

        Raises:
            ValueError: there is no such workload.
        """
        from dataclasses import asdict

        from keras_optim.compare.analysis.table import rows

        name = workload or next(iter(self.subjects))
        if name not in self.subjects:
            raise UsageError(f"no workload is called {name!r}: {', '.join(self.subjects)}")
        return [asdict(row) for row in rows(self, name)]

    def plot(self, folder: str | Path | None = None) -> Any:
        """Write all figures into a folder, and return their paths.

        Without a folder, return the main figure of the first workload, of matplotlib.
        """
        _check_installed("matplotlib")
        from keras_optim.compare.report import main_figure, writing

        return main_figure.draw(self) if folder is None else writing.plot(self, folder)

    def report(self, path: str | Path) -> Path:
        """Write the report as one HTML file that loads nothing; return its path."""
        _check_installed("matplotlib", "jinja2")
        from keras_optim.compare.report import writing

        return writing.report(self, Path(path))

    def write(self, folder: str | Path) -> Path:
        """Write report, Markdown, tables as CSV, and figures; return the path of the report."""
        _check_installed("matplotlib", "jinja2")
        from keras_optim.compare.report import writing

        return writing.write(self, folder)

    def __str__(self) -> str:
        _check_installed("rich", "scipy")
        from rich.console import Console

        from keras_optim.compare.report import terminal

        text = io.StringIO()
        terminal.show(self, Console(file=text, width=120, highlight=False))
        return text.getvalue()

    def __repr__(self) -> str:
        names = ", ".join(self.subjects)
        optimizers = counted(len(self.optimizers), "optimizer")
        return f"<Result of {optimizers} on {names}: {counted(len(self.runs), 'run')}>"

    def _repr_html_(self) -> str:
        _check_installed("matplotlib", "jinja2", "scipy")
        from keras_optim.compare.report.page import fragment

        return fragment(self)


def _check_installed(*modules: str) -> None:
    """Raise an ImportError that names the extra, if a package is missing."""
    import importlib.util

    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if missing:
        raise ImportError(f"{', '.join(missing)} not installed: pip install 'keras_optim[compare]'")
