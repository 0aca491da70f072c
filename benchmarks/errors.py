"""Errors that a user reads as a sentence, never as a traceback."""


class UsageError(Exception):
    """Request that cannot be met; the text says why, and how to go on."""


def one_line(error: object) -> str:
    """Write `error` on a single line; its class, if it has no text."""
    text = " ".join(str(error).split())
    return text or type(error).__name__
