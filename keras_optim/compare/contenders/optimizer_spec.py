"""Specs of optimizers on the command line: `adam`, `sgd[momentum=0.9]`, nested up to 20 deep.

    list      = spec ("," spec)*
    spec      = name [ "[" name "=" value ("," name "=" value)* "]" ]
    value     = number | true | false | none | spec | "(" value ("," value)* ")"

A bare word that names an algorithm of the catalog is an optimizer (`lookahead[inner=adam]`); any
other is a string. Numbers are integers of 32 bits or floats of single precision, because optimizers
count and compute with these.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from keras_optim.compare.process.errors import UsageError
from keras_optim.compare.process.flags import LARGEST, shortened

_TOKEN = re.compile(r"\s*([\[\](),=]|[A-Za-z0-9_.+-]+)")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)
_WORDS = {"true": True, "false": False, "none": None}
_DEEPEST = 20
"""The most levels of brackets: far more than make sense, far fewer than Python can follow."""
_LARGEST_FLOAT = 3.4e38
_EXAMPLE = 'Write for example adam or "sgd[momentum=0.9,nesterov=true]".'


@dataclass(frozen=True)
class OptimizerSpec:
    """Algorithm and its arguments, sorted, so their order never matters."""

    name: str
    arguments: tuple[tuple[str, Any], ...] = ()

    def __str__(self) -> str:
        if not self.arguments:
            return self.name
        return f"{self.name}[{','.join(f'{k}={_spelled(v)}' for k, v in self.arguments)}]"

    def build(self) -> Any:
        """Create the optimizer. This imports keras_optim, and with it the backend.

        Raises:
            ValueError, TypeError: an algorithm or argument is unknown; the text names it.
        """
        import keras_optim

        algorithms = keras_optim.names()

        def argument(value: Any) -> Any:
            if isinstance(value, str) and value in algorithms:
                value = OptimizerSpec(value)
            return value.build() if isinstance(value, OptimizerSpec) else value

        return keras_optim.get(self.name, **{k: argument(v) for k, v in self.arguments})


def parse_specs(text: str) -> list[OptimizerSpec]:
    """Read the optimizers that `text` lists, separated by commas.

    Raises:
        UsageError: `text` is not in the form above.

    Example:

    >>> [str(spec) for spec in parse_specs("adam,lookahead[sync_period=5,inner=sgd[momentum=.9]]")]
    ['adam', 'lookahead[inner=sgd[momentum=0.9],sync_period=5]']
    """
    reader = _Reader(text)
    specs = [reader.spec()]
    while reader.peek() == ",":
        reader.take(",")
        specs.append(reader.spec())
    if reader.peek() is not None:
        raise reader.error("expected a comma or the end")
    return specs


class _Reader:
    """Recursive-descent parser of one argument of the command line."""

    def __init__(self, text: str):
        self.text = text
        self.depth = 0
        self.tokens: list[str] = []
        position = 0
        while text[position:].strip():
            match = _TOKEN.match(text, position)
            if match is None:
                raise self.error(f"cannot read {text[position:].strip()[0]!r}")
            self.tokens.append(match[1])
            position = match.end()

    def error(self, reason: str) -> UsageError:
        return UsageError(f"optimizer {shortened(self.text)!r}: {reason}. {_EXAMPLE}")

    def peek(self) -> str | None:
        return self.tokens[0] if self.tokens else None

    def take(self, expected: str | None = None) -> str:
        token = self.peek()
        if token is None or (expected is not None and token != expected):
            wanted = repr(expected) if expected else "a name or a value"
            where = f"before {shortened(token)!r}" if token else "at the end"
            raise self.error(f"expected {wanted} {where}")
        self.depth += (token in ("[", "(")) - (token in ("]", ")"))
        if self.depth > _DEEPEST:
            raise self.error(f"brackets are nested more than {_DEEPEST} deep")
        return self.tokens.pop(0)

    def number(self, word: str) -> int | float:
        if re.fullmatch(r"[+-]?\d+", word):
            if len(word.lstrip("+-0")) > 10 or abs(int(word)) > LARGEST:
                raise self.error(f"{shortened(word)} is beyond {LARGEST}, the largest whole number")
            return int(word)
        if abs(float(word)) > _LARGEST_FLOAT:
            raise self.error(f"{shortened(word)} is beyond {_LARGEST_FLOAT:g}, the largest number")
        return float(word)

    def name(self) -> str:
        token = self.take()
        if not token.isidentifier():
            raise self.error(f"expected a name instead of {shortened(token)!r}")
        return token

    def spec(self) -> OptimizerSpec:
        name = self.name().lower()
        arguments: dict[str, Any] = {}
        if self.peek() == "[":
            self.take("[")
            while self.peek() != "]":
                if arguments:
                    self.take(",")
                key = self.name()
                self.take("=")
                if key in arguments:
                    raise self.error(f"{shortened(key)!r} is given twice")
                arguments[key] = self.value()
            self.take("]")
        return OptimizerSpec(name, tuple(sorted(arguments.items())))

    def value(self) -> Any:
        if self.peek() == "(":
            self.take("(")
            items = [self.value()]
            while self.peek() == ",":
                self.take(",")
                items.append(self.value())
            self.take(")")
            return tuple(items)
        word = self.take()
        if word.lower() in _WORDS:
            return _WORDS[word.lower()]
        if _NUMBER.fullmatch(word):
            return self.number(word)
        self.tokens.insert(0, word)
        return self.spec() if self.tokens[1:2] == ["["] else self.name()


def _spelled(value: Any) -> str:
    for word, meaning in _WORDS.items():
        if value is meaning:
            return word
    if isinstance(value, tuple):
        return f"({','.join(map(_spelled, value))})"
    return repr(value) if isinstance(value, float) else str(value)


def unique(specs: Sequence[OptimizerSpec]) -> list[OptimizerSpec]:
    """Drop repetitions from `specs`."""
    return list(dict.fromkeys(specs))
