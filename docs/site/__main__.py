"""The command `python -m docs.site`: builds the site strictly, and checks it."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "jax")


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the site, print its faults, and return the exit status."""
    from docs.site import building, places
    from docs.site.rows import ROWS

    parser = argparse.ArgumentParser(prog="python -m docs.site", description=__doc__)
    parser.add_argument("--folder", type=Path, default=places.BUILD, help="where it is built")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="pages of some optimizers alone")
    options = parser.parse_args(arguments)
    rows = [row for row in ROWS if not options.only or row.name in options.only]
    if faults := building.build(rows, options.folder):
        print(*faults, f"{len(faults)} faults.", sep="\n", file=sys.stderr)
        return 1
    print(f"The site is in {options.folder / 'html'}; open index.html.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
