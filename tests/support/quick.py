"""Choice of `pytest -m quick`: about 90 seconds on PyTorch, to run after each change.

It takes the first two cases of each test function. If the cases are about optimizers of the
catalogue, it takes those of a few that have all facts between them. It leaves out tests that start
processes or compilers, or search at random.
"""

from keras_optim import catalog
from keras_optim.contract import Rule
from keras_optim.wrappers.wrapper import Wrapper

CASES = 2
LONG = (
    "tests/algorithms/test_properties.py",
    "tests/benchmarks/",
    "tests/compare/report/",
    "tests/compare/search/",
    "tests/compare/test_",
    "tests/compare/training/test_devices.py",
    "tests/codegen/test_building.py",
    "tests/codegen/test_caches.py::test_threads_do_not_change_it",
    "tests/codegen/test_changes.py::test_in_a_compiled_step_the_rule_is_traced_without_breaks",
    "tests/codegen/test_compilers.py",
    "tests/codegen/test_cuda.py",
    "tests/codegen/test_fuzz.py",
    "tests/codegen/test_proving.py",
    "tests/distribution/",
    "tests/docs/test_notebooks.py::test_a_notebook_runs",
    "tests/docs/test_blocks.py::test_the_blocks_of_a_page_run_one_after_the_other",
    "tests/full_batch/test_line_search.py::test_strong_wolfe_holds_on_random_smooth_functions",
    "tests/keras/test_inside_keras.py::test_a_search_with_keras_tuner",
    "tests/keras/test_inside_keras.py::test_torch_compile_gives_the_same",
    "tests/test_supply_chain.py",
)
FACTS = (
    "scale_invariant",
    "rotation_equivariant",
    "sign_based",
    "elementwise",
    "by_rows",
    "couples_decay",
    "shrinks",
    "rate_at_start_only",
)


def facts(row):
    """Return the facts of a row of the catalogue: its family and those of its class."""
    rule = row.algorithm
    stated = {(name, getattr(rule, name) not in (False, None)) for name in FACTS}
    passed_on = (Rule.evaluate, Wrapper.evaluate)
    return {
        *stated,
        ("family", row.family),
        ("shared", bool(rule.shared)),
        ("second", rule.second),
        ("averages", rule.evaluate not in passed_on),
    }


def covering(rows):
    """Return the names of the rows that are the first to show a fact."""
    seen, names = set(), []
    for row in rows:
        if not facts(row) <= seen:
            seen |= facts(row)
            names.append(row.name)
    return names


def optimizer_of(parameters):
    """Return the name of the optimizer of a case, the outermost of several, or `None`."""
    for value in parameters.values():
        row = value if isinstance(value, catalog.Row) else None
        if isinstance(value, str):
            row = catalog.find(value.partition("(")[0])
        if row:
            return row.name
    return None


def quick(items):
    """Choose the quick ones of the collected tests, in their order."""
    names = covering((*catalog.ALGORITHMS, *catalog.WRAPPERS))
    cases = {}
    for item in items:
        if item.nodeid.startswith(LONG):
            continue
        parameters = item.callspec.params if hasattr(item, "callspec") else {}
        name = optimizer_of(parameters)
        function = item.nodeid.partition("[")[0]
        if name is None:
            cases[function] = cases.get(function, 0) + 1
        if name in names or (name is None and cases[function] <= CASES):
            yield item
