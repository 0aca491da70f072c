"""What a results folder of the benchmark holds, and how it may be damaged."""

from benchmarks.results.runs import open_run

OPTIMIZERS = ["sgd[momentum=0.9,nesterov=true]", "lookahead[inner=adam]"]
KEYS = ("accuracy", "val_loss", "val_accuracy", "learning_rate")
EPOCH = {"seconds": 0.5, "step_loss": [0.5, 0.25], "grad_norm": [2.0, 1.0]}
METRICS = [
    {
        "epoch": epoch,
        "loss": 1.0 / (epoch + 1),
        **dict.fromkeys(KEYS, 0.1),
        **(EPOCH if epoch else {}),
    }
    for epoch in range(3)
]
MISSED = {
    **{"epochs": 2, "seconds": 1.0, "first_step_seconds": 0.5, "steps_per_second": 9.0},
    **{"state_per_weight": 1.0, "device": "cpu"},
}
RESULT = {**MISSED, "test_accuracy": 0.9, "test_loss": 0.3}

EDITION = {"name": "digits", "version": "1", "train": 1437, "test": 360}
SPEC = {
    **{"workload": "digits", "data": EDITION, "optimizer": "adam", "epochs": 2, "num_train": 64},
    **{"batch_size": 32, "seed": 0, "backend": "jax", "device": "auto"},
}


def _changed(whole, place):
    return whole[:place] + bytes([whole[place] ^ 128]) + whole[place + 1 :]


DAMAGE = {
    "empty": lambda _: b"",
    "garbage": lambda _: b"what is this\n" * 20,
    "binary": lambda _: bytes(range(256)) * 9,
    "zeros": lambda whole: bytes(len(whole)),
    "null": lambda _: b"null\n",
    "list": lambda _: b'[1, "two", null]\n',
    "number": lambda _: b"7\n",
    "string": lambda _: b'"done"\n',
    "true": lambda _: b"true\n",
    "no keys": lambda _: b"{}\n",
    "nested": lambda _: b"[" * 100_000,
    "digits": lambda _: b"9" * 5_000,
    "half": lambda whole: whole[: len(whole) // 2],
    "last bytes missing": lambda whole: whole[:-9],
    "first bytes missing": lambda whole: whole[9:],
    "twice": lambda whole: whole * 2,
    "a byte changed": lambda whole: _changed(whole, len(whole) // 2),
}


def all_runs(folder):
    return [open_run(path.parent) for path in sorted(folder.glob("runs/*/spec.json"))]
