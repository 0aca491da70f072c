"""The file of the libraries' trajectories: double precision, a few steps of small variables."""

import contextlib
import json
import pathlib
from importlib import metadata

import numpy as np

FILE = pathlib.Path(__file__).parent.parent / "references" / "peers.npz"
LIBRARIES = (
    "adam-mini",
    "came-pytorch",
    "dadaptation",
    "dog-optimizer",
    "dowgopt",
    "keras",
    "mechanic-pytorch",
    "momo-opt",
    "optax",
    "parameterfree",
    "prodigyopt",
    "pytorch-optimizer",
    "schedulefree",
    "tensorflow",
    "torch",
    "torch-optimi",
)


def stored():
    """Paths by the label of the peer, and the versions of the libraries that gave them."""
    with np.load(FILE) as file:
        versions = json.loads(str(file["versions"]))
        labels = {key.rpartition("|")[0] for key in file.files if "|" in key}
        paths = {
            label: [
                file[f"{label}|{i}"]
                for i in range(sum(k.startswith(f"{label}|") for k in file.files))
            ]
            for label in labels
        }
    return paths, versions


def write(paths, versions):
    """Replace the file."""
    arrays = {f"{label}|{i}": path for label, each in paths.items() for i, path in enumerate(each)}
    np.savez_compressed(FILE, versions=json.dumps(versions), **arrays)


def add_missing():
    """Run the libraries that the file lacks, where they are installed; drop what is not listed."""
    from tests.peers.table import EVERY

    paths, versions = stored()
    known = set(paths)
    paths = {label: path for label, path in paths.items() if label in EVERY}
    for label in sorted(set(EVERY) - known):
        others = {name: v for name, v in installed().items() if v != versions.get(name, v)}
        if others:
            print(f"not run: {label}, as the file is of {versions}, and installed are {others}")
            continue
        try:
            paths[label] = EVERY[label].paths()
        except ImportError as error:
            print(f"not run: {label}, {error}")
        else:
            print(f"ran {label}", flush=True)
    versions = {**installed(), **versions}
    if (set(paths), versions) != (known, stored()[1]):
        write(paths, versions)


def installed():
    """The versions of those libraries that are here."""
    found = {}
    for name in LIBRARIES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name).partition("+")[0]
    return found
