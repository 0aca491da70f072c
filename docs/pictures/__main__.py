"""Draw pictures: `python -m docs.pictures [NAME ...]`; without names, all of them."""

import argparse
import importlib
import time

from docs.pictures import style

PICTURES = {
    "schedules": "schedules.png",
    "minimize": "minimize.png",
    "five_minutes": "learn/five_minutes.svg",
    "oscillator": "learn/oscillator.svg",
    "descent": "learn/descent.svg",
    "batches": "learn/batches.svg",
    "landscapes": "learn/landscapes.svg",
    "momentum": "learn/momentum.svg",
    "adaptive": "learn/adaptive.svg",
    "curvature": "learn/curvature.svg",
    "without_a_rate": "learn/without_a_rate.svg",
}


def main() -> None:
    """Draw the pictures that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m docs.pictures", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(PICTURES))
    names = parser.parse_args().names or list(PICTURES)
    if unknown := set(names) - set(PICTURES):
        parser.error(f"unknown: {', '.join(sorted(unknown))}. Known: {', '.join(PICTURES)}")
    for name in names:
        start = time.perf_counter()
        figure = importlib.import_module(f"docs.pictures.{name}").draw()
        path = style.save(figure, style.FIGURES / PICTURES[name])
        kilobytes, seconds = path.stat().st_size // 1024, time.perf_counter() - start
        print(f"{path.relative_to(style.FIGURES.parents[1])}: {kilobytes} kB, {seconds:.0f} s")


if __name__ == "__main__":
    main()
