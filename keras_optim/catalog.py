"""What there is: one row per algorithm. Lists, tables and tests are made from it."""

import difflib
from dataclasses import dataclass
from typing import Any

from keras_optim.algorithms.adabelief import AdaBelief
from keras_optim.algorithms.adagrad import Adagrad
from keras_optim.algorithms.adam import Adam
from keras_optim.algorithms.adamw import AdamW
from keras_optim.algorithms.amsgrad import AMSGrad
from keras_optim.algorithms.nadam import Nadam
from keras_optim.algorithms.radam import RAdam
from keras_optim.algorithms.rmsprop import RMSprop
from keras_optim.algorithms.sgd import SGD
from keras_optim.base import Optimizer
from keras_optim.wrappers.adaptive_clipping import AdaptiveClipping
from keras_optim.wrappers.centralization import Centralization
from keras_optim.wrappers.ema import EMA
from keras_optim.wrappers.gradient_noise import GradientNoise
from keras_optim.wrappers.lookahead import Lookahead
from keras_optim.wrappers.rate_multipliers import RateMultipliers
from keras_optim.wrappers.skip_non_finite import SkipNonFinite
from keras_optim.wrappers.swa import SWA


@dataclass(frozen=True)
class Row:
    """One algorithm: its class, family, year, paper and idea in a sentence."""

    algorithm: type[Optimizer]
    family: str
    year: int
    paper: str
    idea: str

    @property
    def name(self) -> str:
        """The name that `keras_optim.get` takes."""
        return self.algorithm.__name__.lower()


ALGORITHMS = (
    Row(SGD, "momentum", 1983, "Nesterov 1983", "Follow the gradient; momentum carries on."),
    Row(Adagrad, "adaptive", 2011, "JMLR 12:2121", "Rates fall with the gradients seen."),
    Row(RMSprop, "adaptive", 2012, "Hinton 2012", "Divide by a running root mean square."),
    Row(Adam, "moments", 2014, "1412.6980", "Momentum over a running root mean square."),
    Row(AdamW, "moments", 2017, "1711.05101", "Adam whose weights decay beside the gradient."),
    Row(AMSGrad, "moments", 2018, "1904.09237", "Adam whose rates never rise again."),
    Row(Nadam, "moments", 2016, "OM0jvwB8jIp57ZJjtNEZ", "Adam with Nesterov's look ahead."),
    Row(RAdam, "moments", 2019, "1908.03265", "Adam that waits until its variance is sound."),
    Row(AdaBelief, "moments", 2020, "2010.07468", "Long steps where gradients are as expected."),
)

WRAPPERS = (
    Row(Lookahead, "wrapper", 2019, "1907.08610", "Every few steps, go back part of the way."),
    Row(RateMultipliers, "wrapper", 2018, "1801.06146", "A rate of its own for each layer."),
    Row(Centralization, "wrapper", 2020, "2004.01461", "Gradients without the mean of each unit."),
    Row(AdaptiveClipping, "wrapper", 2021, "2102.06171", "Clip relative to the weights, by unit."),
    Row(
        SkipNonFinite, "wrapper", 2017, "1710.03740", "Leave out steps with overflowing gradients."
    ),
    Row(GradientNoise, "wrapper", 2015, "1511.06807", "Add noise to the gradient that fades."),
    Row(
        EMA, "wrapper", 1992, "Polyak & Juditsky 1992", "Test with a moving average of the weights."
    ),
    Row(SWA, "wrapper", 2018, "1803.05407", "Test with the mean of the weights of late steps."),
)

_BY_NAME = {row.name: row for row in (*ALGORITHMS, *WRAPPERS)}


def names() -> list[str]:
    """Names of all algorithms, as `get` takes them.

    >>> "adam" in names()
    True
    """
    return [row.name for row in ALGORITHMS]


def get(name: str, /, **arguments: Any) -> Optimizer:
    """A new optimizer by its name, in any case; also a wrapper.

    Args:
        name: One of `names()`, or of a wrapper.
        **arguments: For its constructor.

    Raises:
        ValueError: no such name; the message has the nearest ones.

    Example:

    >>> import keras_optim
    >>> keras_optim.get("radam", learning_rate=0.01).beta_2
    0.999
    """
    row = _BY_NAME.get(name.lower()) if isinstance(name, str) else None
    if row is None:
        near = difflib.get_close_matches(str(name).lower(), _BY_NAME, n=3) or list(_BY_NAME)
        raise ValueError(f"No optimizer is called {name!r}. Did you mean: {', '.join(near)}?")
    return row.algorithm(**arguments)


def table() -> str:
    """The catalogue as a Markdown table, for the README."""
    lines = ["| name | class | family | year | paper | idea |", "|---|---|---|---|---|---|"]
    for row in (*ALGORITHMS, *WRAPPERS):
        paper = row.paper
        if paper[0].isdigit() and "." in paper:
            paper = f"[{paper}](https://arxiv.org/abs/{paper})"
        lines.append(
            f"| `{row.name}` | `{row.algorithm.__name__}` | {row.family} | {row.year} | {paper} "
            f"| {row.idea} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
