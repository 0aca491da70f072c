"""Command `python -m benchmarks.bench report FOLDER`: tables and figures of kept results."""

from keras_optim.compare import command


def run(arguments: list[str]) -> int:
    """Write tables and report of a folder; return the exit status."""
    return command.run(["report", *arguments])
