"""The file of the libraries' trajectories: double precision, a few steps of small variables."""

import json
import pathlib

import numpy as np

FILE = pathlib.Path(__file__).parent.parent / "references" / "peers.npz"


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
