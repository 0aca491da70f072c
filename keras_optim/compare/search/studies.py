"""Studies: where trials are kept, in a journal file or in a database that machines share."""

import contextlib
import hashlib
import time
from pathlib import Path
from typing import Any

from keras_optim.compare import json_files
from keras_optim.compare.process.errors import UsageError, one_line
from keras_optim.compare.search.dimensions import Space
from keras_optim.compare.search.journal import Journal
from keras_optim.compare.search.optional import optuna, quiet

BUSY_SECONDS = 60
"""How long a process waits for another one that writes to a database of SQLite."""
ATTEMPTS = 5
"""How often a database is opened, because two processes may create its tables at the same time."""


class Database:
    """Database of studies, given by a URL such as `postgresql://host/name`.

    It needs no lock: `keras_optim.compare.search.trials` settles who trains a trial.

    Args:
        url: In the form of SQLAlchemy.
    """

    def __init__(self, url: str):
        self._url = url
        self._storage: Any = None

    def held(self) -> contextlib.AbstractContextManager[None]:
        """Do nothing."""
        return contextlib.nullcontext()

    def storage(self) -> Any:
        """Return Optuna's storage.

        Raises:
            UsageError: the database cannot be opened; the text says why.
        """
        if self._storage is None:
            self._storage = self._opened()
        return self._storage

    def _opened(self) -> Any:
        sqlite = self._url.startswith("sqlite")
        options = {"connect_args": {"timeout": BUSY_SECONDS}} if sqlite else {}
        for attempt in range(1, ATTEMPTS + 1):
            try:
                storage = optuna().storages.RDBStorage(self._url, engine_kwargs=options)
                return optuna().storages.get_storage(storage)
            except Exception as error:  # of SQLAlchemy, a driver, or the database
                if attempt == ATTEMPTS or isinstance(error, ImportError):
                    raise UsageError(
                        f"the database of trials cannot be opened: {one_line(error)}"
                    ) from None
                time.sleep(0.2 * attempt)


def store(folder: Path, url: str | None = None) -> Journal | Database:
    """Return where trials are kept: `url`, or `tuning/journal.log` in a results folder."""
    return Database(url) if url else Journal(folder / "tuning" / "journal.log")


def study_name(workload: str, optimizer: str, content: str, space: Space, rule: str) -> str:
    """Return the name of a study, which differs with everything that its results depend on.

    Args:
        workload: Label of the workload.
        optimizer: Label of the optimizer.
        content: Hash of workload, optimizer, epochs and versions: all facts of a run but its
            hyper-parameters.
        space: Its dimensions.
        rule: Method and seed of the search.
    """
    facts = [content, rule, {name: repr(dimension) for name, dimension in space.items()}]
    digest = hashlib.sha256(json_files.canonical(facts).encode()).hexdigest()[:12]
    return f"{workload[:100]} {optimizer[:200]} {digest}"


def study(place: Journal | Database, name: str) -> Any:
    """Return a study, created if need be."""
    library, storage = optuna(), place.storage()
    with quiet():
        try:
            return library.load_study(study_name=name, storage=storage)
        except KeyError:
            return library.create_study(study_name=name, storage=storage, load_if_exists=True)
