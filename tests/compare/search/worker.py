"""A process that searches, for tests that kill it: `python worker.py FOLDER STORE BUDGET SECONDS`.

It leaves a line in `trained` and a file in `runs` for each training, as a comparison does.
"""

import hashlib
import json
import math
import os
import sys
import time
import types
from pathlib import Path

if __name__ == "__main__":
    # The search needs no Keras. Without it a process starts in half a second.
    package = types.ModuleType("keras_optim")
    package.__path__ = [str(Path(__file__).parents[3] / "keras_optim")]
    sys.modules["keras_optim"] = package

from keras_optim.compare.search import studies
from keras_optim.compare.search.dimensions import Choice, Number
from keras_optim.compare.search.trials import Trials

SPACE = {
    "learning_rate": Number(own=0.001, low=3.16e-5, high=0.0316),
    "beta_1": Number(own=0.9, low=0.0316, high=0.316, origin=1.0, sign=-1),
    "weight_decay": Number(own=None, low=1e-5, high=0.1, off=True),
    "nesterov": Choice(False, (False, True)),
}


def loss(candidate):
    """A smooth loss with a minimum inside; a miss for large rates."""
    rate = math.log10(candidate["learning_rate"])
    if rate > -1.8:
        return math.inf, math.inf
    return (rate + 2.2) ** 2 + (candidate["weight_decay"] or 0.0) + candidate["beta_1"], 0.5


def search_in(folder, url, budget, **options):
    store = studies.store(folder, None if url == "-" else url)
    return Trials(SPACE, budget, "study", store, **options)


def trained(folder, candidate, seconds):
    """Return the result of a run, from its file or a training that takes so long."""
    name = hashlib.sha256(json.dumps(candidate, sort_keys=True).encode()).hexdigest()[:12]
    path = folder / "runs" / name
    if not path.exists():
        with (folder / "trained").open("a") as file:
            file.write(f"{name} {os.getpid()}\n")
        time.sleep(seconds)
        path.parent.mkdir(exist_ok=True)
        temporary = path.with_name(f".{name}")
        temporary.write_text(json.dumps([candidate, loss(candidate)]))
        temporary.rename(path)
    return tuple(json.loads(path.read_text())[1])


def tell_finished(folder, search):
    for path in sorted((folder / "runs").glob("[!.]*")):
        candidate, key = json.loads(path.read_text())
        search.tell(candidate, tuple(key))


def work(folder, search, seconds=0.0, most=1):
    """Go through a search to its end; wait for other processes."""
    tell_finished(folder, search)
    while not search.done:
        candidates = search.next(most)
        for candidate in candidates:
            search.tell(candidate, trained(folder, candidate, seconds))
        if not candidates and not search.done:
            time.sleep(0.02)


if __name__ == "__main__":
    folder, url, budget, seconds = Path(sys.argv[1]), *sys.argv[2:]
    work(folder, search_in(folder, url, int(budget)), float(seconds))
