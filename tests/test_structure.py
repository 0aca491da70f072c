"""The rules of the house that no linter knows: they are read off the source alone.

Which package may import which is in `pyproject.toml`, for `lint-imports`.
"""

import ast
import io
import re
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for folder in ("keras_optim", "benchmarks")
    for path in sorted((ROOT / folder).rglob("*.py"))
}
PACKAGE = {name: text for name, text in FILES.items() if name.startswith("keras_optim/")}

ASKS_FOR_THE_BACKEND = {
    "keras_optim/compare/training/replicas.py",  # those of TensorFlow
    "keras_optim/tensors.py",
    "keras_optim/numerics.py",  # the sign of NaN on PyTorch
    "keras_optim/differentiation.py",
    "keras_optim/engine/distribution.py",
    "keras_optim/engine/storing.py",  # XLA leaves out casts
    "keras_optim/rounding.py",  # an operation of PyTorch's kernels
    "keras_optim/engine/run.py",  # native steps of PyTorch
    "keras_optim/engine/sparse_rows.py",
    "keras_optim/engine/tensorflow_memory.py",
    "keras_optim/callbacks/access.py",  # JAX's trainer holds the values
    "keras_optim/callbacks/batch_statistics.py",
    "keras_optim/callbacks/sweep.py",
    "keras_optim/state/files.py",  # the width of integers, for a message
    "keras_optim/two_pass.py",  # JAX's trainer hands values over
    "keras_optim/engine/seeds.py",  # the dtype of seeds
    "keras_optim/compare/plan.py",  # a fact about every run
    "keras_optim/compare/training/engines.py",  # the engine of a backend
}
LONG = {  # lines; each is one table or one class that would not be easier to read in two files
    "keras_optim/catalog.py": 407,
    "keras_optim/optimizer.py": 354,
    "keras_optim/keras_private.py": 325,
}


PAGES = {"report.html.jinja", "fragment.html.jinja", "report.css", "report.js"}


def names(text):
    """Names and attributes that a file reads or writes."""
    nodes = list(ast.walk(ast.parse(text)))
    found = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    return found | {node.id for node in nodes if isinstance(node, ast.Name)}


def test_the_package_holds_modules_alone():
    """No copies that a tool left behind; the parts of a page are as they are sent to a browser."""
    found = [p for p in (ROOT / "keras_optim").rglob("*") if p.is_file()]
    others = {p.name for p in found if p.suffix not in {".py", ".pyc", ".typed"}}
    assert others == PAGES


def test_the_backend_is_asked_for_in_few_files():
    asks = {name for name, text in PACKAGE.items() if "BACKEND" in names(text)}
    assert asks == ASKS_FOR_THE_BACKEND
    calls = {name for name, text in PACKAGE.items() if "backend.backend()" in text}
    assert calls == {"keras_optim/tensors.py"}


def test_private_names_of_keras_are_in_one_file():
    [text] = (text for name, text in FILES.items() if name.endswith("/keras_private.py"))
    private = set(re.findall(r"[\".](_[a-z]\w+)\b", text)) - {"_backend"}
    assert len(private) > 15
    for name, other in PACKAGE.items():
        if not name.endswith("/keras_private.py") and "/codegen/" not in name:
            assert not names(other) & private, name
            assert "keras.src" not in other, name


@pytest.mark.parametrize("words", ["_getframe", "currentframe"])
def test_frames_of_callers_are_read_in_one_file(words):
    assert {n for n, text in FILES.items() if words in names(text)} <= {"keras_optim/callers.py"}


def test_no_object_changes_its_class():
    for name, text in FILES.items():
        for node in ast.walk(ast.parse(text)):
            targets = node.targets if isinstance(node, ast.Assign) else []
            assert "__class__" not in {getattr(t, "attr", "") for t in targets}, name


@pytest.mark.parametrize("name", FILES)
def test_files_can_be_read_at_one_sitting(name):
    assert FILES[name].count("\n") <= LONG.get(name, 300)


def test_no_exception_is_kept_that_is_not_needed():
    for name, most in LONG.items():
        assert 300 < FILES[name].count("\n") <= most


# ---- words, see CONTRIBUTING.md


OTHERS = ("keras_optim/algorithms/",)  # their docstrings follow the papers
PROSE = {name: text for name, text in FILES.items() if not name.startswith(OTHERS)}
VAGUE = re.compile(
    r"\b(what|whatever|whoever|whence|lest|anew|at hand|(is|are) (made|there)|goes? on)\b", re.I
)
"""Words that stand for the name of a thing, or hide the actor."""
NO_VERBS = {
    *("A", "All", "An", "For", "From", "How", "In", "It", "New", "No", "Of", "On", "One", "Ours"),
    *("The", "Those", "To", "What", "Where", "Which", "Who", "Whose"),
}
NO_NOUNS = {"All", "Everything", "How", "On", "That", "What", "When", "Where", "Who"}


def first_words(text):
    """The first word of each docstring, and whether it is that of a function."""
    for node in ast.walk(ast.parse(text)):
        documented = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        if documented and (docstring := ast.get_docstring(node)):
            decorators = map(ast.unparse, getattr(node, "decorator_list", ()))
            named = any("property" in decorator for decorator in decorators)
            yield (
                docstring.split()[0].rstrip(".,:;"),
                isinstance(node, ast.FunctionDef) and not named,
            )


@pytest.mark.parametrize("name", PROSE)
def test_prose_names_things_and_actors(name):
    """In docstrings, comments and messages."""
    tokens = tokenize.generate_tokens(io.StringIO(PROSE[name]).readline)
    texts = [token.string for token in tokens if token.type == tokenize.COMMENT]
    values = [getattr(node, "value", None) for node in ast.walk(ast.parse(PROSE[name]))]
    texts += [value for value in values if isinstance(value, str)]
    assert not [text for text in texts if VAGUE.search(text)]


@pytest.mark.parametrize("name", PROSE)
def test_docstrings_of_functions_begin_with_a_verb_and_others_with_a_noun(name):
    for word, function in first_words(PROSE[name]):
        assert word not in (NO_VERBS if function else NO_NOUNS)
        assert not function or word.isalpha(), word
