"""Search without tuning: the optimizer's own values."""

from keras_optim.compare.search.dimensions import Space, own
from keras_optim.compare.search.protocol import Candidate, Key

DESCRIPTION = "no tuning: each optimizer's own values"


class Fixed:
    """Search that tries nothing, for `tune="none"` and for an empty space.

    >>> search = Fixed({})
    >>> search.next(8), search.best, search.tried, search.done
    ([], {}, 0, True)
    """

    def __init__(self, space: Space):
        self._own = own(space)

    def next(self, most: int) -> list[Candidate]:
        """Return no candidate."""
        return []

    def tell(self, candidate: Candidate, key: Key) -> None:
        """Ignore a result."""

    @property
    def best(self) -> Candidate:
        """The optimizer's own values."""
        return self._own

    @property
    def tried(self) -> int:
        """No tuning run."""
        return 0

    @property
    def done(self) -> bool:
        """True from the start."""
        return True
