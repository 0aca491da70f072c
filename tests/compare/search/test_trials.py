"""Search by trials: suggestions, kills at any write, shared studies, told results."""

import itertools
import json
import math
import random

import pytest

from keras_optim.compare.process.errors import UsageError
from keras_optim.compare.search import optional, studies, suggestions
from keras_optim.compare.search.dimensions import own
from keras_optim.compare.search.protocol import MISS
from keras_optim.compare.search.suggestions import Known, suggested
from keras_optim.compare.search.trials import Trials
from tests.compare.search.worker import SPACE, loss, search_in, tell_finished, work
from tests.conftest import one_backend

pytestmark = one_backend
BUDGET = 12
METHODS = ("tpe", "quasi-random")


def urls(folder):
    return ["-", f"sqlite:///{folder}/trials.db"]


def results(search):
    """The candidates and keys of all places, in their order."""
    with search._study() as study:
        places = search._places(study)
    return [(n, json.dumps(p.candidate, sort_keys=True), p.key) for n, p in places.items()]


def undisturbed(folder, url="-", budget=BUDGET, **options):
    folder.mkdir(exist_ok=True)
    search = search_in(folder, url, budget, **options)
    work(folder, search)
    return search


def lines(folder):
    path = folder / "trained"
    return path.read_text().splitlines() if path.exists() else []


@pytest.mark.parametrize("method", METHODS)
def test_a_search_to_its_end(tmp_path, method):
    search = undisturbed(tmp_path, method=method)
    assert search.done and search.tried == BUDGET and search.next(3) == []
    found = results(search)
    assert json.loads(found[0][1]) == own(SPACE)
    assert len({text for _, text, _ in found}) == BUDGET == len(lines(tmp_path))
    assert search.best == min((json.loads(text) for _, text, _ in found), key=loss)
    for _, text, _ in found:
        assert all(SPACE[name].holds(value) for name, value in json.loads(text).items())


def test_the_store_makes_no_difference(tmp_path):
    first, second = (
        results(undisturbed(tmp_path / str(k), url, budget=8))
        for k, url in enumerate(urls(tmp_path))
    )
    assert first == second


def test_seeds_and_methods_differ_after_the_own_values(tmp_path):
    found = [
        results(undisturbed(tmp_path / f"{seed}{method}", seed=seed, method=method))
        for seed, method in itertools.product((0, 1), METHODS)
    ]
    assert len({str(one) for one in found}) == 4
    assert len({str(one[0]) for one in found}) == 1


def test_tpe_finds_more_than_quasi_random():
    """Sums over four seeds, 40 runs each: it is no random search in disguise."""

    def best(method, seed):
        known = []
        for n in range(40):
            candidate = suggested(SPACE, method, seed, n, known)
            known.append(Known(n, candidate, loss(candidate)))
        return min(trial.key[0] for trial in known)

    tpe, plain = (sum(best(method, seed) for seed in range(4)) for method in METHODS)
    assert tpe < plain


def test_a_suggestion_depends_on_results_and_not_on_their_order():
    known = []
    for n in range(9):
        candidate = suggested(SPACE, "tpe", 3, n, known)
        known.append(Known(n, candidate, loss(candidate) if n != 5 else None))
    expected = suggested(SPACE, "tpe", 3, 9, known)
    random.Random(0).shuffle(known)
    assert suggested(SPACE, "tpe", 3, 9, known) == expected
    other = [Known(k.number, k.candidate, (-k.key[0], 0.0) if k.key else None) for k in known]
    assert suggested(SPACE, "tpe", 3, 9, other) != expected


def test_candidates_side_by_side(tmp_path):
    search = search_in(tmp_path, "-", 10)
    first = search.next(4)
    assert len(first) == 4 == len({str(c) for c in first})
    assert search.next(2) and len(search.next(99)) == 4 and search.next(1) == []
    assert not search.done and search.tried == 0 and search.elsewhere == 0
    search.tell(first[2], (1.0, 0.0))
    assert search.tried == 1 and search.best == first[2]


def test_a_larger_budget_continues_a_smaller_one(tmp_path):
    undisturbed(tmp_path, budget=7)
    more = undisturbed(tmp_path, budget=BUDGET)
    assert results(more) == results(undisturbed(tmp_path / "whole"))
    assert len(lines(tmp_path)) == BUDGET
    fewer = search_in(tmp_path, "-", 7)
    assert fewer.done and fewer.tried == 7 and results(fewer) == results(more)[:7]


def test_misses(tmp_path):
    search = search_in(tmp_path, "-", 8)
    assert search.best == own(SPACE)
    for key in (MISS, (math.nan, 0.0), (math.inf, 1.0)):
        search.tell(*search.next(1), key)
    assert search.best == own(SPACE) and search.tried == 3
    better = search.next(2)
    search.tell(better[0], (2.0, math.nan))
    search.tell(better[1], (2.0, 7.0))
    assert search.best == better[1]
    while candidates := search.next(1):  # TPE goes on with misses
        search.tell(*candidates, MISS)
    assert search.best == better[1]


def test_a_second_result_changes_nothing(tmp_path):
    search = search_in(tmp_path, "-", 2)
    [candidate] = search.next(1)
    search.tell(candidate, (1.0, 0.0))
    search.tell(candidate, (0.0, 0.0))
    [other] = search.next(5)
    assert other != candidate
    search.tell(other, (0.5, 0.0))
    assert search.best == other and search.done


@pytest.mark.parametrize("count", [0, 1, 5, 11, 12, 20])
def test_results_that_the_study_does_not_know(tmp_path, count):
    """Of a lost study: the same runs are suggested again, and none is trained twice."""
    whole = undisturbed(tmp_path)
    (tmp_path / "tuning" / "journal.log").unlink()
    order = sorted((tmp_path / "runs").iterdir())
    for path in order[count:]:
        path.unlink()
    before = len(lines(tmp_path))
    again = undisturbed(tmp_path)
    assert results(again) == results(whole) and again.best == whole.best
    assert len(lines(tmp_path)) - before == BUDGET - min(count, BUDGET)


def test_results_that_are_never_suggested_take_the_last_places(tmp_path):
    search = search_in(tmp_path, "-", 5)
    strangers = [{**own(SPACE), "learning_rate": rate} for rate in (0.002, 0.003)]
    for candidate in strangers:
        search.tell(candidate, (-1.0, 0.0))
    search.tell({**own(SPACE), "learning_rate": 7.0}, (-2.0, 0.0))  # outside of the space
    search.tell({"learning_rate": 0.001}, (-2.0, 0.0))  # of another space
    assert search.tried == 0
    count = 0
    while candidates := search.next(1):
        count += 1
        search.tell(*candidates, (1.0, 0.0))
    assert count == 3 and search.done and search.tried == 5
    assert search.best in strangers


def test_equal_candidates_are_trained_once(tmp_path):
    space = {"nesterov": SPACE["nesterov"]}
    store = studies.store(tmp_path)
    search, given = Trials(space, 9, "study", store), []
    while not search.done:
        candidates = search.next(4)
        assert candidates or search.done
        given += candidates
        for candidate in candidates:
            search.tell(candidate, (float(candidate["nesterov"]), 0.0))
    assert sorted(c["nesterov"] for c in given) == [False, True]
    assert search.tried == 9 and search.best == {"nesterov": False}


class Killed(BaseException):
    """Ends the work as a kill would: no handler of errors sees it."""


def killing(original, kill, when):
    """Return a write of the journal that ends the work at write number `kill`."""
    count = itertools.count()

    def appending(self, logs):
        if now := next(count) == kill:
            text = "".join(json.dumps(log) + "\n" for log in logs)
            if when == "halfway":
                with self._lock.held(), open(self._file_path, "ab") as file:
                    file.write(text[: len(text) // 2].encode())
        if not now or when == "after":
            original(self, logs)
        if now:
            raise Killed

    return appending


@pytest.mark.parametrize("when", ["before", "after", "halfway"])
@pytest.mark.parametrize("most", [1, 3])
def test_killed_at_any_write(tmp_path, monkeypatch, when, most, capfd):
    """The same trials and best as without a kill, and no finished run is trained again."""
    from optuna.storages.journal import JournalFileBackend

    budget = 8
    whole = tmp_path / "whole"
    whole.mkdir()
    expected = search_in(whole, "-", budget)
    work(whole, expected, most=most)
    writes = (whole / "tuning" / "journal.log").read_bytes().count(b"\n")
    original = JournalFileBackend.append_logs

    for kill in range(most - 1, writes, 3 if most == 1 else 7):
        folder = tmp_path / str(kill)
        folder.mkdir()
        with monkeypatch.context() as patch:
            patch.setattr(JournalFileBackend, "append_logs", killing(original, kill, when))
            with pytest.raises(Killed):
                work(folder, search_in(folder, "-", budget), most=most)
        search = search_in(folder, "-", budget)
        work(folder, search, most=most)
        assert results(search) == results(expected) and search.best == expected.best
        assert len(lines(folder)) == budget
    damaged = "was damaged" in capfd.readouterr().err
    assert damaged == (when == "halfway")


@pytest.mark.parametrize("kind", [0, 1])
def test_a_place_whose_process_has_ended_is_free_with_its_candidate(tmp_path, kind):
    url = urls(tmp_path)[kind]
    first = search_in(tmp_path, url, 4)
    given = first.next(2)
    second = search_in(tmp_path, url, 4)
    assert second.next(2) == given
    third = search_in(tmp_path, url, 4)
    third.tell(given[1], (0.0, 0.0))  # its run had ended, but was not told
    assert third.next(1) == [given[0]] and third.tried == 0
    assert third.next(1) != [given[1]] and third.tried == 1


def test_two_searches_never_train_the_same(tmp_path, neighbours, monkeypatch):
    """The other one claims between reading and writing; a journal has a lock around both."""
    url = f"sqlite:///{tmp_path}/trials.db"
    one, other = (search_in(tmp_path, url, 8) for _ in range(2))
    stolen, add = [], Trials._add

    def late(self, *arguments):
        if self is one and len(stolen) < 3:
            stolen.extend(other.next(1))
        add(self, *arguments)

    monkeypatch.setattr(Trials, "_add", late)
    given = one.next(2)
    assert len(stolen) == 3 and len(given) == 2
    assert len({json.dumps(c) for c in (*given, *stolen)}) == 5
    assert one.elsewhere == 3 and other.elsewhere == 2
    for candidate in stolen:
        one.tell(candidate, (0.0, 0.0))  # of another: not its own to tell
    assert one.tried == 0
    for candidate in stolen:
        other.tell(candidate, (1.0, 0.0))
    assert one.tried == other.tried == 3 and one.elsewhere == 0


def test_a_search_after_the_others_result_reads_it(tmp_path, neighbours):
    one, other = (search_in(tmp_path, "-", 2) for _ in range(2))
    [first], [second] = one.next(1), other.next(5)
    assert one.next(1) == [] and not one.done
    one.tell(first, (1.0, 0.0))
    other.tell(second, (0.5, 0.0))
    assert one.done and other.done and one.best == other.best == second


def test_studies_have_names_by_all_that_matters():
    names = {
        studies.study_name(*arguments)
        for arguments in [
            ("digits", "adam", "c0de", SPACE, "tpe 0"),
            ("mnist", "adam", "c0de", SPACE, "tpe 0"),
            ("digits", "sgd", "c0de", SPACE, "tpe 0"),
            ("digits", "adam", "c0df", SPACE, "tpe 0"),
            ("digits", "adam", "c0de", {"nesterov": SPACE["nesterov"]}, "tpe 0"),
            ("digits", "adam", "c0de", SPACE, "tpe 1"),
        ]
    }
    assert len(names) == 6 and len(studies.study_name("w" * 999, "o" * 999, "", {}, "")) < 400


def test_a_folder_holds_several_studies(tmp_path):
    store = studies.store(tmp_path)
    searches = [Trials(SPACE, 2, name, store) for name in ("one", "two")]
    for search in searches:
        search.tell(*search.next(1), (1.0, 0.0))
    assert [search.tried for search in searches] == [1, 1]


def test_without_optuna(tmp_path, monkeypatch):
    def missing(name):
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(optional.importlib, "import_module", missing)
    with pytest.raises(UsageError, match=r"Optuna.*pip install keras_optim\[compare\]"):
        Trials(SPACE, 2, "study", None)


def test_optuna_is_silent_and_its_level_is_kept(tmp_path, capfd):
    import optuna

    optuna.logging.set_verbosity(optuna.logging.DEBUG)
    try:
        undisturbed(tmp_path, budget=8)
        assert optuna.logging.get_verbosity() == optuna.logging.DEBUG
    finally:
        optuna.logging.set_verbosity(optuna.logging.INFO)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(("space", "budget"), [({}, 3), (SPACE, 0)])
def test_nothing_to_search(tmp_path, space, budget):
    with pytest.raises(ValueError, match="needs a dimension, and a budget of at least 1"):
        Trials(space, budget, "study", studies.store(tmp_path))


def test_told_results_are_those_of_the_folder(tmp_path):
    undisturbed(tmp_path, budget=3)
    search = search_in(tmp_path, "-", 3)
    tell_finished(tmp_path, search)
    assert search._told and search.tried == 3
    assert suggestions.STARTUP == 6
