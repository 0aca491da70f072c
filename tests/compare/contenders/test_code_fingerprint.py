"""What makes a result of the benchmark stale: the code it was made with, and nothing else."""

import importlib
import sys

import pytest

from keras_optim.compare.contenders import code_fingerprint
from tests.conftest import one_backend

pytestmark = one_backend

PACKAGE = {
    "__init__.py": "from made_up.fast import Fast\n",
    "base.py": """
class Base:
    'A text.'
    def apply_gradients(self):
        return self.rule()
""",
    "verbs.py": """
import math
RATE = 2.0
def used(x):
    return RATE * helper(x)
def helper(x):
    return math.sqrt(x)
def unused(x):
    return x
""",
    "tools.py": "def tidy(x):\n    return x\ndef spare(x):\n    return x\n",
    "fast.py": """
from made_up import tools
from made_up.base import Base
from made_up.verbs import used
class Fast(Base):
    def rule(self):
        from made_up.lazy import late  # comment
        return tools.tidy(used(1)) + late()
""",
    "lazy.py": "def late():\n    return 0\n",
    "other.py": "def other():\n    return 0\n",
}


@pytest.mark.parametrize(
    ("file", "old", "new", "stale"),
    [
        ("fast.py", "used(1)", "used(2)", True),
        ("base.py", "return self.rule()", "return None", True),
        ("verbs.py", "RATE = 2.0", "RATE = 3.0", True),
        ("verbs.py", "math.sqrt", "math.exp", True),
        ("tools.py", "def tidy(x):\n    return x", "def tidy(x):\n    return -x", True),
        ("lazy.py", "return 0", "return 1", True),
        ("verbs.py", "def unused(x):\n    return x", "", False),
        ("tools.py", "def spare(x):\n    return x\n", "", False),
        ("other.py", "return 0", "return 1", False),
        ("base.py", "A text.", "Another text.", False),
        ("fast.py", "# comment", "", False),
        ("__init__.py", "Fast\n", "Fast\nfrom made_up.other import other\n", False),
    ],
)
def test_what_makes_a_result_stale(file, old, new, stale, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    marks = []
    for change in (False, True):
        for name, text in PACKAGE.items():
            (tmp_path / "made_up" / name).parent.mkdir(exist_ok=True)
            changed = text.replace(old, new) if change and name == file else text
            (tmp_path / "made_up" / name).write_text(changed)
        for module in [m for m in sys.modules if m.partition(".")[0] == "made_up"]:
            del sys.modules[module]
        importlib.invalidate_caches()
        code_fingerprint._contents.cache_clear()
        code_fingerprint._look.cache_clear()
        importlib.import_module("made_up.lazy")
        marks.append(code_fingerprint.fingerprint(importlib.import_module("made_up").Fast()))
    assert (marks[0] != marks[1]) == stale
