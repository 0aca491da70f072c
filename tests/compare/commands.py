"""The command line in tests: in this process, with workers that are threads of it."""

import json
import queue
import threading
from pathlib import Path

from keras_optim.compare import worker
from keras_optim.compare.__main__ import main
from keras_optim.compare.process import children
from tests.conftest import BACKEND

ROOT = Path(__file__).parents[2]
SMALL = "tests.compare.models:small"
TIMES = ("seconds", "compile_seconds", "step_seconds", "peak_bytes")


class Inside:
    """Stand-in for `children.Child`: a worker that is a thread."""

    id = 0

    def __init__(self, module, env, log, hear):
        self.log, self.requests = log, queue.Queue()
        children.tell = hear  # of one thread at a time
        thread = threading.Thread(target=worker.serve, args=(iter(self.requests.get, None),))
        self.thread = thread
        thread.start()

    def send(self, request):
        self.requests.put(json.loads(json.dumps(request)))

    def end(self):
        self.requests.put(None)
        self.thread.join()


def arguments(folder, *more, workload=SMALL):
    return [workload, "--folder", str(folder), "--optimizers", "sgd", "adam", *more]


def call(folder, *more, workload=SMALL):
    return main([*arguments(folder, *more, workload=workload), "--backend", BACKEND])


def numbers(folder):
    """All that a folder says but times, machine and command."""
    found = {}
    for path in sorted(folder.rglob("*.json")):
        value = json.loads(path.read_text())
        if path.name == "manifest.json":
            value = {k: v for k, v in value.items() if k != "host"}
            setting = value["setting"].items()
            kept = ("command", "machine", "quiet", "date")
            value["setting"] = {k: v for k, v in setting if k not in kept}
        else:
            value = {k: v for k, v in value.items() if k != "machine"}
            for part in ("cost", "epochs"):
                value[part] = {k: v for k, v in value[part].items() if k not in TIMES}
        found[str(path.relative_to(folder))] = value
    return found
