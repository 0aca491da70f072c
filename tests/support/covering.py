"""Few combinations of options in which each two of them meet."""

import itertools


def pairwise(options):
    """Choose combinations of a dict of lists, such that each pair of values is in one of them.

    Of all combinations it takes, again and again, the first that has most pairs not seen before.
    """
    rows = [dict(zip(options, values)) for values in itertools.product(*options.values())]
    return [rows[i] for i in greedy({i: pairs(row) for i, row in enumerate(rows)})]


def greedy(sets):
    """Choose keys of a dict of sets, until their sets have all that any of the sets has.

    It takes, again and again, the first that has most of what is missing.
    """
    missing, chosen = set().union(*sets.values()), []
    while missing:
        chosen.append(max(sets, key=lambda key: len(sets[key] & missing)))
        missing -= sets[chosen[-1]]
    return chosen


def pairs(row):
    """Return what a combination has of each two options."""
    return set(itertools.combinations(row.items(), 2))
