"""Errors that the user sees as one sentence, never as a traceback."""


class UsageError(ValueError):
    """Request that cannot be met; the text says why, and gives a way out."""


def one_line(error: object) -> str:
    """Write `error` on a single line; its class, if it has no text."""
    text = " ".join(str(error).split())
    return text or type(error).__name__
