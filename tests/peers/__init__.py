"""The independent libraries that algorithms are held against.

`python -m tests.peers` runs them all and writes their trajectories to a file that the tests of
every backend read; `python -m tests.peers --check` fails if that file is not what they give now.
(`python -m tests.tools.refresh` runs those only that the file lacks.)
"""
