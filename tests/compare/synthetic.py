"""Comparisons made by a formula: as real ones look, in milliseconds and without Keras.

Each optimizer has a quality, a best rate and a width around it. The loss falls like a power of the
step, slower the further the rate is from the best, and diverges far above it.
"""

import math
from dataclasses import dataclass

import numpy as np

from keras_optim.compare.analysis.scores import tuning_key
from keras_optim.compare.comparison import Comparison, Measured, Setting, Subject
from keras_optim.compare.runs import Run, Spec

NAMES = (
    *("sgd", "adam", "lion", "muon", "radam", "lamb", "adopt", "yogi", "soap", "nadam"),
    *("rmsprop", "adagrad"),
)
WITHOUT_RATE = "lbfgs"
"""Name of an optimizer that has no rate to tune, if it is asked for."""


@dataclass(frozen=True)
class Nature:
    """Facts about an optimizer on a workload."""

    quality: float
    best: float
    """Decimal logarithm of the best rate."""
    width: float
    """Decades to the sides in which the loss grows by the factor e."""
    diverges: float
    """Decades above the best rate at which it diverges."""
    default: float
    """Decimal logarithm; the middle of the grid."""
    cost: float
    slots: float


def subjects(epochs=8):
    """A classification with a test set, the same at a larger batch, a regression, and a
    classification without a test set.
    """
    accuracy = (Measured("loss", False), Measured("accuracy", True))
    mae = (Measured("loss", False), Measured("mae", False))
    return {
        "digits": Subject("digits", accuracy, "accuracy", 0.93, epochs, 32, 1293, 144, 360),
        "digits-256": Subject(
            "digits-256", accuracy, "accuracy", 0.93, epochs, 256, 1293, 144, 360, "digits"
        ),
        "housing": Subject("housing", mae, "mae", 0.35, epochs, 64, 9000, 1000, 2000),
        "text": Subject("text", accuracy, "accuracy", 0.88, epochs, None, None, 500, None),
    }


def names(number):
    return (*NAMES, *(f"optimizer_{i}" for i in range(len(NAMES), number)))[:number]


def comparison(
    optimizers=8,
    seeds=3,
    workloads=("digits", "housing", "text"),
    random=0,
    epochs=8,
    misses=True,
    tuned=True,
    quiet=True,
):
    """A comparison of so many optimizers, or of those with the given names.

    With `misses`, the fourth optimizer diverges at one judging seed of the first workload, and a
    judging run of the sixth failed in the second. Without `tuned`, defaults are judged.
    """
    labels = names(optimizers) if isinstance(optimizers, int) else tuple(optimizers)
    chosen_subjects = {name: subjects(epochs)[name] for name in workloads}
    judges = tuple(range(1, seeds + 1))
    runs, chosen = [], {}
    for place, subject in enumerate(chosen_subjects.values()):
        for i, label in enumerate(labels):
            nature = nature_of(label, i, place, random)
            tuning = tuning_runs(subject, label, nature, random) if tuned else []
            runs += tuning
            if tuning:
                best = min(tuning, key=lambda run: tuning_key(run, subject))
                values = dict(best.spec.hyperparameters)
            else:
                values = with_rate(label, nature.default)
            chosen[subject.name, label] = values
            for seed in judges:
                spec = spec_of(subject, label, values, "judging", seed)
                state = "done"
                if misses and seed == 2 and (i, place) in {(3, 0), (5, 1)}:
                    state = "diverged" if i == 3 else "failed"
                runs.append(trained(spec, subject, nature, random, state))
    setting = Setting(
        tune="grid" if tuned else "none",
        budget="5 runs each, rates 1/10 to 10 times the default, one more at an edge"
        if tuned
        else "the defaults, untuned",
        seeds=judges,
        tuning_seed=0,
        backend="torch",
        versions={"keras": "3.15.0", "torch": "2.9.0", "keras_optim": "0.1"},
        precision="float32",
        machine="cpu, synthetic, 2 processors",
        quiet=quiet,
        command="python -m keras_optim.compare synthetic",
        date="2026-11-26",
    )
    return Comparison(chosen_subjects, labels, tuple(runs), setting, chosen)


def nature_of(label, i, place, random):
    generator = np.random.default_rng([random, i, 17])
    quality, best, off = generator.normal(size=3)
    own = np.random.default_rng([random, i, place, 18]).normal(size=2)
    default = -3.0 + (i % 3)
    return Nature(
        quality=0.35 * quality + 0.15 * own[0],
        best=default + 0.5 * off + 0.2 * own[1] + (1.4 if i % 5 == 1 else 0),
        width=1.0 + 0.5 * math.tanh(best),
        diverges=1.2 + 0.5 * math.tanh(off),
        default=default,
        cost=1 + 0.4 * (i % 4),
        slots=float(i % 4),
    )


def with_rate(label, log_rate):
    if label == WITHOUT_RATE:
        return {}
    values = {"learning_rate": float(f"{10**log_rate:.3g}")}
    if label == "sgd":
        values["momentum"] = 0.9
    return values


def tuning_runs(subject, label, nature, random):
    """Five rates, two a decade, and more at an edge that is the best, two at most."""

    def run(k):
        values = with_rate(label, nature.default + k / 2)
        spec = spec_of(subject, label, values, "tuning", 0)
        return trained(spec, subject, nature, random)

    if label == WITHOUT_RATE:
        return [run(0)]
    found = {k: run(k) for k in range(-2, 3)}
    for _ in range(2):
        best = min(found, key=lambda k: tuning_key(found[k], subject))
        if best == min(found):
            found[best - 1] = run(best - 1)
        elif best == max(found):
            found[best + 1] = run(best + 1)
    return list(found.values())


def spec_of(subject, label, values, stage, seed):
    return Spec(
        workload=subject.name,
        content="c0ffee",
        optimizer=label,
        code="5eed",
        hyperparameters=values,
        stage=stage,
        seed=seed,
        epochs=subject.epochs,
        batch_size=subject.batch_size,
        backend="torch",
        device="cpu",
        precision="float32",
        versions={"keras": "3.15.0"},
    )


def trained(spec, subject, nature, random, state="done"):
    """The run of a spec; it diverges by itself where the rate is too high."""
    if state == "failed":
        return Run(spec, "failed", "the process was killed (signal 9)", machine="cpu, synthetic")
    log_rate = math.log10(spec.hyperparameters.get("learning_rate", 10**nature.best))
    off = log_rate - nature.best
    if off > nature.diverges:
        state = "diverged"
    seed = sum(map(ord, subject.name + spec.optimizer + spec.stage)) + round(100 * log_rate)
    generator = np.random.default_rng([random, spec.seed, abs(seed)])
    common = np.random.default_rng([random, spec.seed]).normal()
    per_epoch = math.ceil((subject.train or 2000) / (subject.batch_size or 50))
    difficulty = math.exp(min(nature.quality + (off / nature.width) ** 2, 4))
    noise = 1 + 0.05 * common + 0.05 * generator.normal()

    def loss(step):
        """Loss of the model after a step, before noise."""
        return 0.05 * difficulty * noise + 2.3 / (1 + np.asarray(step) / (12 * difficulty))

    last = subject.epochs * per_epoch
    if state == "diverged":
        last = min(last, round(1.5 * per_epoch))
    epochs = curves_by_epoch(subject, loss, per_epoch, generator)
    steps = curves_by_step(loss, last, log_rate, difficulty, generator)
    weights = 85_000.0
    seconds = np.nansum(epochs["seconds"])
    cost = {
        "seconds": float(seconds),
        "compile_seconds": 0.8 + 0.3 * nature.cost,
        "step_seconds": 0.001 * nature.cost,
        "peak_bytes": 3e8 + weights * nature.slots,
        "state_bytes": weights * nature.slots,
        "weight_bytes": weights,
        "steps_per_epoch": float(per_epoch),
    }
    machine = "cpu, synthetic"
    if state == "diverged":
        short = {name: [*values[:2], math.nan] for name, values in epochs.items()}
        return Run(
            spec,
            "diverged",
            f"loss is NaN at step {last}",
            short,
            steps,
            cost=cost,
            machine=machine,
        )
    test = {}
    if spec.stage == "judging" and subject.test is not None:
        test = values_on_the_test_set(subject, epochs, generator)
    return Run(spec, "done", "", epochs, steps, test, cost, machine)


def metric_of(subject, loss):
    """The judging metric of a loss."""
    if subject.higher:
        return 0.1 + 0.9 * np.exp(-0.55 * np.asarray(loss))
    return 0.25 * np.sqrt(loss) + 0.15


def curves_by_epoch(subject, loss, per_epoch, generator):
    count = subject.epochs + 1
    losses = loss(per_epoch * np.arange(count))
    train = np.asarray([math.nan, *(losses[:-1] + losses[1:]) / 2])
    held_out = losses * (1 + 0.02 * generator.normal(size=count)) + 0.02
    examples = subject.validation or 500
    values = metric_of(subject, held_out)
    if subject.higher:
        values = np.round(values * examples) / examples
    seconds = 0.4 * (1 + 0.1 * generator.random(count))
    seconds[0] = math.nan
    return {
        "loss": train.tolist(),
        subject.judge: metric_of(subject, train).tolist(),
        "val_loss": held_out.tolist(),
        f"val_{subject.judge}": values.tolist(),
        "seconds": seconds.tolist(),
    }


def curves_by_step(loss, last, log_rate, difficulty, generator):
    window = math.ceil(last / 400)
    step = np.minimum(np.arange(window, last + window, window), last)
    losses = loss(step) * np.exp(0.1 * generator.normal(size=len(step)))
    norms = (0.3 + losses) * np.exp(0.2 * generator.normal(size=len(step)))
    return {
        "step": step.tolist(),
        "loss": losses.tolist(),
        "gradient_norm": norms.tolist(),
        "update_norm": (10**log_rate * (1 + norms) / difficulty).tolist(),
        "learning_rate": [10**log_rate] * len(step),
    }


def values_on_the_test_set(subject, epochs, generator):
    """As on held-out data, with the noise of another sample."""
    held_out = np.asarray(epochs[f"val_{subject.judge}"])
    k = 1 + int(np.argmax(held_out[1:]) if subject.higher else np.argmin(held_out[1:]))
    values = {}
    for prefix, epoch in {"": k, "final_": subject.epochs}.items():
        factor = 1 + 0.02 * generator.normal()
        values[f"{prefix}loss"] = epochs["val_loss"][epoch] * factor
        value = metric_of(subject, values[f"{prefix}loss"])
        if subject.higher:
            value = np.round(value * subject.test) / subject.test
        values[f"{prefix}{subject.judge}"] = float(value)
    return values
