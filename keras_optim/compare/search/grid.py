"""Grid over the learning rate, which grows while its best rate is at an edge."""

from keras_optim.compare.process.errors import UsageError
from keras_optim.compare.search.dimensions import Number, Space, rounded
from keras_optim.compare.search.protocol import MISS, Candidate, Key, missed, plain_key

STEPS = (-2, -1, 0, 1, 2)
"""Half decades from the optimizer's own rate."""
MORE = 3
"""The most runs, one half decade each, by which the grid grows."""
DESCRIPTION = (
    f"{len(STEPS)} rates in half decades around each optimizer's own, and up to {MORE} more while "
    "the best is at an edge"
)


class Grid:
    """Plain grid. Every optimizer is allotted the same number of runs, and needs no Optuna.

    Args:
        space: The learning rate alone.

    Raises:
        UsageError: the space has other dimensions, or the rate is 0.

    Example: a loss that falls with the rate.

    >>> search = Grid({"learning_rate": Number(own=0.01, low=0.001, high=0.1)})
    >>> while candidates := search.next(2):
    ...     print([candidate["learning_rate"] for candidate in candidates])
    ...     for candidate in candidates:
    ...         search.tell(candidate, (-candidate["learning_rate"], 0.0))
    [0.001, 0.00316]
    [0.01, 0.0316]
    [0.1]
    [0.316]
    [1.0]
    [3.16]
    >>> search.best, search.tried
    ({'learning_rate': 3.16}, 8)
    """

    def __init__(self, space: Space):
        rate = space.get("learning_rate")
        if len(space) != 1 or not isinstance(rate, Number):
            raise UsageError(
                f"a grid searches the learning rate alone. Received: {', '.join(space) or 'none'}. "
                "Give the number of trials instead, for TPE or quasi-random search"
            )
        if not rate.own:
            raise UsageError("a grid needs a learning rate above 0 as its middle")
        self._own = rate.own
        self._waiting = list(STEPS)
        self._keys: dict[int, Key] = {}
        self._steps = {self._rate(step): step for step in range(-2 - MORE, 3 + MORE)}
        self._given: set[int] = set()

    def next(self, most: int) -> list[Candidate]:
        """Return rates that were not given yet; the grid grows once all results are told."""
        self._grow()
        given = [step for step in self._waiting if step not in self._keys][:most]
        self._waiting = [step for step in self._waiting if step not in given]
        self._given |= set(given)
        return [{"learning_rate": self._rate(step)} for step in given]

    def tell(self, candidate: Candidate, key: Key) -> None:
        """Record the result of a rate of the grid; others are ignored."""
        step = self._steps.get(candidate.get("learning_rate", 0.0))
        if step in self._given:
            self._keys.setdefault(step, plain_key(key))

    @property
    def best(self) -> Candidate:
        """The rate with the smallest key, of equal ones the nearest to the optimizer's own."""
        return {"learning_rate": self._rate(self._best())}

    @property
    def tried(self) -> int:
        """The number of rates with a result."""
        return len(self._keys)

    @property
    def done(self) -> bool:
        """Whether all rates are told and the grid does not grow."""
        self._grow()
        return not self._waiting and self._given == set(self._keys)

    def _rate(self, step: int) -> float:
        return rounded(self._own * 10 ** (step / 2)) if step else float(self._own)

    def _best(self) -> int:
        keys = {**self._keys} if any(not missed(k) for k in self._keys.values()) else {0: MISS}
        return min(keys, key=lambda step: (keys[step], abs(step), step))

    def _grow(self) -> None:
        """Add a rate beyond the edge, if that is the best so far."""
        if self._waiting or self._given != set(self._keys):
            return
        best = self._best()
        if missed(self._keys[best]) or len(self._keys) >= len(STEPS) + MORE:
            return
        if best in (min(self._keys), max(self._keys)):
            self._waiting = [best + (1 if best == max(self._keys) else -1)]
