"""Patterns mean what `re.search` finds, but for `^`, and none takes long."""

import random
import re

import pytest

from keras_optim.variables.patterns import DEEPEST, LONGEST, Pattern
from tests.conftest import one_backend

pytestmark = one_backend


def written(depth):
    """A random pattern of characters, classes, groups, repeats and looks around."""
    kind = random.random()
    if not depth or kind < 0.3:
        return random.choice(["a", "b", "c", ".", "[ab]", "[^a]", r"\w", r"\b", "$", r"\A", "/"])
    if kind < 0.5:
        return written(depth - 1) + written(depth - 1)
    if kind < 0.6:
        return f"({written(depth - 1)}|{written(depth - 1)})"
    if kind < 0.8:
        repeat = random.choice(["*", "+", "?", "{2}", "{,2}", "{1,3}", "*?", "{2,}", "+?"])
        return f"(?:{written(depth - 1)}){repeat}"
    if kind < 0.92:
        return random.choice(["(?=", "(?!", "(?P<name>"]) + written(depth - 1) + ")"
    return random.choice(["(?<=a)", "(?<!b)", "(?<=[ab]c)", "(?<!ab)"])


def test_what_is_found_is_what_re_finds():
    random.seed(0)
    compared = 0
    while compared < 3000:
        text = written(4)
        try:
            expected = re.compile(text)
        except re.error:  # one name for two groups
            continue
        pattern = Pattern(text)
        for _ in range(3):
            path = "".join(random.choice("abc/") for _ in range(random.randrange(7)))
            assert pattern.found_in(path) == bool(expected.search(path)), (text, path)
            compared += 1


KERNELS = ["body/kernel", "sequential/body/kernel", "head/kernel", "sequential/head/kernel", "bias"]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("^body/", [0, 1]),
        ("^(body|head)/kernel$", [0, 1, 2, 3]),
        ("(^|/)head/", [2, 3]),
        (r"\Abody", [0]),
        ("^bias$", [4]),
        ("^bod", [0, 1]),
        ("^ody", []),
        ("^(?!head).*", [0, 1, 4]),
        ("^(?!head)(?!bias)", [0, 1]),
        ("^(?!(head|bias))", [0, 1]),
        ("^(?!head)body/kernel$", [0, 1]),
        ("^(?!.*kernel)", [4]),
        ("^((?!head).)*$", [0, 1, 4]),
        ("BODY", []),
        ("(?i)BODY", [0, 1]),
        (r"b\x69as|[/]head", [3, 4]),
        ("kernel{1}$", [0, 1, 2, 3]),
        ("{1,", []),
    ],
)
def test_a_beginning_is_that_of_any_part(pattern, found):
    assert [i for i, path in enumerate(KERNELS) if Pattern(pattern).found_in(path)] == found


LONG = ["a" * 200, "a/" * 100, "a" * 199 + "b"]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("(a+)+$", [True, False, False]),
        ("(a|a)*c", [False] * 3),
        ("(a|aa)+$", [True, False, False]),
        ("(.*a){20}$", [True, False, False]),
        ("a*a*a*a*a*a*b", [False, False, True]),
        ("(((a*)*)*)*c", [False] * 3),
        ("((((a?){99}){99}){99}){99}c", [False] * 3),
        ("a?" * 200 + "a" * 200, [True, False, False]),
        ("((?=.*c)a)*c", [False] * 3),
    ],
)
def test_patterns_that_never_end_elsewhere(pattern, found):
    """With `re`, most of them would take longer than anybody can wait."""
    assert [Pattern(pattern).found_in(path) for path in LONG] == found


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("(", "no regular expression: missing"),
        (r"(a)\1", "references to groups"),
        ("(?P<n>a)(?P=n)", "'..P=', which is not supported"),
        ("a(?i:b)", "'..i:', which is not supported"),
        ("(?x) a", "'..x.', which is not supported"),
        ("a*+", "possessive"),
        ("a{99999999999999999999}", "no regular expression"),
        ("a" * (LONGEST + 1), f"has {LONGEST + 1} characters"),
        ("(" * 51 + "a" + ")" * 51, f"more than {DEEPEST} groups"),
        ("(" * 499 + "a" + ")" * 499, "no regular expression|groups"),
    ],
)
def test_what_is_not_read(pattern, message):
    with pytest.raises(ValueError, match=message):
        Pattern(pattern)


def test_what_takes_too_long_is_said():
    with pytest.raises(ValueError, match="takes too long"):
        Pattern("((?=(a*b?)*c)a?)*d").found_in("a" * 400)
