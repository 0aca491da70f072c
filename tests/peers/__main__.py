"""Run every library; write the trajectories, or with --check compare them with the file.

They agree to the bar of the peer. Some libraries round parts to single precision or feed rounding back
into an estimate, so that compilers change the last digits.
"""

import sys

import numpy as np

from tests.support.xla import compile_quickly

compile_quickly("jax")

from tests.peers.table import EVERY  # noqa: E402
from tests.peers.trajectories import installed, stored, write  # noqa: E402


def main():
    """Exit status 1 if --check finds a difference."""
    versions = installed()
    paths = {}
    for label, peer in EVERY.items():
        paths[label] = peer.paths()
        print(f"ran {label}", flush=True)
    if "--check" not in sys.argv:
        write(paths, versions)
        return 0
    kept, kept_versions = stored()
    wrong = [] if kept_versions == versions else [f"versions: {kept_versions}, now {versions}"]
    wrong += [f"{label}: missing or not in the table" for label in kept.keys() ^ paths.keys()]
    for label in kept.keys() & paths.keys():
        for a, b in zip(kept[label], paths[label], strict=True):
            if a.shape != b.shape or np.max(np.abs(a - b), initial=0.0) > EVERY[label].bar:
                wrong.append(f"{label}: another trajectory")
                break
    print("\n".join(wrong) or f"{len(paths)} trajectories are those in the file")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
