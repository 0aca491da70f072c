"""The independent libraries that algorithms are held against.

`python -m tests.peers` runs them all and writes their trajectories to a file that the tests of
every backend read; `python -m tests.peers --check` fails if that file is not what they give now.
"""

from tests.peers.table import PEERS
from tests.peers.trajectories import FILE, stored

__all__ = ["FILE", "PEERS", "stored"]
