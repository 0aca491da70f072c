"""Journal of a study: a file of Optuna's, with a lock that ends with its process, and repairs.

Optuna's own locks are files, which outlive a killed process for 30 seconds. Its reader refuses a
damaged line for ever. Here a damaged file is set aside, and the lines before the damage are kept.
"""

import itertools
import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from keras_optim.compare.search.optional import optuna

try:
    import fcntl
except ImportError:  # not a POSIX system
    fcntl = None  # type: ignore[assignment]

GRACE_SECONDS = 3
"""The age at which a lock file counts as left behind, where the system has no locks of files."""


class FileLock:
    """Lock that the operating system releases when its holder ends; a thread may take it twice."""

    def __init__(self, path: Path):
        self._path = path
        self._threads = threading.RLock()
        self._depth = 0
        self._file: IO[str] | None = None
        self._other: Any = None

    def acquire(self) -> bool:
        """Wait for the lock."""
        self._threads.acquire()
        try:
            if self._depth == 0:
                self._take()
            self._depth += 1
        except BaseException:
            self._threads.release()
            raise
        return True

    def release(self) -> None:
        """Give the lock back."""
        self._depth -= 1
        try:
            if self._depth == 0:
                if self._file is not None:
                    self._file.close()
                    self._file = None
                else:
                    with suppress(RuntimeError):
                        self._other.release()
        finally:
            self._threads.release()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock in a block."""
        self.acquire()
        try:
            yield
        finally:
            self.release()

    def _take(self) -> None:
        if fcntl is not None:
            file = self._path.open("a", encoding="utf-8")
            try:
                fcntl.flock(file, fcntl.LOCK_EX)
                self._file = file
                return
            except OSError:  # a file system without locks
                file.close()
        if self._other is None:
            lock = optuna().storages.journal.JournalFileOpenLock
            self._other = lock(str(self._path), grace_period=GRACE_SECONDS)
        self._other.acquire()


class Journal:
    """Journal file of the studies of a folder.

    Args:
        path: The file, created on the first use.
    """

    def __init__(self, path: Path):
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._lock = FileLock(path.with_name(f"{path.name}.lock"))
        self._storage: Any = None
        self._identity: tuple[int, int] | None = None

    def held(self) -> AbstractContextManager[None]:
        """Keep other processes out of the file in a block."""
        return self._lock.held()

    def storage(self) -> Any:
        """Return Optuna's storage, checked and if need be mended; call it with the lock held."""
        if self._storage is None or self._identity != self._found() or not self._intact():
            self._mend()
            self._storage = self._opened()
            self._identity = self._found()
        return self._storage

    def _set_aside(self, kept: bytes, reason: str) -> None:
        """Rename the file, and begin a new one with the lines that are kept."""
        stamp = time.strftime("%Y%m%d-%H%M%S")
        names = (f"{self.path.name}.damaged-{stamp}{'~' * k}" for k in itertools.count())
        aside = next(p for p in map(self.path.with_name, names) if not p.exists())
        new = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        new.write_bytes(kept)
        os.rename(self.path, aside)
        os.replace(new, self.path)
        count = kept.count(b"\n")
        print(
            f"compare: {self.path} was damaged ({reason}), so it is now {aside.name}; the "
            f"{count} lines before are kept, and finished runs count again",
            file=sys.stderr,
        )

    def _intact(self) -> bool:
        """Return whether the file can be read on, and the next line will be a line of its own."""
        try:
            self._storage.get_all_studies()
            with self.path.open("rb") as file:
                end = file.seek(0, os.SEEK_END)
                file.seek(max(end - 1, 0))
                return file.read() in (b"", b"\n")
        except Exception:  # Optuna promises no class of error for a damaged file
            return False

    def _found(self) -> tuple[int, int] | None:
        try:
            status = self.path.stat()
        except OSError:
            return None
        return status.st_dev, status.st_ino

    def _mend(self) -> None:
        """Set the file aside if it has a torn or unreadable line."""
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return
        good = 0
        for line in data.splitlines(keepends=True):
            if not _readable(line):
                number = data[:good].count(b"\n") + 1
                self._set_aside(data[:good], f"line {number} cannot be read")
                return
            good += len(line)

    def _opened(self) -> Any:
        journal = optuna().storages.journal
        try:
            return journal.JournalStorage(self._backend())
        except Exception as error:  # lines of JSON that mean nothing to Optuna, in any way
            self._set_aside(b"", f"{type(error).__name__} in its contents")
            return journal.JournalStorage(self._backend())

    def _backend(self) -> Any:
        return optuna().storages.journal.JournalFileBackend(str(self.path), lock_obj=self._lock)


def _readable(line: bytes) -> bool:
    if not line.endswith(b"\n"):
        return False
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and isinstance(value.get("op_code"), int)
