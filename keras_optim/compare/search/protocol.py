"""Protocol of a search, and the candidates that it proposes."""

import math
from collections.abc import Mapping
from typing import Any, Protocol, TypeAlias

Candidate: TypeAlias = Mapping[str, Any]
"""Hyper-parameters to try, such as `{"learning_rate": 0.003}`; a schedule's rate is a multiple."""
Key: TypeAlias = tuple[float, float]
"""Result of a candidate; a smaller one is better, infinity a miss."""
MISS: Key = (math.inf, math.inf)


class Search(Protocol):
    """Rule that proposes candidates, until its budget is spent or its grid is closed."""

    def next(self, most: int) -> list[Candidate]:
        """Return up to `most` candidates that may be trained side by side.

        The list is empty if all is done, or if the rest waits for results: those of candidates
        that the caller has not told yet, or that another process trains. See `done`.
        """
        ...

    def tell(self, candidate: Candidate, key: Key) -> None:
        """Record the result of a candidate; a second result of the same changes nothing."""
        ...

    @property
    def best(self) -> Candidate:
        """The best candidate so far; the optimizer's own values if none was told or all missed."""
        ...

    @property
    def tried(self) -> int:
        """The number of tuning runs that count, each with a result."""
        ...

    @property
    def done(self) -> bool:
        """Whether no further candidate will come."""
        ...


def plain_key(key: Key) -> Key:
    """Return a key without NaN, which stands for a miss."""
    first, second = (math.inf if math.isnan(part) else float(part) for part in key)
    return first, second


def missed(key: Key) -> bool:
    """Return whether a key is that of a miss."""
    return not math.isfinite(key[0])
