"""Deliberate breakages, one line each, that the tests must notice.

`python -m tests.tools.mutants` copies the checkout, breaks one line, and runs the tests named
beside it until the first failure. It does so for each breakage, and lists those that no test
noticed. With words, such as `swats files`, it tries only breakages whose row has one of them. Each
set of tests must pass on the unbroken copy first. It takes too long for CI.
"""

import concurrent.futures
import functools
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.tools.breakages import MUTANTS

ROOT = Path(__file__).parents[2]
COPIED = (
    "keras_optim",
    "benchmarks",
    "tests",
    "docs",
    "conftest.py",
    "pyproject.toml",
    "README.md",
)
WORKERS = 2


def run(folder, tests, backend):
    """Whether the tests pass in a copy."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
    files, _, words = tests.partition(" -k ")
    command += [*files.split(), *(["-k", words.strip("'")] if words else [])]
    environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    environment["XDG_CACHE_HOME"] = str(folder / "cache")
    environment["PYTHONPATH"] = str(folder)
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode not in (0, 1, 2):
        raise RuntimeError(f"{tests} on {backend}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.returncode == 0


def copied(to):
    """Copy the checkout."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, to / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, to / name)
    return to


def noticed(mutant):
    """Whether the tests notice a breakage."""
    with tempfile.TemporaryDirectory() as folder:
        copy = copied(Path(folder))
        file = copy / mutant.file
        text = file.read_text(encoding="utf-8")
        if text.count(mutant.old) < 1:
            raise ValueError(f"{mutant.file} does not hold {mutant.old!r}: mend the row")
        file.write_text(text.replace(mutant.old, mutant.new, 1), encoding="utf-8")
        return not run(copy, mutant.tests, mutant.backend)


@functools.cache
def passes(tests, backend):
    """Whether the tests pass on an unbroken copy."""
    with tempfile.TemporaryDirectory() as folder:
        return run(copied(Path(folder)), tests, backend)


def tried(mutant):
    """Try one breakage, and return the outcome in a word."""
    if not passes(mutant.tests, mutant.backend):
        return "tests fail unbroken"
    return "noticed" if noticed(mutant) else "NOT NOTICED"


def main(words):
    """Try all breakages, or those whose row has one of the words."""
    chosen = [m for m in MUTANTS if not words or any(w in " ".join(m) for w in words)]
    outcomes = {}
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        for mutant, outcome in zip(chosen, pool.map(tried, chosen), strict=True):
            outcomes[mutant] = outcome
            print(
                f"[{len(outcomes)}/{len(chosen)}] {outcome}: {mutant.file}: {mutant.new}",
                flush=True,
            )
    count = sum(outcome == "noticed" for outcome in outcomes.values())
    print(f"{count} of {len(chosen)} breakages were noticed")
    return int(count < len(chosen))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
