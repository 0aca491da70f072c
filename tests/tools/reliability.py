"""Promises, the tests that hold them, and the number of cases passed: `docs/reliability.md`.

`KERAS_BACKEND=torch python -m tests.tools.reliability` runs these tests on that backend, keeps the
numbers in `docs/reliability.json` and writes the page. Run it once on each backend. With words,
such as `native`, it counts again only promises whose tests have one of them in their name. With
`.tox/py-torch/tmp/tests.xml`, which a run of tox leaves, it counts there and runs nothing; a
promise with a failure keeps its number.
"""

import collections
import json
import pathlib
import sys
from xml.etree import ElementTree

TESTS = pathlib.Path(__file__).parents[1]
DOCS = TESTS.parent / "docs"
BACKENDS = ("jax", "tensorflow", "torch")

PROMISES = {
    "A run that was interrupted ends on the same bits": {
        "Each algorithm and wrapper, saved to a `.keras` file between two epochs": (
            "algorithms/test_every.py::test_trains_saves_and_resumes",
        ),
        "A few that have all facts, as a pickle, with a schedule, weight decay and a moving "
        "average; deep copies": (
            "state/test_resume.py::test_a_pickle_goes_on_to_the_bit",
            "state/test_resume.py::test_deep_copies_and_copies_of_copies",
            "state/test_resume.py::test_a_copy_for_other_variables_says_what_it_drops",
            "state/test_resume.py::test_what_is_set_between_loading_and_building_stays",
        ),
        "`.keras`, `save_weights`; schedules, EMA, accumulation, `LossScaleOptimizer`": (
            "state/test_resume.py::test_saving_between_epochs_changes_nothing",
            "state/test_resume.py::test_fit_twice_with_a_moving_average",
        ),
        "`BackupAndRestore` after an exception in `fit`": (
            "state/test_resume.py::test_backup_and_restore_after_an_interruption",
        ),
        "`BackupAndRestore`, `ModelCheckpoint`, `EarlyStopping` beside `EvaluateAveraged`, in any "
        "order: files hold what was evaluated, and runs go on from what was trained": (
            "state/test_evaluation_weights.py",
            "state/test_attached_models.py",
        ),
        "Variables that were given, layer-wise rates and patterns mean the same after loading": (
            "variables/test_paths.py",
            "variables/test_loaded_paths.py",
            "wrappers/test_layerwise_decay.py",
        ),
        "`OrbaxCheckpoint` (on JAX, as Keras has it)": (
            "state/test_resume.py::test_an_orbax_checkpoint_between_epochs_changes_nothing",
        ),
        "State is read by name: what matches is loaded, the rest is named": (
            "state/test_files.py",
            "state/test_bad_files.py::test_what_does_not_match_is_named_and_the_rest_is_read",
        ),
    },
    "A run goes on elsewhere": {
        "Files of each backend, read on each: each optimizer's path to 1e-6": (
            "state/test_portability.py",
        ),
        "State from and to torch.optim, optax and Keras, both runs continued": ("convert",),
    },
    "Several devices give what one gives": {
        "JAX: DataParallel and ModelParallel on 8 virtual devices, two processes; "
        "TensorFlow: MirroredStrategy; PyTorch: DDP and FSDP2 with two processes; all "
        "optimizers, but a few of each kind under DataParallel and with two processes on JAX": (
            "distribution/test_jax.py::test_data_parallel_and_model_parallel",
            "distribution/test_jax.py::test_two_processes",
            "distribution/test_tensorflow.py",
            "distribution/test_torch.py",
        ),
        "Each train step lowers for TPU (on JAX)": (
            "distribution/test_jax.py::test_the_train_step_lowers_for_tpu",
        ),
    },
    "Numbers are sound in each precision": {
        "float64 to 1e-10 of the paper, float32 to 1e-5, over 50 steps": (
            "algorithms/test_reference.py",
        ),
        "A rate is asked for once a step and only read, whatever holds it": (
            "engine/test_rates.py",
        ),
        "Variables in float16 and bfloat16: state in float32, near the float32 path": (
            "algorithms/test_every.py::test_half_precision_follows_single_precision",
            "codegen/test_steps.py::test_half_precision_goes_operation_by_operation",
        ),
        "`mixed_float16` and `mixed_bfloat16`, with `LossScaleOptimizer`": (
            "state/test_files.py::test_mixed_precision_models_train_save_and_load",
            "algorithms/test_every.py::test_loss_scale_optimizer",
            "wrappers/test_averaging.py::test_under_a_loss_scale",
        ),
        "Averages, Lookahead and all state that refers to the weights refer to those that are "
        "stored: constrained, and rounded": ("engine/test_stored_weights.py",),
        "Statistics of batch normalisation for averaged weights are those of all inputs": (
            "callbacks/test_batch_statistics.py",
        ),
        "Weights and state in bfloat16: rounded at random without bias, or with the error kept; "
        "the same bits on each backend": (
            "test_rounding.py",
            "engine/test_state_dtype.py",
            "engine/test_weight_rounding.py",
            "codegen/test_half.py",
        ),
        "Counting stays right beyond 2**24 steps and at the largest integer": (
            "engine/test_counting.py",
        ),
    },
    "Sparse gradients are right": {
        "Repeated rows give what the dense gradient gives": (
            "engine/test_run.py::test_sparse_gradients_equal_dense_ones",
            "engine/test_run.py::test_an_embedding_trains_alike_with_sparse_gradients",
        ),
        "Rows that were not used wait (`LazyRows`), as in a loop over rows": (
            "wrappers/test_lazy_rows.py",
        ),
    },
    "What is wrong is refused by name, and harms nothing": {
        "Wrong constructions: types, ranges, NaN, text, unknown names": (
            "arguments/test_bad_input.py::test_each_parameter_refuses_what_it_does_not_allow",
            "arguments/test_hyperparameters.py",
            "arguments/test_arguments.py",
            "arguments/test_scalar.py",
            "arguments/test_rule_checks.py",
        ),
        "Wrong calls: shapes, numbers, unknown variables, two models, patterns": (
            "arguments/test_wrong_calls.py::test_a_wrong_call_harms_nothing",
            "arguments/test_wrong_calls.py::test_a_wrong_beginning",
            "keras/test_inside_keras.py::test_one_optimizer_for_two_models_is_refused",
            "engine/test_run.py::test_wrong_calls",
        ),
        "Files: truncated, corrupted, of another version or class; nothing in them is run": (
            "state/test_bad_files.py",
        ),
        "Any pattern is looked for in bounded time": ("variables/test_patterns.py",),
        "What ends the first step of `fit` reaches the user": (
            "keras/test_inside_keras.py::test_what_ends_the_first_step_reaches_the_user",
        ),
        "A search for a rate leaves all as it was, whatever ends it": (
            "callbacks/test_rate_finder.py",
            "callbacks/test_interrupted_sweeps.py",
        ),
        "`minimize`: losses without curvature, or without their variables; fixed batches; lists": (
            "full_batch",
        ),
    },
    "No NaN from finite input (Hypothesis; several examples a case)": {
        "Any hyper-parameter in its range, any shape from 0-d and empty to 5-D": (
            "algorithms/test_properties.py::test_no_hyper_parameter_in_its_range_makes_a_nan",
        ),
        "Gradients with zeros, subnormals, up to 1e30": (
            "algorithms/test_properties.py::test_no_finite_gradient_makes_a_nan",
        ),
        "NaN and infinity stay in their variable, or are skipped on request": (
            "algorithms/test_properties.py::test_what_is_not_finite_stays_in_its_variable",
            "wrappers/test_transforms.py::test_skipped_steps_leave_no_trace",
            "wrappers/test_transforms.py::test_a_bad_batch_in_fit_is_left_out",
        ),
    },
    "It works inside Keras": {
        "`jit_compile`, `run_eagerly`, `steps_per_execution`, frozen layers, own loops, `vmap` and "
        "`scan`, clones, scikit-learn, KerasTuner, `export`": ("keras/test_inside_keras.py",),
        "Keras's own tests of its optimizers, on ours of the same names; what differs is listed": (
            "keras/test_keras_own.py",
        ),
        "Options: clipping, decay, EMA, accumulation, loss scale; each alone for a few optimizers "
        "that have all facts, several together for all": (
            "algorithms/test_every.py",
            "algorithms/test_options.py",
        ),
        "Weight decay by patterns, cautious, corrected, for every optimizer that has it": (
            "algorithms/test_decay_options.py",
            "algorithms/test_weight_decay.py",
        ),
        "Second passes (SAM, Sophia, AdaHessian) in `fit`, in loops and in mixed precision": (
            "wrappers/test_two_pass.py",
            "wrappers/test_two_pass_models.py",
            "algorithms/test_curvature.py",
        ),
        "Wrappers within each other, in any order, or an error that says why not": (
            "wrappers/test_pairs.py",
        ),
        "`overwrite_with_gradient`, constraints, exclusions": (
            "engine/test_run.py::test_overwrite_with_gradient_variables_keep_no_state",
            "engine/test_run.py::test_constraints_hold_after_the_step",
            "engine/test_run.py::test_exclusion_by_variable_and_by_path_survives_saving",
        ),
    },
    "The native step of PyTorch is the rule": {
        "Each optimizer and option, on the path that the table says; caches, threads, copies": (
            "codegen",
        ),
        "Gradients and variables of every kind, changing between steps": ("codegen/test_fuzz.py",),
        "A compiled step proves itself before it touches a weight; compilers that fail": (
            "codegen/test_proving.py",
            "codegen/test_compilers.py",
            "codegen/test_building.py",
        ),
    },
    "A comparison is fair, and keeps what it has": {
        "Its runs are those of `fit`, from equal weights on every backend; several devices give "
        "the runs of one": ("compare/training",),
        "Claims, margins, ranks and tables are right": ("compare/analysis",),
        "Searches stay in the declared ranges, resume after kills, and share a study": (
            "compare/search",
        ),
        "A killed worker or command loses one run; the same command continues": (
            "compare/test_command.py",
            "compare/test_workers.py",
            "compare/test_children.py",
        ),
        "A damaged file in its folder is made again, or one line says what is wrong": (
            "compare/test_damage.py",
            "benchmarks/test_file_systems.py",
        ),
        "One command at a time on a folder; errors are one line": ("benchmarks/test_processes.py",),
    },
    "Workloads, toys and published figures": {
        "Each workload learns; its data is that of its source, or refused": (
            "benchmarks/test_workloads.py",
            "benchmarks/test_bench.py",
        ),
        "Paths on toy functions are those of the formulas": ("benchmarks/test_toys.py",),
        "Verdicts on published figures follow from the numbers": ("benchmarks/test_verify.py",),
    },
    "The documentation is true": {
        "The code in the README, the guides, the textbook, the notebooks and the pages of "
        "optimizers runs": (
            "docs/test_blocks.py",
            "docs/test_notebooks.py",
            "docs/test_site.py::test_the_code_of_its_page_runs",
        ),
        "Links lead somewhere, pages load nothing from elsewhere, tables are those of the "
        "numbers": (
            "docs/test_links.py",
            "docs/test_site.py",
            "docs/test_catalog.py",
            "docs/test_docs.py",
        ),
    },
    "The package is no burden": {
        "Keras and NumPy are all it needs; an import writes nothing and calls nobody": (
            "test_supply_chain.py",
        ),
        "A backend that is not installed is named, with what to do": ("test_missing_backend.py",),
    },
}


HEAD = """# What can be relied on

Each promise with the tests that hold it, and the cases that passed on each backend when
`python -m tests.tools.reliability` was last run there. A dash: not of that backend. All of these
tests run in CI, those of what does not depend on the backend with PyTorch alone; a case is one test
with one set of parameters.
"""

TAIL = """## The tests notice

`python -m tests.tools.mutants` breaks one line of the package or the benchmark at a time
(`tests/tools/breakages.py`) and runs the tests that must notice. They noticed 77 of 77 breakages
on 26 November 2026, in several runs, some of them shortly before the last changes of the engine.

## A hundred thousand steps

`EMA(SkipNonFinite(AdamW))` with a schedule, a global norm and weight decay in `fit`, one line for
each backend (`KERAS_BACKEND=torch python -m benchmarks.soak`, then `--draw`; two CPU cores):
neither the time of a step nor the memory of the process grows, but for some MiB at first on
PyTorch, which are there with `keras.optimizers.SGD` as well.

![Time of a step and memory over 100,000 steps](figures/soak.png)

## Not promised

* **Not run on TPU hardware, nor on several GPUs.** Steps are lowered for TPU, not run.
* Bits are the same for the same backend, machine and number of devices. Another processor or
  backend may round otherwise; then paths agree as far as the tables above say.
* A gradient that is not finite makes its variable not finite, as in Keras, unless `SkipNonFinite`
  is around the optimizer.
* Hyper-parameters in their ranges give finite numbers, not necessarily good ones.
"""


def page(numbers):
    """Return the text of `docs/reliability.md`."""
    lines = [HEAD]
    for title, promises in PROMISES.items():
        lines += [f"## {title}", "", "| promise | tests | JAX | TensorFlow | PyTorch |"]
        lines += ["|---|---|---|---|---|"]
        for promise, tests in promises.items():
            counts = [numbers.get(backend, {}).get(promise, "not counted") for backend in BACKENDS]
            named = ", ".join(f"`{test}`" for test in tests)
            shown = " | ".join(str(count or "-") for count in counts)
            lines.append(f"| {promise} | {named} | {shown} |")
        lines.append("")
    return "\n".join([*lines, TAIL])


class Counter:
    """A pytest plugin that counts for each test function how many cases passed and failed."""

    def __init__(self):
        self.passed, self.failed = collections.Counter(), []

    def pytest_runtest_logreport(self, report):
        """Note set-up, call or teardown of a case."""
        if report.failed:
            self.failed.append(report.nodeid)
        elif report.when == "call" and report.passed:
            self.passed[report.nodeid.split("[")[0].removeprefix("tests/")] += 1

    def missed(self, tests):
        """Whether a case of these failed: then their old number stays."""
        return any(within(name.split("[")[0], t) for name in self.failed for t in tests)

    def of(self, tests):
        """Count the cases that passed of test functions, files or folders."""
        chosen = (
            count for name, count in self.passed.items() if any(within(name, t) for t in tests)
        )
        return sum(chosen)


def read(file):
    """Return the counter of a report in JUnit's form."""
    counter = Counter()
    for case in ElementTree.parse(file).iter("testcase"):
        module = case.get("classname").replace(".", "/")
        name = f"{module}.py::{case.get('name').split('[')[0]}".removeprefix("tests/")
        if any(case.find(end) is not None for end in ("failure", "error")):
            counter.failed.append(name)
        elif case.find("skipped") is None:
            counter.passed[name] += 1
    return counter


def within(name, test):
    """Whether a test function is that one, or in that file or folder."""
    return name == test or name.startswith((f"{test}::", f"{test}/"))


def chosen(words):
    """Return the promises to count, with their tests: all, or those with a test named so."""
    return {
        promise: tests
        for promises in PROMISES.values()
        for promise, tests in promises.items()
        if not words or any(word in test for word in words for test in tests)
    }


def run(promises):
    """Run the tests of promises, and return their counter."""
    import pytest

    files = {test.split("::")[0] for tests in promises.values() for test in tests}
    counter = Counter()
    pytest.main(["-q", "-n2", *(str(TESTS / f) for f in sorted(files))], plugins=[counter])
    return counter


def main(words):
    """Count the cases, and write the page."""
    import keras

    reports = [word for word in words if word.endswith(".xml")]
    promises = chosen([] if reports else words)
    counter = read(reports[0]) if reports else run(promises)
    if counter.failed and not reports:
        sys.exit(f"failed: {counter.failed}")
    promises = {p: tests for p, tests in promises.items() if not counter.missed(tests)}
    path = DOCS / "reliability.json"
    numbers = json.loads(path.read_text()) if path.exists() else {}
    counted = {promise: counter.of(tests) for promise, tests in promises.items()}
    backend = keras.backend.backend()
    known = numbers.get(backend, {})
    kept = {promise: count for promise, count in known.items() if promise in chosen([])}
    numbers[backend] = {**kept, **counted}
    path.write_text(json.dumps(numbers, indent=1, sort_keys=True) + "\n")
    (DOCS / "reliability.md").write_text(page(numbers))


if __name__ == "__main__":
    main(sys.argv[1:])
