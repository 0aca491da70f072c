"""Few combinations of options in which each two of them meet."""

import itertools


def pairwise(options):
    """Choose combinations of a dict of lists, such that each pair of values is in one of them.

    Of all combinations it takes, again and again, the first that has most pairs not seen before.
    """
    rows = [dict(zip(options, values)) for values in itertools.product(*options.values())]
    missing, chosen = set().union(*map(pairs, rows)), []
    while missing:
        chosen.append(max(rows, key=lambda row: len(pairs(row) & missing)))
        missing -= pairs(chosen[-1])
    return chosen


def pairs(row):
    """Return what a combination has of each two options."""
    return set(itertools.combinations(row.items(), 2))
