"""Refresh of all texts and numbers that follow from the catalogue: run it after a change of it.

`KERAS_BACKEND=torch python -m tests.tools.refresh` writes the texts: the imports of the package,
the README's table, the end of `docs/guides/choosing.md`. It runs installed libraries whose
trajectories `peers.npz` lacks. It measures the figures that `docs/parity.json` lacks for that
backend, and records the missing files of `portability`. It writes `docs/parity.md` once all three
backends are measured. It measures nothing twice.
"""

import pathlib
import re

ROOT = pathlib.Path(__file__).parents[2]
IMPORT = re.compile(r"^from (\S+) import (.+)\n", re.MULTILINE)
CLASS = re.compile(
    r"^from keras_optim\.(?:algorithms|wrappers)\.\w+ import [A-Z]\w*\n", re.MULTILINE
)
TABLE = re.compile(r"^\| optimizer \| idea \|.*?\n(?=\n)", re.MULTILINE | re.DOTALL)
BEGIN, END = "<!-- written by tests.tools.refresh -->\n", "<!-- end -->\n"
BLOCK = re.compile(f"(?<={BEGIN}).*?(?={END})", re.DOTALL)


def package(text):
    """Write `keras_optim/__init__.py`: imports of every class of the catalogue, and `__all__`."""
    catalog = (ROOT / "keras_optim/catalog.py").read_text(encoding="utf-8")
    head = text[: IMPORT.search(text).start()]
    others = [m[0] for m in IMPORT.finditer(CLASS.sub("", text))]
    lines = sorted({*others, *CLASS.findall(catalog)}, key=lambda line: (line.split()[1], line))
    names = sorted(name for line in lines for name in IMPORT.match(line)[2].split(", "))
    names = [name for name in names if " as " not in name]  # of private modules
    listed = "".join(f'    "{name}",\n' for name in names)
    comment = "# The imports of optimizers, and this list: `python -m tests.tools.refresh`.\n"
    return f"{head}{''.join(lines)}\n{comment}__all__ = [\n{listed}]\n"


def readme(text):
    """Write the table of the catalogue into `README.md`."""
    from keras_optim import catalog

    return replaced(TABLE, catalog.table() + "\n", text)


def choose(text):
    """Write the end of `choosing.md`: rows that no guide mentions, in the catalogue's words."""
    from keras_optim import catalog

    spoken = BLOCK.sub("", text) + (ROOT / "docs/guides/coming-from.md").read_text(encoding="utf-8")
    rows = [
        f"| `keras_optim.{row.algorithm.__name__}` | {row.idea} |\n"
        for row in (*catalog.ALGORITHMS, *catalog.WRAPPERS)
        if not re.search(rf"\bkeras_optim\.{row.algorithm.__name__}\b", spoken)
    ]
    head = ["\nNew here, and not yet discussed:\n", "\n| optimizer | idea |\n|---|---|\n"]
    return replaced(BLOCK, "".join([*head, *rows, "\n"]) if rows else "", text)


def replaced(pattern, new, text):
    """Replace the one match of `pattern` in `text` by `new`."""
    text, count = pattern.subn(lambda _: new, text)
    if count != 1:
        raise ValueError(f"{pattern.pattern!r} must be there once; it is {count} times.")
    return text


TEXTS = {"keras_optim/__init__.py": package, "README.md": readme, "docs/guides/choosing.md": choose}


def main():
    """Write all missing texts and numbers."""
    for name, generated in TEXTS.items():
        text = (ROOT / name).read_text(encoding="utf-8")
        if (new := generated(text)) != text:
            (ROOT / name).write_text(new, encoding="utf-8")
            print(f"wrote {name}", flush=True)
    from tests.peers import trajectories
    from tests.tools import parity, portability

    trajectories.add_missing()
    parity.main([])
    portability.main([])


if __name__ == "__main__":
    main()
