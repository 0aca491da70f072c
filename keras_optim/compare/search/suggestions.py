"""Suggestions: the candidate of a trial, a pure function of the results so far and a seed.

No sampler lives from one trial to the next, so a search that was killed and taken up again makes
the same trials as an undisturbed one. Trial 0 has the optimizer's own values.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from keras_optim.compare.search.dimensions import Number, Space, own
from keras_optim.compare.search.optional import optuna, quiet
from keras_optim.compare.search.protocol import Candidate, Key

Method: TypeAlias = Literal["tpe", "quasi-random"]
STARTUP = 6
"""The first trials of TPE, which are the own values and quasi-random ones."""


@dataclass(frozen=True)
class Known:
    """Trial that has begun."""

    number: int
    candidate: Candidate
    key: Key | None
    """`None` while it is trained."""


def suggested(
    space: Space, method: Method, seed: int, number: int, known: Sequence[Known]
) -> Candidate:
    """Return the candidate of trial `number`; the order of `known` does not matter."""
    if number == 0 or not space:
        return own(space)
    if method == "quasi-random" or number < STARTUP:
        return quasi_random(space, seed, number)
    return _by_tpe(space, seed, number, sorted(known, key=lambda trial: trial.number))


def quasi_random(space: Space, seed: int, number: int) -> Candidate:
    """Return the point of the scrambled Sobol sequence for trial `number`, from 1 on."""
    from scipy.stats import qmc

    sequence = qmc.Sobol(len(space), scramble=True, seed=seed)
    if number > 1:
        sequence.fast_forward(number - 1)
    [shares] = sequence.random(1)
    pairs = zip(space.items(), shares, strict=True)
    return {name: dimension.at(float(share)) for (name, dimension), share in pairs}


def _by_tpe(space: Space, seed: int, number: int, known: Sequence[Known]) -> Candidate:
    """Return the candidate of Optuna's TPE, from a study in memory that holds `known`.

    TPE takes trials without a result for bad ones, so that it does not suggest them again.
    """
    library = optuna()
    own_seed = int.from_bytes(hashlib.sha256(f"{seed} {number}".encode()).digest()[:4], "big")
    with quiet():
        sampler = library.samplers.TPESampler(seed=own_seed, n_startup_trials=1)
        study = library.create_study(sampler=sampler)
        axes = distributions(space)
        for trial in known:
            study.add_trial(
                library.trial.create_trial(
                    state=library.trial.TrialState["RUNNING" if trial.key is None else "COMPLETE"],
                    value=None if trial.key is None else trial.key[0],
                    params=parameters(space, trial.candidate),
                    distributions=axes,
                )
            )
        params = study.ask(axes).params
    return {
        name: dimension.value(params[name]) if isinstance(dimension, Number) else params[name]
        for name, dimension in space.items()
    }


def distributions(space: Space) -> dict[str, Any]:
    """Return the dimensions in Optuna's terms: numbers by their distance on a log scale."""
    library = optuna()
    found: dict[str, Any] = {}
    for name, dimension in space.items():
        if isinstance(dimension, Number):
            found[name] = library.distributions.FloatDistribution(*dimension.axis, log=True)
        else:
            found[name] = library.distributions.CategoricalDistribution(dimension.values)
    return found


def parameters(space: Space, candidate: Candidate) -> dict[str, Any]:
    """Return the positions of a candidate in these distributions."""
    return {
        name: dimension.position(candidate[name])
        if isinstance(dimension, Number)
        else candidate[name]
        for name, dimension in space.items()
    }
