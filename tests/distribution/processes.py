"""Starting scripts in processes of their own; each prints its findings as JSON."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def findings(script, folder, processes=1, seconds=300, **environment):
    """What the (first) process of `scripts/<script>.py` printed on its last line.

    Several processes are told their rank, and a free port at which they meet.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", f"tests.distribution.scripts.{script}"]
    environment = {**os.environ, **environment}
    started, outputs = [], [folder / f"{script}-{rank}" for rank in range(processes)]
    try:
        for rank, output in enumerate(outputs):
            where = [str(rank), str(port)] if processes > 1 else []
            with open(output, "wb") as printed, open(f"{output}.err", "wb") as errors:
                started.append(
                    subprocess.Popen(
                        [*command, *where],
                        cwd=ROOT,
                        env=environment,
                        stdout=printed,
                        stderr=errors,
                    )
                )
        codes = [process.wait(seconds) for process in started]
    finally:
        for process in started:
            process.kill()
            process.wait()
    said = "".join(Path(f"{output}.err").read_text()[-3000:] for output in outputs)
    assert codes == [0] * processes, f"exit statuses {codes}\n{said}"
    return json.loads(outputs[0].read_text().splitlines()[-1])


def wrong(differences, limit=1e-5):
    """Those of a dict of differences that are too large, or are errors."""
    return {
        case: found
        for case, found in differences.items()
        if isinstance(found, str) or not found < limit
    }
