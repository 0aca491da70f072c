"""Main figure of a comparison, for programs and notebooks."""

from typing import Any

import matplotlib

from keras_optim.compare.comparison import Comparison
from keras_optim.compare.report import gallery, palette
from keras_optim.compare.report.names import file_name
from keras_optim.compare.report.view import View


def draw(comparison: Comparison) -> Any:
    """Return the figure of the judging metric on the first workload."""
    view = View(comparison)
    subject = next(iter(comparison.subjects.values()))
    pictures = list(gallery.of_workload(view, subject))
    wanted = file_name(subject.judge, subject.name)
    picture = next((p for p in pictures if p.name == wanted), pictures[0])
    with matplotlib.rc_context(palette.SETTINGS):
        return picture.draw()
