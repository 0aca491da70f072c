"""Thinning of a path, so that the point at each step stays near the straight line in time."""

import heapq
from typing import Any

import numpy as np


def thinned(points: Any, tolerance: float, most: int) -> list[int]:
    """Return the steps to keep, the first and the last included.

    A step is kept where the line between its kept neighbours, travelled at constant speed, is
    farthest from the path, until no step is farther than `tolerance`.

    Args:
        points: Of shape (steps, 2), all finite.
        tolerance: > 0, in the unit of the points.
        most: The largest number of steps kept, >= 2.

    Example:

    >>> thinned([(0, 0), (1, 0), (2, 0), (3, 5)], 0.1, 10)
    [0, 2, 3]
    """
    points = np.asarray(points, "float64")
    kept = {0, len(points) - 1}
    waiting = [_farthest(points, 0, len(points) - 1)]
    while waiting and len(kept) < most:
        far, step, left, right = heapq.heappop(waiting)
        if -far <= tolerance:
            break
        kept.add(step)
        for a, b in ((left, step), (step, right)):
            heapq.heappush(waiting, _farthest(points, a, b))
    return sorted(kept)


def _farthest(points: Any, left: int, right: int) -> tuple[float, int, int, int]:
    """Return the distance, negative for the heap, and the step that is farthest from its line."""
    if right - left < 2:
        return 0.0, left, left, right
    share = np.arange(1, right - left)[:, None] / (right - left)
    line = points[left] + share * (points[right] - points[left])
    far = np.hypot(*(points[left + 1 : right] - line).T)
    step = int(np.argmax(far))
    return -float(far[step]), left + 1 + step, left, right
