"""The cache of built libraries: found again, never trusted, never in the way."""

import ctypes
import os
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import pytest

from keras_optim.codegen import building, compilers
from keras_optim.codegen.compilers import BuildError

SOURCE = """
#include <stdint.h>
void run(int64_t n, double *found) { *found = n; }
"""
ROOT = Path(__file__).parents[2]


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache, for this process and those that it starts."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    building.forget()
    yield tmp_path / "keras_optim"
    building.forget()


def works(source=SOURCE):
    """Whether the library that is loaded now does what it should; how many builds it took."""
    building.forget()
    before = building.builds
    found = ctypes.c_double(0)
    building.load(source)(ctypes.c_int64(7), ctypes.byref(found))
    assert found.value == 7
    return building.builds - before


def test_built_once_and_found_again(cache):
    assert [works(), works()] == [1, 0]
    assert cache.stat().st_mode & 0o777 == 0o700
    assert [path.suffix for path in cache.iterdir()] == [".so"]
    assert works(SOURCE + "/* another */") == 1


@pytest.mark.parametrize("damage", [b"", b"\x7fELF no library", None])
def test_a_damaged_library_is_built_anew(cache, damage):
    works()
    [path] = cache.iterdir()
    content = path.read_bytes()
    path.unlink()  # it is loaded: a new file, not the old one's bytes
    path.write_bytes(content[: len(content) // 2] if damage is None else damage)
    assert [works(), works()] == [1, 0]


def test_other_flags_or_another_compiler_are_another_library(cache, monkeypatch, tmp_path):
    works()
    monkeypatch.setattr(compilers, "FLAGS", (*compilers.FLAGS, ("-DOTHER",)))
    assert [works(), works()] == [1, 0]
    (tmp_path / "clang").write_text("#!/bin/sh\n")
    (tmp_path / "clang").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert [works(), works()] == [1, 0]


def test_a_folder_that_cannot_be_made_or_written_costs_a_build_each_time(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert [works(), works()] == [1, 1]
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    write = os.fdopen

    def full(handle, mode):
        file = write(handle, mode)
        file.write(b"some of it")
        file.close()
        raise OSError("the disk is full")

    monkeypatch.setattr(building.os, "fdopen", full)
    assert [works(), works()] == [1, 1]
    assert list((tmp_path / "keras_optim").iterdir()) == []


@pytest.mark.parametrize("refused", ["keras_optim/", "keras_optim_"])
def test_a_folder_whose_programs_may_not_be_run(cache, tmp_path, monkeypatch, refused):
    """Mounted `noexec`: the cache, or the one for temporary files."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    library = ctypes.CDLL

    def mapped(path):
        if refused in path:
            raise OSError("failed to map segment from shared object")
        return library(path)

    monkeypatch.setattr(ctypes, "CDLL", mapped)
    in_cache = refused == "keras_optim_"
    assert [works(), works()] == ([1, 0] if in_cache else [1, 1])
    assert len(list(cache.iterdir())) == in_cache
    assert list((tmp_path / "temporary").iterdir()) == []
    monkeypatch.setattr(building, "_folder", lambda: None)
    monkeypatch.setattr(ctypes, "CDLL", lambda path: mapped("keras_optim/ keras_optim_"))
    building.forget()
    before = building.builds
    for _ in range(3):
        with pytest.raises(BuildError, match="failed to map"):
            building.load(SOURCE)
    assert building.builds == before + 1


def test_without_a_folder_for_temporary_files_the_cache_is_built_in(cache, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(cache / "missing"))
    assert [works(), works()] == [1, 0]
    assert [path.suffix for path in cache.iterdir()] == [".so"]
    monkeypatch.setattr(building, "_folder", lambda: None)
    building.forget()
    with pytest.raises(BuildError, match="no folder to build in"):
        building.load(SOURCE)


def test_a_full_disk_for_temporary_files(cache, monkeypatch):
    write = Path.write_bytes

    def full(path, content):
        if cache not in path.parents:
            raise OSError("no space left")
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    assert [works(), works()] == [1, 0]


@pytest.mark.parametrize("damage", ["a folder", "unreadable", "a pipe"])
def test_what_stands_in_place_of_a_library(cache, damage):
    works()
    [path] = cache.iterdir()
    path.unlink()
    if damage == "a folder":
        path.mkdir()
    elif damage == "a pipe":
        os.mkfifo(path)
    else:
        path.touch(mode=0)
    assert works() == 1
    assert len(list(cache.iterdir())) == 1


@pytest.mark.parametrize("home", ["", "relative", "/nowhere/at/all"])
def test_a_home_that_is_none(home, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", home)
    assert building._folder() is None
    assert building.mark("a fact") is None
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert building._folder() is None
    assert works() == 1
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_others_can_write_to_is_not_used(cache):
    works()
    [path] = cache.iterdir()
    cache.chmod(0o777)
    assert works() == 1
    assert list(cache.iterdir()) == [path]


def test_a_link_is_no_private_folder(tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "keras_optim").symlink_to(tmp_path / "elsewhere")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    works()
    assert not list((tmp_path / "elsewhere").iterdir())


def test_two_processes_build_at_once(cache):
    script = textwrap.dedent(f"""
        import importlib.util, sys, types
        for name in ("keras_optim", "keras_optim.codegen"):
            sys.modules[name] = types.ModuleType(name)
            sys.modules[name].__path__ = []
        folder = {str(Path(building.__file__).parent)!r}
        for name in ("compilers", "building"):
            whole = "keras_optim.codegen." + name
            spec = importlib.util.spec_from_file_location(whole, folder + "/" + name + ".py")
            module = sys.modules[whole] = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            setattr(sys.modules["keras_optim.codegen"], name, module)
        sys.stdin.readline()
        module.load({SOURCE!r})
        print(module.builds)
    """)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    both = [subprocess.Popen([sys.executable, "-c", script], **pipes) for _ in range(2)]
    for process in both:
        process.stdin.write("\n")
        process.stdin.flush()
    assert all(process.communicate()[0].strip() in ("0", "1") for process in both)
    assert [path.suffix for path in cache.iterdir()] == [".so"]
    assert works() == 0


def test_importing_builds_nothing(cache):
    script = "import keras_optim.engine.torch_native; from keras_optim.codegen import building as b"
    script += "; print(b.builds)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip() == "0"
    assert not cache.exists()
