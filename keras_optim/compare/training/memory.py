"""Peak memory of this process, since a moment, on Linux."""

import math
from pathlib import Path


class Peak:
    """Peak of the memory from now on.

    Linux can reset the peak of a process. Elsewhere the number is NaN.
    """

    def __init__(self) -> None:
        try:
            Path("/proc/self/clear_refs").write_text("5")
        except OSError:
            self.start = math.nan
        else:
            self.start = _kilobytes("VmRSS")

    @property
    def bytes(self) -> float:
        """The distance from the memory at the start to the peak."""
        return 1024.0 * (_kilobytes("VmHWM") - self.start)


def _kilobytes(name: str) -> float:
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError):
        return math.nan
    found = [float(line.split()[1]) for line in lines if line.startswith(f"{name}:")]
    return found[0] if found else math.nan
