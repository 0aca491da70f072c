"""C compilers of this machine: finding them, choosing their flags, running them.

A compiler that fails with any source is not used again in the same process; the next one is tried.
A compiler that does not know some of the flags is called without them.
"""

import contextlib
import ctypes
import functools
import os
import platform
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

NAMES = ("gcc", "clang", "cc", "g++", "c++")
SECONDS = 60.0
"""The time limit of a compiler. After it, the compiler is taken to hang."""

_NEEDED = ("-x", "c", "-shared", "-fPIC", "-O3", "-ffp-contract=off")
"""Each operation is rounded by itself, as PyTorch does it."""
_FAST = ("-fno-math-errno", "-fno-trapping-math")
_X86 = platform.machine() in ("x86_64", "AMD64")
_NATIVE = ("-march=native", *(("-mprefer-vector-width=512",) if _X86 else ()))
# On macOS a second OpenMP runtime beside PyTorch's ends the process.
_THREADS = "-fopenmp-simd" if sys.platform == "darwin" else "-fopenmp"
FLAGS = (
    (*_NEEDED, *_FAST, *_NATIVE, _THREADS),
    (*_NEEDED, *_FAST, _THREADS),
    (*_NEEDED, *_FAST, *_NATIVE, "-fopenmp-simd"),
    (*_NEEDED, *_FAST, "-fopenmp-simd"),
    _NEEDED,
)
"""Sets of flags, the best first. Without `-fopenmp` a library has one thread."""
TRIAL = """
#include <math.h>
#include <stdint.h>
#ifdef _OPENMP
#include <omp.h>
#endif
void run(int64_t n, double *x) {
#pragma omp parallel num_threads(1)
#pragma omp simd
  for (int64_t i = 0; i < n; i++) x[i] = expm1(x[i]);
}
"""
"""A source that every usable compiler can build."""
_KEPT = 2000
"""The number of characters of a compiler's error message that are shown."""

Result = TypeVar("Result")


class BuildError(Exception):
    """No compiler can build the function."""


class _Unusable(BuildError):
    """A compiler that fails with any source."""


@dataclass
class Compiler:
    """A program that may be a C compiler, and the results of trying it.

    Attributes:
        path: Of the program.
        flags: The flags that it is called with.
        known: Whether the flags were chosen by trials.
        problem: Why it cannot be used; empty until a problem is found.
    """

    path: str
    flags: tuple[str, ...] = FLAGS[0]
    known: bool = False
    problem: str = ""

    @property
    def identity(self) -> str:
        """Path, size and time of the program. They change when it is replaced."""
        try:
            found = os.stat(self.path)
        except OSError:
            return self.path
        return f"{os.path.realpath(self.path)} {found.st_size} {found.st_mtime_ns}"

    def build(self, source: str, folder: Path, use: Callable[[Path], Result]) -> Result:
        """Build a library from `source`, and return the result of `use` on its path.

        Args:
            source: In C.
            folder: For temporary files. The caller removes it.
            use: Raises OSError or AttributeError if the file is no working library.

        Raises:
            BuildError: the source cannot be built.
        """
        if self.problem:
            raise BuildError(self.problem)
        try:
            return use(self._run(source, folder))
        except _Unusable as error:
            self.problem = str(error)
            raise
        except (BuildError, OSError, AttributeError) as error:
            problem = f"{self.path}: {error}"
        if self.known:
            raise BuildError(problem)
        before, self.known = self.flags, True
        if not self._find_flags(folder):
            self.problem = problem
        if self.problem or self.flags == before:
            raise BuildError(problem)
        return self.build(source, folder, use)

    def _find_flags(self, folder: Path) -> bool:
        """Set the best flags that the compiler accepts; return whether it accepts any."""
        if not self._takes(FLAGS[-1], folder):
            return False
        self.flags = next((f for f in FLAGS[:-1] if self._takes(f, folder)), FLAGS[-1])
        return True

    def _takes(self, flags: tuple[str, ...], folder: Path) -> bool:
        self.flags = flags
        try:
            return bool(ctypes.CDLL(str(self._run(TRIAL, folder))).run)
        except (BuildError, OSError, AttributeError):
            return False

    def _run(self, source: str, folder: Path) -> Path:
        """Build a library in `folder`.

        Errors go through a file, because a child of the compiler may hold a pipe open for ever.
        """
        folder = Path(tempfile.mkdtemp(dir=folder))  # the loader caches libraries by their name
        target, text, errors = folder / "library.so", folder / "source.c", folder / "errors"
        text.write_text(source, encoding="utf-8")
        command = [self.path, *self.flags, str(text), "-o", str(target), "-lm"]
        environment = {**os.environ, "TMPDIR": str(folder), "LC_ALL": "C"}
        with errors.open("wb") as output:
            try:
                process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=output,
                    cwd=folder,
                    env=environment,
                    start_new_session=True,
                )
            except OSError as error:  # the program is gone, or the system allows no new process
                raise _Unusable(f"{self.path}: {error}") from error
            code = _ended(process)
        said = errors.read_text(encoding="utf-8", errors="replace").strip()[-_KEPT:]
        if code is None:
            raise _Unusable(f"{self.path} did not end within {SECONDS:g} seconds")
        if code or not target.is_file():
            ended = f"ended with {code}" if code else "wrote no library"
            raise BuildError(f"`{' '.join(command)}` {ended}. {said}")
        if _cut_off(target.read_bytes()):
            raise BuildError(f"`{' '.join(command)}` wrote an incomplete library")
        return target


def _ended(process: subprocess.Popen[bytes]) -> int | None:
    """Return the exit status. Kill a process that is too slow, with its children: `None`."""
    try:
        return process.wait(SECONDS)
    except BaseException as error:
        if hasattr(os, "killpg"):
            with contextlib.suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.wait()
        if isinstance(error, subprocess.TimeoutExpired):
            return None
        raise


def _cut_off(content: bytes) -> bool:
    """Whether an ELF file lacks its last table. Opening such a library would kill the process."""
    if content[:6] != b"\x7fELF\x02\x01":  # another format, or not of 64 bits
        return False
    if len(content) < 64:
        return True
    start, size, count = struct.unpack_from("<40xQ10xHH", content)
    return bool(start + size * count > len(content))


@functools.cache
def compilers() -> tuple[Compiler, ...]:
    """Return the compilers of this machine, each once, in the order of trial."""
    found: dict[str, Compiler] = {}
    for path in _paths():
        found.setdefault(os.path.realpath(path), Compiler(path))
    return tuple(found.values())


def _paths() -> Iterator[str]:
    """Find every program of these names in `PATH`, because the first one may not work."""
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    for name in NAMES:
        for folder in folders:
            if folder and (path := shutil.which(name, path=folder)):
                yield os.path.abspath(path)


@functools.cache
def toolchain() -> tuple[str, ...]:
    """Return the facts that a library depends on besides its source."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").split("\n\n")[0].splitlines()
        kept = ("vendor_id", "cpu family", "model", "flags", "Features", "CPU")
        processor = "\n".join(line for line in lines if line.startswith(kept))
    except OSError:
        processor = platform.processor()
    flags = [flag for flags in FLAGS for flag in flags]
    programs = [compiler.identity for compiler in compilers()]
    return (*programs, *flags, platform.machine(), processor)


def forget() -> None:
    """Forget the compilers, so that the next build looks for them again."""
    compilers.cache_clear()
    toolchain.cache_clear()
