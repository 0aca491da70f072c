"""Compilers that do not work, in every way: the next one is tried, once, and nothing is left."""

# ruff: noqa: F811 (the fixture `cache`)

import os
import shutil
import subprocess
import tempfile
import time

import pytest

from keras_optim.codegen import building, compilers
from keras_optim.codegen.compilers import BuildError
from tests.codegen.test_building import SOURCE, cache, works  # noqa: F401

GCC = shutil.which("gcc")
FIND_OUT = 'for a; do [ "$out" = next ] && out=$a; [ "$a" = -o ] && out=next; done\n'
"""The name of the output, in a shell script."""

BROKEN = {
    "fails": "exit 1",
    "crashes": "kill -SEGV $$",
    "no output": "exit 0",
    "other bytes than UTF-8": "printf '\\377\\376' >&2; exit 1",
    "output is text": FIND_OUT + "echo text > $out",
    "output is empty": FIND_OUT + ": > $out",
    "output is a folder": FIND_OUT + "mkdir $out",
    "output is cut off": f'{GCC} "$@"\n' + FIND_OUT + "truncate -s 9000 $out",
    "output has no function": f'{GCC} "$@" -Drun=other',
    "hangs": "sleep 60",
    "hangs in a child": "sleep 60 & wait",
    "stays open": "sleep 2 & exit 1",
    "reads for ever": "cat > /dev/null < /dev/tty; sleep 60",
}


HANGING = {"hangs", "hangs in a child", "reads for ever"}


@pytest.fixture
def impatient(request, monkeypatch):
    """Less time for those that need all of it."""
    if request.node.callspec.params["kind"] in HANGING:
        monkeypatch.setattr(compilers, "SECONDS", 2.0 if "next" not in request.node.name else 5.0)


@pytest.fixture
def bin(tmp_path, monkeypatch):
    """A folder that is the only one with compilers."""
    folder, temporary = tmp_path / "bin", tmp_path / "temporary"
    folder.mkdir()
    temporary.mkdir()
    for name in ("sh", "sleep", "cat", "mkdir", "truncate", "as", "ld"):
        (folder / name).symlink_to(shutil.which(name))
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    yield folder
    assert list(temporary.iterdir()) == []


def script(path, text):
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def logged(folder, text):
    """The same script, which counts how often it was called."""
    return f"echo >> {folder}/log\n{text}"


def calls(folder):
    log = folder / "log"
    return len(log.read_text()) if log.exists() else 0


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("kind", BROKEN)
def test_an_error_that_is_remembered(cache, bin, kind):
    script(bin / "gcc", logged(bin, BROKEN[kind]))
    building.forget()
    for source in (SOURCE, SOURCE, SOURCE + "\n"):
        with pytest.raises(BuildError, match="gcc"):
            building.load(source)
    made = calls(bin)
    assert made <= 2
    with pytest.raises(BuildError):
        building.load(SOURCE + "\n\n")
    assert calls(bin) == made
    assert list(cache.iterdir()) == []


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    "kind", [kind for kind in BROKEN if kind not in ("hangs", "reads for ever")]
)
def test_the_next_compiler_is_tried(cache, bin, kind):
    script(bin / "gcc", logged(bin, BROKEN[kind]))
    script(bin / "clang", f'exec {GCC} "$@"')
    assert works() == 1
    made = calls(bin)
    assert works() == 0
    assert calls(bin) == made
    assert len(list(cache.iterdir())) == 1


def test_no_program_at_all(cache, bin):
    (bin / "gcc").write_text("no program")
    (bin / "gcc").chmod(0o755)
    (bin / "clang").symlink_to("/nowhere")
    building.forget()
    with pytest.raises(BuildError, match="Exec format error"):
        building.load(SOURCE)
    (bin / "gcc").unlink()
    building.forget()
    with pytest.raises(BuildError, match="no C compiler was found"):
        building.load(SOURCE)


def test_no_further_process_is_allowed(cache, monkeypatch):
    def fork(*args, **kwargs):
        tried.append(1)
        raise BlockingIOError(11, "Resource temporarily unavailable")

    tried = []
    monkeypatch.setattr(subprocess, "Popen", fork)
    for _ in range(3):
        with pytest.raises(BuildError, match="temporarily unavailable"):
            building.load(SOURCE)
    assert len(tried) == len(compilers.compilers())


def test_all_that_a_compiler_has_started_is_ended(cache, bin, monkeypatch):
    monkeypatch.setattr(compilers, "SECONDS", 0.3)
    script(bin / "gcc", f"(sleep 1; echo alive > {bin}/alive) & sleep 60")
    building.forget()
    with pytest.raises(BuildError, match="did not end within 0.3 seconds"):
        building.load(SOURCE)
    time.sleep(1)
    assert not (bin / "alive").exists()


def test_an_interrupt_ends_the_compiler(cache, bin, monkeypatch):
    script(bin / "gcc", "sleep 60")
    started = []

    def interrupted(process, timeout=None):
        if timeout is None:
            return wait(process)
        started.append(process)
        raise KeyboardInterrupt

    wait = subprocess.Popen.wait
    monkeypatch.setattr(subprocess.Popen, "wait", interrupted)
    building.forget()
    with pytest.raises(KeyboardInterrupt):
        building.load(SOURCE)
    assert [process.returncode for process in started] == [-9]


@pytest.mark.parametrize("unknown", ["-fopenmp", "-march=native", "-fopenmp*", "-[fm]*"])
def test_a_compiler_that_does_not_know_a_flag(cache, bin, unknown):
    refuse = f'for a; do case "$a" in -fPIC|-ffp*) ;; {unknown}) exit 1;; esac; done'
    script(bin / "gcc", logged(bin, f'{refuse}\nexec {GCC} "$@"'))
    assert works() == 1
    [compiler] = compilers.compilers()
    assert compiler.flags != compilers.FLAGS[0] and not compiler.problem
    made = calls(bin)
    building.load(SOURCE + "\n")
    assert calls(bin) == made + 1  # it is known now


def test_a_source_that_no_compiler_takes_is_no_fault_of_theirs(cache):
    building.forget()
    with pytest.raises(BuildError, match="error"):
        building.load("this is no C")
    building.load(SOURCE)
    before = building.builds
    with pytest.raises(BuildError, match="error"):
        building.load("this is no C")
    assert building.builds == before


def test_links_to_one_compiler_are_one(bin):
    for name in ("gcc", "cc"):
        (bin / name).symlink_to(GCC)
    script(bin / "clang", "exit 1")
    building.forget()
    found = [os.path.basename(compiler.path) for compiler in compilers.compilers()]
    assert found == ["gcc", "clang"]
    building.forget()


@pytest.mark.skipif(not shutil.which("clang"), reason="there is no clang")
def test_clang(cache, bin):
    (bin / "clang").symlink_to(shutil.which("clang", path="/usr/bin:/usr/local/bin"))
    assert works() == 1
