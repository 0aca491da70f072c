"""A C function as a shared library, built once per machine and kept in a private cache.

The folder is `$XDG_CACHE_HOME/keras_optim`, or `~/.cache/keras_optim`. A library is found again by
its source, the compiler, the flags and the processor; it ends with the hash of its own bytes, so
that a damaged one is built anew.
"""

import ctypes
import functools
import hashlib
import os
import platform
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path

FLAGS = (
    *("-x", "c", "-shared", "-fPIC", "-fopenmp", "-O3", "-march=native"),
    *(("-mprefer-vector-width=512",) if platform.machine() in ("x86_64", "AMD64") else ()),
    *("-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math"),
)
"""Each operation is rounded by itself, as PyTorch does it; nothing is assumed about NaN."""
builds = 0
"""How often a compiler ran in this process."""


class BuildError(Exception):
    """There is no compiler that can build the function."""


@functools.cache
def load(source: str) -> ctypes._CFuncPtr:  # type: ignore[name-defined]
    """The function `run` of a C source.

    Raises:
        BuildError: no compiler, or it failed.
    """
    name = hashlib.sha256("\0".join((source, *_toolchain())).encode()).hexdigest()[:32] + ".so"
    folder = _folder()
    if folder and (path := folder / name).exists() and _whole(path):
        return _opened(path)
    with tempfile.TemporaryDirectory(prefix="keras_optim_") as temporary:
        built = Path(temporary) / name
        _compile(source, built)
        if folder:
            try:
                kept = shutil.copyfile(built, folder / f"{name}.{os.getpid()}")
                built = kept.replace(folder / name)
            except OSError:
                pass  # a full disk, a read-only folder: it is used from where it is
        return _opened(built)


def _compile(source: str, target: Path) -> None:
    global builds
    builds += 1
    command = [_compiler(), *FLAGS, "-", "-o", str(target), "-lm"]
    done = subprocess.run(command, input=source, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildError(f"{' '.join(command)}\n{done.stderr.strip()}")
    content = target.read_bytes()
    target.write_bytes(content + hashlib.sha256(content).digest())


def _opened(path: Path) -> ctypes._CFuncPtr:  # type: ignore[name-defined]
    run = ctypes.CDLL(str(path)).run
    run.restype = None
    pointer, number = ctypes.c_void_p, ctypes.c_int64
    run.argtypes = [number, *[pointer] * 9, number, *[pointer] * 2]
    return run


def _whole(path: Path) -> bool:
    content = path.read_bytes()
    return hashlib.sha256(content[:-32]).digest() == content[-32:]


def _folder() -> Path | None:
    """The cache, if it is a folder that this user alone can write to."""
    if not hasattr(os, "getuid"):
        return None
    root = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    folder = Path(root) / "keras_optim"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return None
    private = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
    return folder if private and not found.st_mode & 0o022 else None


def _compiler() -> str:
    for name in ("gcc", "clang", "cc", "g++", "c++"):
        if path := shutil.which(name):
            return path
    raise BuildError("no C compiler was found: neither gcc, clang nor cc")


@functools.cache
def _toolchain() -> tuple[str, ...]:
    """What the library depends on besides its source."""
    compiler = _compiler()
    asked = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=False)
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n")[0].splitlines()
        kept = ("vendor_id", "cpu family", "model", "flags", "Features", "CPU")
        processor = "\n".join(line for line in lines if line.startswith(kept))
    except OSError:
        processor = platform.processor()
    return (compiler, asked.stdout, *FLAGS, platform.machine(), processor)
