"""The one exception that is shown to the user as a sentence, never as a traceback."""


class UsageError(Exception):
    """Something the user asked for cannot be had; the text says what is wrong and what to do."""


def one_line(error: object) -> str:
    """The text of `error` on a single line, without the module paths of exotic exceptions."""
    text = " ".join(str(error).split())
    return text or type(error).__name__
