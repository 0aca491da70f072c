"""Optimizers whose paths are drawn: the catalogue, some wrappers, and those in the overviews."""

from collections.abc import Sequence

from keras_optim import catalog
from keras_optim.compare.contenders.contender import Contender, contenders, listed

WITHOUT = {
    "sophiag": "draws labels from the model's predictions, and a toy function has no labels",
}
"""Algorithms of the catalogue that are left out, with the reason."""
OTHERS = (
    "sgd[momentum=0.9]",
    "sgd[momentum=0.9,nesterov=true]",
    *(
        f"{name}[inner=adam]"
        for name in (
            *("lookahead", "sam", "asam", "gsam", "looksam", "ema", "gradientnoise"),
            *("grokfast", "cautious", "mechanic", "schedulefree"),
        )
    ),
    "swa[inner=adam,start_step=50]",
)
"""Wrappers, around Adam, that change a path of two variables, and momentum."""
FEATURED = (
    *("sgd", "sgd[momentum=0.9]", "adam", "lion", "muon", "soap", "adahessian"),
    *("prodigy", "schedulefreeadamw"),
)
"""At most ten that share the axes of an overview, from different families."""


def every() -> tuple[str, ...]:
    """Return the optimizers of a call that names none."""
    return (*(name for name in catalog.names() if name not in WITHOUT), *OTHERS)


def wanted(given: Sequence[str] | None) -> list[Contender]:
    """Make the contenders; `None` stands for all.

    Raises:
        UsageError: one cannot be made.
    """
    if given is None:
        return contenders(every())
    each = [spec for text in given for spec in listed(text) if spec not in WITHOUT]
    return contenders(each)
