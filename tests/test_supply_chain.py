"""What comes with the package: its dependencies, and what an import does."""

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import textwrap
from pathlib import Path

import pytest

import keras_optim
from tests.conftest import BACKEND, one_backend

pytestmark = one_backend

KERAS = {"matplotlib"}
"""What Keras leaves in a cache folder by itself."""

WATCHED = """
import builtins, os, socket, subprocess, sys

import keras  # what Keras does is its own

events = []

def watch(event, args):
    if event == "open":
        path, mode, flags = args
        writing = flags and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if writing and not str(path).startswith("/dev/") and "__pycache__" not in str(path):
            events.append((event, str(path)))
    elif event in ("socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.system",
                   "os.mkdir", "os.rename", "os.remove", "shutil.copyfile", "pickle.find_class"):
        events.append((event, str(args)))

sys.addaudithook(watch)
{action}
print("events:", events)
"""


def events(action, **environment):
    done = subprocess.run(
        [sys.executable, "-c", WATCHED.format(action=textwrap.dedent(action))],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **environment},
    )
    return done.stdout.partition("events:")[2].strip()


def test_the_package_needs_keras_and_numpy_alone():
    needed = importlib.metadata.requires("keras_optim")
    plain = {re.match(r"[\w-]+", line)[0] for line in needed if "extra ==" not in line}
    assert plain == {"keras", "numpy"}


def test_an_import_writes_nothing_and_calls_nobody():
    assert events("import keras_optim") == "[]"


def test_the_watch_sees_what_it_should(tmp_path):
    seen = events(
        f"""
        open({str(tmp_path / "x")!r}, "w").close()
        try:
            socket.getaddrinfo("localhost", 80)
        except OSError:
            pass
        """
    )
    assert "'open'" in seen and "socket.getaddrinfo" in seen


@pytest.mark.skipif(BACKEND != "torch", reason="only there something is compiled by us")
def test_a_native_step_writes_to_its_cache_alone(tmp_path):
    step = """
        import torch
        import keras_optim
        x = keras.Variable([1.0])
        keras_optim.Adam().apply([torch.ones(1)], [x])
        """
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    events(step, XDG_CACHE_HOME=str(tmp_path), TMPDIR=str(temporary))
    assert {p.name for p in tmp_path.iterdir()} - KERAS == {"keras_optim", "tmp"}
    assert not list(temporary.iterdir())
    suffixes = sorted(p.suffix for p in (tmp_path / "keras_optim").iterdir())
    assert suffixes == [".note", ".so"]  # the library, and that it proved itself


@pytest.mark.skipif(BACKEND != "torch", reason="only there something is compiled by us")
def test_eager_needs_no_compiler_and_leaves_no_cache(tmp_path):
    step = """
        import torch
        import keras_optim
        x = keras.Variable([1.0])
        keras_optim.Adam().apply([torch.ones(1)], [x])
        """
    seen = events(step, XDG_CACHE_HOME=str(tmp_path), KERAS_OPTIM_TORCH="eager")
    assert "subprocess" not in seen
    assert {p.name for p in tmp_path.iterdir()} <= KERAS


# ---- the version


def test_there_is_one_version():
    text = (Path(keras_optim.__file__).parent / "_version.py").read_text(encoding="utf-8")
    assert f'__version__ = "{keras_optim.__version__}"' in text
    assert importlib.metadata.version("keras_optim") == keras_optim.__version__


WITHOUT_METADATA = """
import importlib.metadata, sys
sys.path += {paths}
try:
    importlib.metadata.version("keras_optim")
except importlib.metadata.PackageNotFoundError:
    pass
else:
    raise SystemExit("there is metadata")
import keras, numpy, keras_optim
from keras_optim.compare.plan import versions
from keras_optim.compare.report import page

x = numpy.ones((4, 1), "float32")
model = keras.Sequential([keras.layers.Dense(1)])
model.compile(optimizer=keras_optim.Adam(), loss="mse")
model.fit(x, x, verbose=0)
assert "<html" in page._text("report.html.jinja")
print(keras_optim.__file__, keras_optim.__version__, versions()["keras_optim"])
"""


@pytest.fixture(scope="module")
def others(tmp_path_factory):
    """A folder with all that is installed here but this package and its metadata."""
    folder = tmp_path_factory.mktemp("others")
    for place in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        for path in Path(place).iterdir():
            if not path.name.startswith(("keras_optim", "_keras_optim", "__editable__")):
                (folder / path.name).symlink_to(path)
    return folder


def copied(target):
    """A plain folder, as people copy it into a project."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(Path(keras_optim.__file__).parent, target / "keras_optim", ignore=ignored)
    return target


def source_tree(target):
    """The checkout itself."""
    return Path(keras_optim.__file__).parents[1]


def archived(target):
    """One file, as tools that freeze an application make it."""
    copied(target / "files")
    return Path(shutil.make_archive(str(target / "frozen"), "zip", target / "files"))


@pytest.mark.parametrize("place", [copied, source_tree, archived])
def test_the_package_works_without_metadata(place, tmp_path, others):
    where = place(tmp_path)
    code = WITHOUT_METADATA.format(paths=[str(where), str(others)])
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    file, *versions = done.stdout.split()[-3:]
    assert file.startswith(str(where)) and versions == [keras_optim.__version__] * 2
