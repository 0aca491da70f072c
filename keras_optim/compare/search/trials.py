"""Trials: a search with a number of runs, by TPE or quasi-random, kept in a study of Optuna.

A study has places 0, 1, ..., one for each run of the budget. A process that wants to train a place
adds a trial for it, in one write, and reads the study again: of trials that are alive, the oldest
has the place, and the others are withdrawn. So two processes or machines never train the same
place, without a lock. If a process is killed, its place is free at once for others of its host, and
keeps its candidate. A place's candidate follows from the results before it, see `suggestions`.
"""

import json
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from keras_optim.compare.search import owner, studies, suggestions
from keras_optim.compare.search.dimensions import Space, own
from keras_optim.compare.search.journal import Journal
from keras_optim.compare.search.optional import optuna, quiet
from keras_optim.compare.search.protocol import MISS, Candidate, Key, missed, plain_key
from keras_optim.compare.search.suggestions import Known, Method

PATIENCE_HOURS = 24.0
"""The time after which a trial that another host began counts as lost."""


def description(budget: int, method: Method = "tpe") -> str:
    """Return the budget in a phrase.

    >>> description(20)
    "20 runs: each optimizer's own values, 5 quasi-random ones, then TPE"
    """
    if method == "quasi-random":
        return f"{budget} runs: each optimizer's own values, then quasi-random ones"
    few = suggestions.STARTUP - 1
    return f"{budget} runs: each optimizer's own values, {few} quasi-random ones, then TPE"


@dataclass(frozen=True)
class _Place:
    """Run of the budget that was begun."""

    candidate: Candidate
    key: Key | None
    """`None` without a result."""
    holder: Any
    """The trial that is trained now, of a living process; `None` without one."""
    lost: Sequence[Any]
    """Trials of processes that have ended."""


class Trials:
    """Search with a budget of runs. The first has the optimizer's own values.

    Results that the study does not know, for example because its file was damaged, may be told
    before the first `next`. They count as soon as a place has their candidate, or when no more
    places are free than such results. So nothing is trained twice.

    Args:
        space: At least one dimension.
        budget: The number of runs, at least 1. A larger one continues a study.
        name: Of the study, see `studies.study_name`.
        store: Where it is kept, see `studies.store`.
        method: `"tpe"` or `"quasi-random"`, a scrambled Sobol sequence.
        seed: Of the suggestions.
        patience_hours: The time after which a trial of another host counts as lost.
    """

    def __init__(
        self,
        space: Space,
        budget: int,
        name: str,
        store: Journal | studies.Database,
        method: Method = "tpe",
        seed: int = 0,
        patience_hours: float = PATIENCE_HOURS,
    ):
        if not space or budget < 1:
            raise ValueError("a search by trials needs a dimension, and a budget of at least 1")
        optuna()
        self._space, self._budget, self._method, self._seed = space, budget, method, seed
        self._name, self._store, self._patience = name, store, patience_hours
        self._token = uuid.uuid4().hex
        self._told: dict[str, tuple[Candidate, Key]] = {}

    def next(self, most: int) -> list[Candidate]:
        """Return up to `most` candidates; see `Search.next`."""
        given: list[Candidate] = []
        with self._study() as study:
            while len(given) < most:
                places = self._places(study)
                free = [n for n in range(self._budget) if self._is_free(places.get(n))]
                if not free:
                    break
                candidate = self._candidate(places, free[0])
                twins = [p for p in places.values() if _same(p.candidate, candidate)]
                result = self._result(twins, places, candidate, len(free))
                if result is not None:
                    self._add(study, free[0], *result)
                elif any(twin.holder is not None for twin in twins):
                    break  # its result will be that of this place, too
                elif self._claimed(study, free[0], candidate):
                    given.append(candidate)
        return given

    def tell(self, candidate: Candidate, key: Key) -> None:
        """Record the result of a candidate, given by `next` or not."""
        if candidate.keys() != self._space.keys():
            return
        key = plain_key(key)
        with self._study() as study:
            mine = [
                trial
                for trial in _trials(study, "RUNNING")
                if trial.user_attrs["owner"].get("search") == self._token
                and _same(trial.user_attrs["candidate"], candidate)
            ]
            for trial in mine:
                storage = self._store.storage()
                storage.set_trial_user_attr(trial._trial_id, "key", _plain(key))
                study.tell(trial.number, key[0], skip_if_finished=True)
        if not mine and all(d.holds(candidate[name]) for name, d in self._space.items()):
            self._told.setdefault(_text(candidate), (dict(candidate), key))

    @property
    def best(self) -> Candidate:
        """The candidate with the smallest key, of equal ones the first; see `Search.best`."""
        keys = self._keys()
        best = min(keys, key=lambda n: (keys[n][1], n), default=None)
        if best is None or missed(keys[best][1]):
            return own(self._space)
        return keys[best][0]

    @property
    def tried(self) -> int:
        """The number of runs with a result."""
        return len(self._keys())

    def counts(self, candidate: Candidate) -> bool:
        """Return whether a candidate is one of those runs."""
        return any(_same(one, candidate) for one, _ in self._keys().values())

    @property
    def done(self) -> bool:
        """Whether the budget is spent, and all results are told."""
        return self.tried == self._budget

    @property
    def elsewhere(self) -> int:
        """The number of runs that other processes train now."""
        with self._study() as study:
            holders = [place.holder for place in self._places(study).values()]
        return sum(h is not None and not self._is_mine(h) for h in holders)

    # ---- the study

    @contextmanager
    def _study(self) -> Iterator[Any]:
        with self._store.held(), quiet():
            yield studies.study(self._store, self._name)

    def _places(self, study: Any) -> dict[int, _Place]:
        """Return the places that were begun, within the budget."""
        trials: dict[int, list[Any]] = {}
        for trial in _trials(study):
            if trial.user_attrs["place"] < self._budget:
                trials.setdefault(trial.user_attrs["place"], []).append(trial)
        return {number: self._place(found) for number, found in sorted(trials.items())}

    def _place(self, trials: Sequence[Any]) -> _Place:
        """Return a place from its trials, the oldest first."""
        running = [trial for trial in trials if trial.state.name == "RUNNING"]
        lost = [trial for trial in running if self._is_lost(trial)]
        alive = [trial for trial in running if all(trial is not other for other in lost)]
        keys = [t.user_attrs.get("key") for t in trials if t.state.name == "COMPLETE"]
        return _Place(
            trials[0].user_attrs["candidate"],
            _key(keys[0]) if keys else None,
            alive[0] if alive else None,
            lost,
        )

    def _keys(self) -> dict[int, tuple[Candidate, Key]]:
        with self._study() as study:
            places = self._places(study)
        return {n: (p.candidate, p.key) for n, p in places.items() if p.key is not None}

    def _is_lost(self, trial: Any) -> bool:
        who = trial.user_attrs["owner"]
        hours = (time.time() - who.get("time", 0.0)) / 3600
        return owner.ended(who, self._token, hours, self._patience)

    def _is_mine(self, trial: Any) -> bool:
        return trial is not None and trial.user_attrs["owner"].get("search") == self._token

    def _is_free(self, place: _Place | None) -> bool:
        return place is None or (place.key is None and place.holder is None)

    # ---- a place

    def _candidate(self, places: dict[int, _Place], number: int) -> Candidate:
        if number in places:
            return places[number].candidate
        known = [
            Known(n, place.candidate, place.key)
            for n, place in places.items()
            if place.key is not None or place.holder is not None
        ]
        return suggestions.suggested(self._space, self._method, self._seed, number, known)

    def _result(
        self, twins: list[_Place], places: dict[int, _Place], candidate: Candidate, free: int
    ) -> tuple[Candidate, Key] | None:
        """Return a known result for a free place: that of its candidate or, if enough were told for
        all free places, another.
        """
        for twin in twins:
            if twin.key is not None:
                return candidate, twin.key
        if _text(candidate) in self._told:
            return self._told[_text(candidate)]
        used = {_text(place.candidate) for place in places.values()}
        others = sorted(self._told.keys() - used)
        return self._told[others[0]] if others and len(others) >= free else None

    def _claimed(self, study: Any, number: int, candidate: Candidate) -> bool:
        """Claim a place; return whether no other process was faster."""
        self._add(study, number, candidate)
        place = self._places(study)[number]
        if place.key is None and self._is_mine(place.holder):
            withdrawn = place.lost
        else:
            withdrawn = [t for t in _trials(study, "RUNNING") if self._is_claim(t, number)]
        for trial in withdrawn:
            study.tell(trial.number, state=optuna().trial.TrialState.FAIL, skip_if_finished=True)
        return withdrawn is place.lost

    def _is_claim(self, trial: Any, number: int) -> bool:
        return self._is_mine(trial) and trial.user_attrs["place"] == number

    def _add(self, study: Any, number: int, candidate: Candidate, key: Key | None = None) -> None:
        """Add a trial in one write, with a result or as one that this process trains."""
        state = optuna().trial.TrialState
        who = {**owner.this_process(self._token), "time": time.time()}
        attributes = {"place": number, "candidate": dict(candidate), "owner": who}
        if key is not None:
            attributes["key"] = _plain(key)
        study.add_trial(
            optuna().trial.create_trial(
                state=state.RUNNING if key is None else state.COMPLETE,
                value=None if key is None else key[0],
                params=suggestions.parameters(self._space, candidate),
                distributions=suggestions.distributions(self._space),
                user_attrs=attributes,
            )
        )


def _trials(study: Any, state: str | None = None) -> list[Any]:
    """Return the trials that this module made, the oldest first."""
    trials = sorted(study.get_trials(deepcopy=False), key=lambda trial: trial.number)
    names = ("place", "candidate", "owner")
    ours = [trial for trial in trials if all(name in trial.user_attrs for name in names)]
    return [trial for trial in ours if state in (None, trial.state.name)]


def _text(candidate: Candidate) -> str:
    return json.dumps(candidate, sort_keys=True)


def _same(one: Candidate, other: Candidate) -> bool:
    return _text(one) == _text(other)


def _plain(key: Key) -> list[float | None]:
    """Return a key for JSON, which has no infinity."""
    return [None if abs(part) == MISS[0] else part for part in key]


def _key(plain: Any) -> Key:
    if not isinstance(plain, list) or len(plain) != 2:
        return MISS
    first, second = (MISS[0] if part is None else float(part) for part in plain)
    return first, second
