"""Rows of the catalogue, and the words for them on the pages."""

from keras_optim import catalog
from keras_optim.catalog import Row
from keras_optim.contract import Rule

ROWS: tuple[Row, ...] = (*catalog.ALGORITHMS, *catalog.WRAPPERS, *catalog.COMBINATIONS)

FAMILIES = {
    "momentum": ("Momentum", "Descent along the gradient or a mean of recent ones."),
    "adaptive": (
        "Adaptive",
        "A rate for each weight, row or column, from past gradients.",
    ),
    "moments": ("Adam and its kin", "A mean of gradients over a root mean square of them."),
    "layerwise": ("Layer-wise", "Steps in proportion to the norm of a layer's weights."),
    "matrix": ("Matrix", "Steps for whole matrices: orthogonal, or whitened by rows and columns."),
    "curvature": ("Curvature", "Steps divided by an estimate of the second derivative."),
    "sign": ("Sign", "Steps along signs, whose length does not depend on the gradient."),
    "free": ("Free of a rate", "Methods that find the learning rate while they train."),
    "schedule-free": ("Schedule-Free", "A mean of the weights in place of a falling rate."),
    "wrapper": ("Wrappers", "Optimizers around any other one, which change a part of its step."),
    "combination": ("Combinations", "Several optimizers in one."),
}

UNTUNED = ("free",)
RARELY = ("schedule-free",)


def title(row: Row) -> str:
    """Return the name of the class of a row."""
    return row.algorithm.__name__


def memory(row: Row) -> str:
    """Return the numbers that a row keeps for each weight; those that a wrapper adds, with a sign.

    >>> memory(catalog.find("adam")), memory(catalog.find("lookahead"))
    ('2', '+1')
    """
    if row in catalog.COMBINATIONS:
        return "that of its rules"
    return f"{'+' if row in catalog.WRAPPERS else ''}{row.algorithm.memory}"


CLAIMS = (
    (
        "scale_invariant",
        "scale",
        "The path stays the same if all gradients are multiplied by one number.",
    ),
    (
        "rotation_equivariant",
        "rotation",
        "Weights and gradients that are rotated give the rotated path.",
    ),
    ("sign_based", "signs", "All weights of a variable move by the same amount."),
    ("elementwise", "weights apart", "The path of each weight depends on no other weight."),
)
"""Facts of a class, a short name and a sentence. Tests of the package measure each of them."""


def claims(row: Row) -> list[str]:
    """Return the short names of the claims that hold, without `elementwise`.

    >>> claims(catalog.find("lion"))
    ['scale', 'signs']
    """
    return [name for fact, name, _ in CLAIMS[:-1] if getattr(row.algorithm, fact)]


def tuning(row: Row) -> str:
    """Return the part that a user tunes: a rate, a schedule, little.

    >>> tuning(catalog.find("prodigy")), tuning(catalog.find("adam"))
    ('little', 'rate, schedule')
    """
    rule: type[Rule] = row.algorithm
    if row.family in UNTUNED:
        return "little"
    if row.family in RARELY or title(row) == "ScheduleFree":
        return "rate"
    if title(row) == "Mechanic":
        return "schedule"
    if row.family in ("wrapper", "combination"):
        return "as inside"
    if rule.rate_at_start_only:
        return "little"
    return "rate, schedule"


def wraps(row: Row) -> bool:
    """Return whether a row goes around another optimizer."""
    return row in catalog.WRAPPERS
