"""Shared libraries of C functions, built once per machine and kept in a private cache.

The cache is the folder `$XDG_CACHE_HOME/keras_optim`, or `~/.cache/keras_optim`. Its keys are the
source, the compilers, their flags and the processor. A library ends with the hash of its own bytes,
so a damaged one is built again. A build that failed is not tried again in the same process.
"""

import contextlib
import ctypes
import functools
import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from keras_optim.codegen import compilers
from keras_optim.codegen.compilers import BuildError

__all__ = ["BuildError", "forget", "load", "mark"]

builds = 0
"""The number of builds in this process, failed ones included."""
_SPACE = 1 << 20
"""The free bytes that a build folder must have."""


def load(source: str) -> Any:
    """Return the function `run` of a C source; its `digest` is the hash of the library.

    Raises:
        BuildError: no compiler, or they all failed.
    """
    found = _found(source)
    if isinstance(found, str):
        raise BuildError(found)
    return found


def forget() -> None:
    """Forget failed builds, so that they are tried again."""
    _found.cache_clear()
    compilers.forget()


def mark(*facts: str) -> Path | None:
    """Return the path of the cache's note about these facts; `None` without a cache."""
    folder = _folder()
    return folder / _name("note", *facts) if folder else None


@functools.cache
def _found(source: str) -> Any:
    """Return the function of a source, or the error that says why there is none."""
    name = _name("so", source, *compilers.toolchain())
    folder = _folder()
    if folder and (run := _from_cache(folder / name)):
        return run
    found = compilers.compilers()
    if all(compiler.problem for compiler in found):
        reasons = [compiler.problem for compiler in found]
        return "\n".join(reasons) or "no C compiler was found: neither gcc, clang nor cc"
    global builds
    builds += 1
    reasons = []
    try:
        with _temporary(folder) as temporary:
            for compiler in found:
                try:
                    return compiler.build(source, temporary, lambda path: _kept(path, folder, name))
                except BuildError as error:
                    reasons.append(str(error))
    except OSError as error:
        return f"no folder to build in: {error}"
    return "\n".join(reasons)


def _name(ending: str, *facts: str) -> str:
    key = "\0".join(facts).encode("utf-8", "surrogateescape")
    return f"{hashlib.sha256(key).hexdigest()[:32]}.{ending}"


def _from_cache(path: Path) -> Any:
    """Return the function of a cached library; `None` if it is damaged or cannot be opened."""
    try:
        if path.is_file():
            content = path.read_bytes()
            if hashlib.sha256(content[:-32]).digest() == content[-32:]:
                return _opened(path, content)
    except (OSError, AttributeError):
        pass  # build it again
    return None


def _kept(built: Path, folder: Path | None, name: str) -> Any:
    """Put a newly built library into the cache, and return its function."""
    content = built.read_bytes()
    content += hashlib.sha256(content).digest()
    try:
        run = _opened(built, content)
    except OSError:  # the system may forbid programs in its temporary folder
        if not folder:
            raise
        path = _stored(content, folder / name)
        try:
            return _opened(path, content)
        except (OSError, AttributeError):
            path.unlink()
            raise
    if folder:
        with contextlib.suppress(OSError):  # a full disk: use the library that was opened above
            path = _stored(content, folder / name)
            try:
                return _opened(path, content)
            except OSError:
                path.unlink()
    return run


def _stored(content: bytes, path: Path) -> Path:
    """Write a file completely, or not at all."""
    handle, temporary = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        return Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _opened(path: Path, content: bytes) -> Any:
    run: Any = ctypes.CDLL(str(path)).run
    run.restype = None
    run.digest = content[-32:].hex()
    return run


@contextlib.contextmanager
def _temporary(folder: Path | None) -> Iterator[Path]:
    """Make a build folder in the system's temporary folder, or else in the cache.

    Raises:
        OSError: neither can be written to.
    """
    problem = OSError("none can be written to")
    for parent in (None, folder) if folder else (None,):
        try:
            made = tempfile.TemporaryDirectory(
                prefix="keras_optim_", dir=parent, ignore_cleanup_errors=True
            )
        except OSError as error:
            problem = error
            continue
        with made as name:
            space = Path(name) / "space"
            try:
                space.write_bytes(bytes(_SPACE))
                space.unlink()
            except OSError as error:
                problem = error
                continue
            yield Path(name)
            return
    raise problem


def _folder() -> Path | None:
    """Return the folder of the cache, if only this user can write to it."""
    root = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(root):
        home = os.path.expanduser("~") if os.environ.get("HOME") != "" else ""
        root = os.path.join(home, ".cache") if os.path.isdir(home) else ""
    if not (hasattr(os, "getuid") and os.path.isabs(root)):
        return None
    folder = Path(root) / "keras_optim"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return None
    private = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
    return folder if private and not found.st_mode & 0o022 else None
