"""Owner of a trial: the process that trains it, and how others know that it has ended.

A process id alone is not enough, because systems reuse it: its start time belongs to it.
"""

import os
import platform
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

UNKNOWN = "unknown"
"""The start of a process on a system that does not tell it."""
_BOOT = Path("/proc/sys/kernel/random/boot_id")


def this_process(search: str) -> dict[str, Any]:
    """Return attributes that identify this process and a search in it."""
    return {
        "pid": os.getpid(),
        "host": platform.node(),
        "started": started(os.getpid()),
        "search": search,
    }


def ended(owner: Mapping[str, Any], live: str, age_hours: float, patience_hours: float) -> bool:
    """Return whether the owner of a trial will never report its result.

    Args:
        owner: Attributes of `this_process`, there.
        live: The search that works in this process now; older ones have been given up.
        age_hours: The time since the trial began.
        patience_hours: The time after which a trial of another host counts as lost.
    """
    if owner.get("host") != platform.node() or not isinstance(owner.get("pid"), int):
        return age_hours > patience_hours
    start = started(owner["pid"])
    if start is None or start != owner.get("started"):
        return True
    if owner["pid"] == os.getpid():
        return owner.get("search") != live
    return start == UNKNOWN and age_hours > patience_hours


def started(pid: int) -> str | None:
    """Return when a process started, in words that no other process has; `None` if it has ended.

    A process that has ended and waits for its parent counts as ended.
    """
    if _BOOT.exists():
        with suppress(OSError, ValueError, IndexError):
            text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
            fields = text.rpartition(")")[2].split()  # the name before may hold blanks
            if fields[0] not in ("Z", "X"):
                return f"{_BOOT.read_text(encoding='ascii').strip()} {fields[19]}"
        return None
    with suppress(OSError):
        found = subprocess.run(
            ["ps", "-o", "state=,lstart=", "-p", str(pid)], capture_output=True, text=True
        )
        state, _, start = found.stdout.strip().partition(" ")
        return start.strip() if state and state[0] not in ("Z", "X") else None
    return UNKNOWN
