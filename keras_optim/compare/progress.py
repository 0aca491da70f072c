"""Progress of a comparison, as lines of text."""

from collections.abc import Callable

from keras_optim.compare.runs import Run, Stage


class Silent:
    """Watcher that shows nothing."""

    def began(self, workload: str, optimizer: str, stage: Stage) -> None:
        """Ignore the beginning of runs."""

    def moved(self, epoch: int, epochs: int, step: int, steps: int) -> None:
        """Ignore the progress of runs."""

    def ended(self, run: Run, known: bool) -> None:
        """Ignore the end of a run."""


class Lines(Silent):
    """Watcher that writes a line for each run that ends."""

    def __init__(self, write: Callable[[str], object]):
        self.write = write

    def ended(self, run: Run, known: bool) -> None:
        """Write the line of a run."""
        values = ", ".join(f"{k}={v}" for k, v in run.spec.hyperparameters.items())
        text = f"{run.spec.workload} {run.spec.optimizer} {run.spec.stage} seed {run.spec.seed}"
        self.write(f"{text} {values}: {run.state} {run.reason}")
