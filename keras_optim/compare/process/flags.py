"""Flags of all command lines: an error is one sentence, and numbers have a range."""

import argparse
from collections.abc import Callable
from typing import NoReturn

from keras_optim.compare.process.errors import UsageError

LARGEST = 2**31 - 1
"""The largest count, because backends keep some shapes and counters in 32 bits."""
LARGEST_SEED = 2**32 - 1
"""The largest seed of NumPy, and so of Keras."""


class Parser(argparse.ArgumentParser):
    """Parser whose errors are exceptions instead of the usage text and an exit."""

    known = ""
    """Text after the error of an unknown flag."""

    def error(self, message: str) -> NoReturn:
        """Raise a `UsageError`."""
        raise UsageError(message + (self.known if "unrecognized" in message else ""))


def whole(lowest: int, highest: int = LARGEST) -> Callable[[str], int]:
    """Make the `type` of a flag that takes a whole number from `lowest` to `highest`."""

    def convert(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = lowest - 1
        if not lowest <= value <= highest:
            limit = "up" if value < lowest else f"to {highest}"
            raise argparse.ArgumentTypeError(
                f"must be a whole number from {lowest} {limit}, not {shortened(text)!r}"
            )
        return value

    return convert


def shortened(text: str) -> str:
    """Shorten `text` for a message of one line: to its beginning, if it is long."""
    return text if len(text) <= 80 else f"{text[:77]}..."
