"""The C compilers of this machine: which there are, what they can do, and how one is run.

A compiler that cannot be used is left alone for the rest of the process, and the next one is tried.
One that does not know some of the flags is used without them.
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
"""How long a compiler may take; then it is taken for one that hangs."""

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
"""The best first. Without `-fopenmp` a library has one thread."""
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
"""What every compiler must be able to build."""
_KEPT = 2000
"""How many characters of a compiler's error message are shown."""

Result = TypeVar("Result")


class BuildError(Exception):
    """There is no compiler that can build the function."""


class _Unusable(BuildError):
    """A compiler that fails with any source."""


@dataclass
class Compiler:
    """One program, and what is known about it.

    Attributes:
        path: Where it is.
        flags: The flags that it is called with.
        known: Whether it takes them.
        problem: Why it cannot be used; empty if it can, as far as is known.
    """

    path: str
    flags: tuple[str, ...] = FLAGS[0]
    known: bool = False
    problem: str = ""

    @property
    def identity(self) -> str:
        """Path, size and time of the program: they change when it is replaced."""
        try:
            found = os.stat(self.path)
        except OSError:
            return self.path
        return f"{os.path.realpath(self.path)} {found.st_size} {found.st_mtime_ns}"

    def build(self, source: str, folder: Path, use: Callable[[Path], Result]) -> Result:
        """What `use` makes of the library built from `source`.

        Args:
            source: C.
            folder: Empty; what is written into it may stay there.
            use: Raises OSError or AttributeError if what it gets is no such library.

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
        """Set the best flags that it takes; whether there are any."""
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
        """Build a library in `folder`. All goes through files: a pipe may be held open for ever."""
        folder = Path(tempfile.mkdtemp(dir=folder))  # a name is opened once: always another one
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
            except OSError as error:  # no program, or no further process is allowed
                raise _Unusable(f"{self.path}: {error}") from error
            code = _ended(process)
        said = errors.read_text(encoding="utf-8", errors="replace").strip()[-_KEPT:]
        if code is None:
            raise _Unusable(f"{self.path} had not ended after {SECONDS:g} seconds")
        if code or not target.is_file():
            ended = f"ended with {code}" if code else "wrote no library"
            raise BuildError(f"`{' '.join(command)}` {ended}. {said}")
        if _cut_off(target.read_bytes()):
            raise BuildError(f"`{' '.join(command)}` wrote a library without an end")
        return target


def _ended(process: subprocess.Popen[bytes]) -> int | None:
    """The exit status; none if it was too slow. Nothing that it has started goes on then."""
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
    """Whether the end of an ELF file, a table, is missing. To open it would end the process."""
    if content[:6] != b"\x7fELF\x02\x01":  # another format, or not of 64 bits
        return False
    if len(content) < 64:
        return True
    start, size, count = struct.unpack_from("<40xQ10xHH", content)
    return bool(start + size * count > len(content))


@functools.cache
def compilers() -> tuple[Compiler, ...]:
    """Those that are found, each once, in the order in which they are tried."""
    found: dict[str, Compiler] = {}
    for path in _paths():
        found.setdefault(os.path.realpath(path), Compiler(path))
    return tuple(found.values())


def _paths() -> Iterator[str]:
    """Find every program of that name in `PATH`: the first may not work."""
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    for name in NAMES:
        for folder in folders:
            if folder and (path := shutil.which(name, path=folder)):
                yield os.path.abspath(path)


@functools.cache
def toolchain() -> tuple[str, ...]:
    """What a library depends on besides its source."""
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
    """Look for compilers again when one is needed."""
    compilers.cache_clear()
    toolchain.cache_clear()
