"""Names for figures and files: labels that fit a line, and names that file systems take."""

import hashlib
import re

LONGEST = 200
"""Bytes of a file's name without its suffix; file systems take 255 with it."""


def short(label: str, most: int = 26) -> str:
    """Shorten a label for a figure: its beginning and its end stay.

    >>> short("lookahead[inner=sgd[momentum=0.9,nesterov=true],sync_period=5]", 24)
    'lookahead[inne…_period=5]'
    >>> short("adam")
    'adam'
    """
    label = " ".join(label.split())
    if len(label) <= most:
        return label
    tail = most * 2 // 5 + 1
    return f"{label[: most - tail]}…{label[-tail:]}"


def shorts(labels: tuple[str, ...], most: int = 26) -> dict[str, str]:
    """Shorten the labels of a comparison; those that would read the same get a number.

    >>> shorts(("a" * 9 + "b" * 9, "a" * 9 + "c" + "b" * 9), 8)
    {'aaaaaaaaabbbbbbbbb': 'aaaa…bbbb (1)', 'aaaaaaaaacbbbbbbbbb': 'aaaa…bbbb (2)'}
    """
    texts = {label: short(label, most) for label in labels}
    alike: dict[str, list[str]] = {}
    for label, text in texts.items():
        alike.setdefault(text, []).append(label)
    for text, group in alike.items():
        if len(group) > 1:
            texts |= {label: f"{text} ({k})" for k, label in enumerate(group, 1)}
    return texts


def file_name(*parts: str) -> str:
    """Join labels and names into the name of a file without its suffix.

    Brackets and separators, which shells and systems interpret, become dashes. A name that lost
    another character that way, or that is too long, gets a hash.

    >>> file_name("sgd[momentum=0.9]", "digits")
    'sgd-momentum=0.9_digits'
    """
    name = "_".join(parts)
    kept = "_".join(part.replace("[", "-").replace("]", "-").rstrip("-") for part in parts)
    safe = re.sub(r"[^\w.,=+-]", "-", kept, flags=re.ASCII).lstrip(".-")
    if safe == kept and len(safe) <= LONGEST:
        return safe
    mark = f"-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    return safe[: LONGEST - len(mark)] + mark
