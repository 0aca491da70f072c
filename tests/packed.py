"""Checks the files in `dist/` before anybody uploads them: what is in them, and what they say.

Run by `tox -e dist`, not by pytest. `--release v1.2.3` also checks all that a release of that tag
needs. Prints the sizes; every fault is a line, and the exit status is then 1.
"""

import argparse
import email
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).parents[1]
DIST_INFO = {"METADATA", "WHEEL", "RECORD", "licenses/LICENSE"}
NEEDED = {"keras", "numpy"}
"""All that an installation without extras brings."""
RELATIVE_LINK = re.compile(r"\]\((?!https?://|#)([^)]+)\)")


def version(root=ROOT):
    """Return the version that the package states."""
    text = (root / "keras_optim/_version.py").read_text(encoding="utf-8")
    return re.search(r'__version__ = "([^"]+)"', text)[1]


def sources(root=ROOT):
    """Return the places of all files of the package, as they lie in the checkout."""
    files = (p for p in (root / "keras_optim").rglob("*") if p.is_file())
    return {p.relative_to(root).as_posix() for p in files if "__pycache__" not in p.parts}


def tracked(root=ROOT):
    """Return the places that git tracks, or `None` outside of a repository."""
    done = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True)
    return set(done.stdout.split("\0")) - {""} if done.returncode == 0 else None


def wheel_faults(names, metadata, root=ROOT):
    """Return a line for each fault of a wheel with the files `names`."""
    info = f"keras_optim-{version(root)}.dist-info"
    expected = sources(root) | {f"{info}/{name}" for name in DIST_INFO}
    found = email.message_from_string(metadata)
    plain = [line for line in found.get_all("Requires-Dist", []) if "extra ==" not in line]
    needed = {re.match(r"[\w-]+", line)[0] for line in plain}
    yield from (f"wheel: {name} is missing" for name in sorted(expected - set(names)))
    yield from (f"wheel: {name} does not belong there" for name in sorted(set(names) - expected))
    if "keras_optim/py.typed" not in names:
        yield "wheel: no py.typed"
    if found["Version"] != version(root):
        yield f"wheel: version {found['Version']}, the package says {version(root)}"
    if found["License-Expression"] != "MIT":
        yield f"wheel: licence {found['License-Expression']}"
    if needed != NEEDED:
        yield f"wheel: needs {sorted(needed)}"


def sdist_faults(names, known, root=ROOT):
    """Return a line for each fault of a source distribution; `known` are the tracked files."""
    top = f"keras_optim-{version(root)}"
    inside = {str(PurePosixPath(name).relative_to(top)) for name in names}
    wanted = sources(root) | {"PKG-INFO", "LICENSE", "README.md", "pyproject.toml", "tox.ini"}
    yield from (f"sdist: {name} is missing" for name in sorted(wanted - inside))
    if known is not None:
        strange = inside - known - {"PKG-INFO"}
        yield from (f"sdist: {name} is not tracked by git" for name in sorted(strange))


def release_faults(tag, metadata, changelog, root=ROOT):
    """Return a line for each thing that a release of `tag` still needs."""
    found = email.message_from_string(metadata)
    number = version(root)
    if tag != f"v{number}":
        yield f"release: the tag is {tag}, the package says {number}"
    if not re.search(rf"^## {re.escape(number)} \(\d{{4}}-\d\d-\d\d\)$", changelog, re.MULTILINE):
        yield f"release: CHANGELOG.md has no heading `## {number} (date)`"
    if not found.get_all("Project-URL"):
        yield "release: pyproject.toml has no [project.urls]"
    links = RELATIVE_LINK.findall(found.get_payload())
    if links:
        yield f"release: {len(links)} links of the description lead nowhere on PyPI: {links[0]}"


def main():
    """Check both files; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--release", metavar="TAG")
    tag = parser.parse_args().release
    [wheel] = (ROOT / "dist").glob("*.whl")
    [sdist] = (ROOT / "dist").glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        [place] = (name for name in names if name.endswith(".dist-info/METADATA"))
        metadata = archive.read(place).decode("utf-8")
    with tarfile.open(sdist) as archive:
        packed = [member.name for member in archive.getmembers() if member.isfile()]
    faults = [*wheel_faults(names, metadata), *sdist_faults(packed, tracked())]
    if tag is not None:
        changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
        faults += release_faults(tag, metadata, changelog)
    for path, count in ((wheel, len(names)), (sdist, len(packed))):
        print(f"{path.name}: {path.stat().st_size:,} bytes, {count} files")
    print(*faults, sep="\n", end="\n" if faults else "")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
