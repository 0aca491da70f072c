"""The cache of built libraries: found again, never trusted, never in the way."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from keras_optim.native import building

SOURCE = """
#include <stdint.h>
void run(int64_t n, const int64_t *size, const int64_t *body, const int64_t *order,
         const int64_t *lengths, const int64_t *starts, void **p, const double *parameters,
         const double *constants, void **shared, int64_t threads, double *part,
         double *all_parts) { *part = n; }
"""
ROOT = Path(__file__).parents[2]


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache, for this process and those that it starts."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    building.load.cache_clear()
    yield tmp_path / "keras_optim"
    building.load.cache_clear()


def works(source=SOURCE):
    """Whether the library that is loaded now does what it should; how many builds it took."""
    building.load.cache_clear()
    before = building.builds
    part = building.ctypes.c_double(0)
    building.load(source)(7, *[None] * 9, 1, building.ctypes.byref(part), None)
    assert part.value == 7
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


def test_other_flags_or_another_processor_are_another_library(cache, monkeypatch):
    works()
    monkeypatch.setattr(building, "FLAGS", (*building.FLAGS, "-DOTHER"))
    building._toolchain.cache_clear()
    assert works() == 1
    monkeypatch.undo()
    building._toolchain.cache_clear()


def test_a_folder_that_cannot_be_made_or_written_costs_a_build_each_time(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert [works(), works()] == [1, 1]
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def full(*args):
        raise OSError("read-only")

    monkeypatch.setattr(building.shutil, "copyfile", full)
    assert [works(), works()] == [1, 1]


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


def test_a_compiler_that_fails_or_is_not_there(cache, monkeypatch):
    with pytest.raises(building.BuildError, match="error"):
        building.load("this is no C")
    monkeypatch.setenv("PATH", str(cache))
    building._toolchain.cache_clear()
    with pytest.raises(building.BuildError, match="no C compiler was found"):
        building.load(SOURCE)
    building._toolchain.cache_clear()


def test_two_processes_build_at_once(cache):
    script = textwrap.dedent(f"""
        import importlib.util, sys
        spec = importlib.util.spec_from_file_location("building", {building.__file__!r})
        building = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(building)
        sys.stdin.readline()
        building.load({SOURCE!r})
        print(building.builds)
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
    script = "import keras_optim.fused; from keras_optim.native import building as b"
    script += "; print(b.builds)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip() == "0"
    assert not cache.exists()
