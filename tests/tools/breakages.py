"""Breakages of `tests.tools.mutants`: rows of a file, a line, its replacement, and tests."""

from typing import NamedTuple

REFERENCE = "tests/algorithms/test_reference.py"


class Mutant(NamedTuple):
    """One line to break, and the tests that must notice."""

    file: str
    old: str
    new: str
    tests: str
    backend: str = "torch"


def rule(name, old, new):
    """Return a breakage of an algorithm, which its reference must notice."""
    return Mutant(f"keras_optim/algorithms/{name}.py", old, new, f"{REFERENCE} -k {name}")


RULES = [
    rule("adam", "-unbias(lr * share, self.beta_1, t)", "-unbias(lr * share, self.beta_2, t)"),
    Mutant(
        "keras_optim/algorithms/descent.py",
        "g + self.momentum * m if",
        "self.momentum * m if",
        f"{REFERENCE} -k sgd",
    ),
    Mutant(
        "keras_optim/algorithms/descent.py",
        'm = self.momentum * s["momentum"] + g',
        'm = self.momentum * s["momentum"] - g',
        f"{REFERENCE} -k sgd",
    ),
    rule("lion", "ema(m, g, self.beta_2)", "ema(m, g, self.beta_1)"),
    rule("adafactor", "mean(share, -2)", "mean(share, -1)"),
    rule("adafactor", "/ self.clip_threshold, 1.0)", "/ self.clip_threshold, 2.0)"),
    rule("sm3", "-lr * m, {**new", "-lr * step, {**new"),
    rule("sm3", "if b != a]", "if b == a]"),
    rule("lamb", "ratio(norm(x), norm(r))", "ratio(norm(r), norm(x))"),
    rule("lars", "if len(x.shape) > 1:", "if len(x.shape) > 2:"),
    rule("radam", "(longest / rho)", "(rho / longest)"),
    rule("ftrl", "g = g + 2.0 * shrinkage * x", "g = g + shrinkage * x"),
    rule("rprop", "self.eta_minus * size, size", "self.eta_plus * size, size"),
    rule("madgrad", "** (1.0 / 3.0)", "** (1.0 / 2.0)"),
    rule("accsgd", "(c + beta)", "(c - beta)"),
    rule("novograd", "v > 0.0", "v >= 0.0"),
    rule("yogi", "v > square, v - change", "v > square, v + change"),
    rule("swats", "(t > 1) & known", "known"),
    rule("aggmo", "/ len(new)", "/ (1 + len(new))"),
    rule("adagrad", 's["accumulator"] + g * g', 's["accumulator"] + g'),
    rule("rmsprop", 'v - new["mean"] * new["mean"]', 'v - new["mean"]'),
    rule("adopt", "ops.where(t > 1, ema(", "ops.where(t > 2, ema("),
]

NUMERICS = "keras_optim/numerics.py"
EDGES = "tests/algorithms/test_properties.py"
NOT_A_NUMBER = "tests/engine/test_stored_weights.py -k not_a_number"
ENGINE = [
    Mutant(NUMERICS, "decay * average + (1.0 - decay)", "decay * average + (decay)", REFERENCE),
    Mutant(NUMERICS, "ops.where(ops.isnan(x), x, ops.sign(x))", "ops.sign(x)", NOT_A_NUMBER),
    Mutant(NUMERICS, "between(direction, -1e30, 1e30)", "direction", EDGES),
    Mutant(
        "keras_optim/decaying.py",
        'decayed = -lr * s["weight_decay"] * x',
        'decayed = -s["weight_decay"] * x',
        "tests/algorithms/test_every.py -k decay",
    ),
    Mutant(
        "keras_optim/decaying.py",
        'return x if s["stored"] is None else s["stored"](x)',
        "return x",
        "tests/engine/test_stored_weights.py",
    ),
    Mutant(
        "keras_optim/engine/optimizer_state.py",
        'decay_of(decay, path) if constants.get("decayed") else 0.0',
        "decay_of(decay, path)",
        "tests/variables/test_paths.py",
    ),
    Mutant(
        "keras_optim/decaying.py",
        "sign(change) * sign(x) <= 0.0",
        "sign(change) * sign(x) >= 0.0",
        "tests/algorithms/test_weight_decay.py -k cautious",
    ),
    Mutant(
        "keras_optim/engine/combining.py",
        "(t - 1) % rule.second_period == 0",
        "t % rule.second_period == 0",
        "tests/wrappers/test_looksam.py",
    ),
    Mutant(
        "keras_optim/wrappers/gsam.py",
        "return -self.alpha, 1.0",
        "return self.alpha, 1.0",
        "tests/wrappers/test_sam.py -k paper",
    ),
    Mutant(
        "keras_optim/engine/storing.py",
        "return None if constraint is None else Stored(dtype, constraint)",
        "return None",
        "tests/engine/test_stored_weights.py",
    ),
    Mutant(
        "keras_optim/engine/rule.py",
        "isinstance(a[n], dict) else a[n] + b[n]",
        "isinstance(a[n], dict) else b[n]",
        "tests/engine/test_run.py",
        "jax",
    ),
    Mutant(
        "keras_optim/engine/pipeline.py",
        "gs = [g / period for g in gs]",
        "gs = list(gs)",
        "tests/algorithms/test_every.py -k accumulat",
    ),
    Mutant(
        "keras_optim/engine/pipeline.py",
        "g if scale is None else g / scale",
        "g if scale is None else g * scale",
        "tests/algorithms/test_every.py tests/algorithms/test_options.py -k 'scaling or together'",
    ),
    Mutant(
        "keras_optim/engine/pipeline.py",
        "(count + 1) % period == 0",
        "count % period == 0",
        "tests/algorithms/test_every.py tests/codegen/test_steps.py -k 'ema or option'",
    ),
    Mutant(
        "keras_optim/engine/pipeline.py",
        "ops.minimum(iterations, 2**31 - 2) + 1",
        "iterations + 1",
        "tests/engine/test_counting.py tests/codegen",
    ),
    Mutant(
        "keras_optim/engine/distribution.py",
        "optimizer.assign_sub(variable, change.op.inputs[0])",
        "optimizer.assign_add(variable, change.op.inputs[0])",
        "tests/engine/test_changes.py -k numbers",
        "tensorflow",
    ),
    Mutant(
        "keras_optim/engine/distribution.py",
        "return context.all_reduce(tf().distribute.ReduceOp.SUM, list(grads))",
        "return list(grads)",
        "tests/distribution/test_tensorflow.py",
        "tensorflow",
    ),
    Mutant(
        "keras_optim/engine/sparse_rows.py",
        "constrained or _needs_all_rows(optimizer)",
        "constrained",
        "tests/wrappers/test_lazy_rows.py",
    ),
    Mutant(
        "keras_optim/engine/norms.py",
        "return ops.sqrt(total(square))",
        "return total(square)",
        "tests/callbacks/test_callbacks.py",
        "jax",
    ),
    Mutant(
        "keras_optim/engine/torch_binding.py",
        "torch.autograd.graph.increment_version(self.xs)",
        "pass",
        "tests/codegen/test_changes.py tests/codegen/test_steps.py",
    ),
    Mutant(
        "keras_optim/engine/torch_native.py",
        "return [v.constraint for v in self.variables] != self.constraints",
        "return False",
        "tests/codegen/test_changes.py tests/codegen/test_fuzz.py",
    ),
    Mutant(
        "keras_optim/engine/torch_binding.py",
        "return not before or self.ends[before - 1] <= address",
        "return True",
        "tests/codegen/test_steps.py -k a_gradient",
    ),
]

WRAPPERS = [
    Mutant(
        "keras_optim/wrappers/averaging.py",
        's["lag"] - self.moved(change, x, s)',
        's["lag"] - change',
        "tests/engine/test_stored_weights.py",
    ),
    Mutant(
        "keras_optim/wrappers/ema.py",
        "(1.0 + t) / (10.0 + t)",
        "(2.0 + t) / (10.0 + t)",
        "tests/wrappers/test_averaging.py",
    ),
    Mutant(
        "keras_optim/wrappers/swa.py",
        "since // self.period + 1",
        "since // self.period + 2",
        "tests/wrappers/test_averaging.py",
    ),
    Mutant(
        "keras_optim/wrappers/lookahead.py",
        "t % self.sync_period == 0",
        "t % self.sync_period == 1",
        f"{REFERENCE} tests/wrappers/test_wrappers.py -k 'lookahead'",
    ),
    Mutant(
        "keras_optim/wrappers/skip_non_finite.py",
        '"skipped": s["skipped"] + once',
        '"skipped": s["skipped"]',
        "tests/wrappers/test_transforms.py -k skip",
    ),
    Mutant(
        "keras_optim/wrappers/rate_multipliers.py",
        'self.inner.step(g, x, s["inner"], t, s["multiplier"] * lr)',
        'self.inner.step(g, x, s["inner"], t, lr)',
        "tests/wrappers/test_rate_multipliers.py",
    ),
    Mutant(
        "keras_optim/wrappers/lazy_rows.py",
        'return ops.where(there, change, ops.zeros_like(x)), {"inner": kept}',
        'return change, {"inner": kept}',
        "tests/wrappers/test_lazy_rows.py",
    ),
    Mutant(
        "keras_optim/wrappers/adaptive_clipping.py",
        "range(rank - 1)",
        "range(rank)",
        f"{REFERENCE} tests/wrappers/test_transforms.py -k 'clipping'",
    ),
    Mutant(
        "keras_optim/wrappers/wrapper.py",
        "its[name] = config.pop(name)",
        "config.pop(name)",
        "tests/wrappers/test_wrappers.py tests/state/test_files.py",
    ),
]

STATE = [
    Mutant(
        "keras_optim/state/evaluation_weights.py",
        'bool(kept) and kept["iteration"] == _iteration(optimizer)',
        "bool(kept)",
        "tests/wrappers/test_averaging.py tests/state/test_evaluation_weights.py",
    ),
    Mutant(
        "keras_optim/state/files.py",
        "number == number // 1 and 0 <= number <= most",
        "number <= most",
        "tests/state/test_bad_files.py",
    ),
    Mutant(
        "keras_optim/state/files.py",
        "    arrays = _of_this_version(optimizer, arrays)",
        "    arrays = dict(arrays)",
        "tests/state/test_portability.py -k sm3",
    ),
    Mutant(
        "keras_optim/state/files.py",
        "if missed := (named.keys() | arrays.keys()) - read",
        "if missed := arrays.keys() - read - named.keys()",
        "tests/state",
    ),
    Mutant(
        "keras_optim/variables/paths.py",
        "return [i for i, path in enumerate(paths) if path == whole]",
        "return [paths.index(whole)]",
        "tests/variables tests/wrappers/test_layerwise_decay.py",
    ),
    Mutant(
        "keras_optim/arguments/ranges.py",
        "below = value < self.high if",
        "below = value <= self.high if",
        "tests/arguments",
    ),
    Mutant(
        "keras_optim/optimizer.py",
        "self.state.native.forget()",
        "pass",
        "tests/codegen/test_changes.py tests/codegen/test_caches.py",
    ),
    Mutant(
        "keras_optim/optimizer.py",
        "self._paths if same_variables(self._paths, now) else now",
        "now",
        "tests/variables tests/wrappers/test_layerwise_decay.py",
    ),
]

SCHEDULES = [
    Mutant(
        "keras_optim/schedules/decays.py",
        "step // self.decay_steps, like",
        "step, like",
        "tests/schedules",
    ),
    Mutant(
        "keras_optim/schedules/decays.py", "1.0 / ops.sqrt(share)", "1.0 / share", "tests/schedules"
    ),
    Mutant(
        "keras_optim/schedules/phases.py",
        "start = self.warmup_steps + self.stable_steps",
        "start = self.warmup_steps",
        "tests/schedules",
    ),
    Mutant(
        "keras_optim/schedules/cycles.py",
        "ops.where(t <= peak",
        "ops.where(t < peak + 2",
        "tests/schedules",
    ),
]

CODEGEN = [
    Mutant(
        "keras_optim/codegen/operations.py",
        '"amax": Reduction("-1.0 / 0.0"',
        '"amax": Reduction("0"',
        "tests/codegen/test_maxima.py",
    ),
    Mutant(
        "keras_optim/codegen/operations.py",
        '"minimum": Operation("({0} < {1} || {0} != {0} ? {0} : {1})")',
        '"minimum": Operation("({0} < {1} ? {0} : {1})")',
        "tests/codegen/test_operations.py",
    ),
    Mutant(
        "keras_optim/codegen/kernel.py",
        "if len(set(used)) < len(used):",
        "if False:",
        "tests/codegen",
    ),
    Mutant(
        "keras_optim/codegen/kernel.py",
        "prove(self._engine,",
        "(lambda *a: None)(self._engine,",
        "tests/codegen/test_proving.py",
    ),
    Mutant(
        "keras_optim/codegen/proving.py",
        "allowed = 2 * spread +",
        "allowed = 1e9 + spread +",
        "tests/codegen/test_proving.py",
    ),
    Mutant(
        "keras_optim/codegen/replaying.py",
        "torch.where(overflows, 0, total)",
        "total",
        "tests/codegen/test_proving.py",
    ),
]

OTHERS = [
    Mutant(
        "keras_optim/convert/optax_rows.py",
        'return {"momentum_product": rule.beta_1**count}',
        'return {"momentum_product": rule.beta_1}',
        "tests/convert/test_optax.py",
        "jax",
    ),
    Mutant(
        "keras_optim/convert/torch_optim.py",
        "return np.transpose(value, order) if value.ndim == len(order) else value",
        "return value",
        "tests/convert/test_torch.py",
    ),
    Mutant(
        "keras_optim/full_batch/line_search.py",
        "abs(trial.slope) <= curvature * abs(start.slope)",
        "abs(trial.slope) <= abs(start.slope)",
        "tests/full_batch",
    ),
    Mutant(
        "keras_optim/full_batch/lbfgs.py",
        "if s @ y > CURVED * (s @ s) ** 0.5 * (y @ y) ** 0.5:",
        "if True:",
        "tests/full_batch",
    ),
    Mutant(
        "keras_optim/full_batch/descent.py",
        "point.gradient_norm <= rules.gradient_tolerance",
        "point.gradient_norm <= 10 * rules.gradient_tolerance",
        "tests/full_batch",
    ),
    Mutant(
        "keras_optim/compare/training/engine.py",
        "self.improved = not self.outcome.reason and key < self.best",
        "self.improved = True",
        "tests/compare/training",
    ),
    Mutant(
        "keras_optim/compare/command.py",
        'return 1 if any(run.state == "failed" for run in result.runs) else 0',
        "return 0",
        "tests/compare/test_command.py",
    ),
    Mutant(
        "keras_optim/compare/files.py",
        "os.replace(temporary, path)",
        "path.touch()",
        "tests/compare/test_damage.py",
    ),
    Mutant(
        "keras_optim/compare/process/lock.py",
        "if fcntl is None:",
        "if True:",
        "tests/benchmarks/test_processes.py",
    ),
    Mutant(
        "keras_optim/compare/training/initial.py",
        "while (outside := np.abs(values) > 2).any():",
        "while (outside := np.abs(values) > 9).any():",
        "tests/compare/training",
    ),
    Mutant(
        "keras_optim/compare/analysis/scores.py",
        'if run.state != "done":\n        return math.nan',
        "if False:\n        return math.nan",
        "tests/compare/analysis",
    ),
    Mutant(
        "keras_optim/compare/search/grid.py",
        "if best in (min(self._keys), max(self._keys)):",
        "if False:",
        "tests/compare/search",
    ),
]

MUTANTS = [*RULES, *ENGINE, *WRAPPERS, *STATE, *SCHEDULES, *CODEGEN, *OTHERS]
