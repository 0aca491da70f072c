"""Operations and reductions of PyTorch in C, with PyTorch's treatment of NaN."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Operation:
    """Operation as C text.

    `{0}`, `{1}`, ... are its operands, `{f}` is the ending of functions of its type: `sqrt{f}`.
    """

    text: str
    compares: bool = False
    """Whether the result is a truth value, computed in the common type of the operands."""
    kinds: str = "fi"
    """The accepted types: f floating point, i integers, b truth values."""

    @property
    def arity(self) -> int:
        """Number of operands."""
        return 1 + max(int(digit) for digit in "012" if f"{{{digit}}}" in self.text)


def _comparison(sign: str) -> Operation:
    return Operation(f"({{0}} {sign} {{1}})", compares=True)


def _function(name: str) -> Operation:
    return Operation(f"{name}{{f}}({{0}})", kinds="f")


OPERATIONS = {
    "add": Operation("({0} + {1})"),
    "sub": Operation("({0} - {1})"),
    "rsub": Operation("({1} - {0})"),
    "mul": Operation("({0} * {1})", kinds="fib"),
    "div": Operation("({0} / {1})", kinds="f"),
    "neg": Operation("(-{0})"),
    "reciprocal": Operation("(1 / {0})", kinds="f"),
    "abs": Operation("fabs{f}({0})", kinds="f"),
    "sign": Operation("(({0} > 0) - ({0} < 0))"),
    "square": Operation("({0} * {0})"),
    "cube": Operation("({0} * {0} * {0})"),
    "pow": Operation("pow{f}({0}, {1})", kinds="f"),
    **{
        name: _function(name)
        for name in ("sqrt", "exp", "expm1", "log", "log1p", "tanh", "floor", "ceil", "trunc")
    },
    "rsqrt": Operation("(1 / sqrt{f}({0}))", kinds="f"),
    "sigmoid": Operation("(1 / (1 + exp{f}(-{0})))", kinds="f"),
    "remainder": Operation("modulo({0}, {1})", kinds="i"),
    "floor_divide": Operation("quotient({0}, {1})", kinds="i"),
    "maximum": Operation("({0} > {1} || {0} != {0} ? {0} : {1})"),
    "minimum": Operation("({0} < {1} || {0} != {0} ? {0} : {1})"),
    "where": Operation("({0} ? {1} : {2})", kinds="fib"),
    "eq": _comparison("=="),
    "ne": _comparison("!="),
    "lt": _comparison("<"),
    "le": _comparison("<="),
    "gt": _comparison(">"),
    "ge": _comparison(">="),
    "isnan": Operation("({0} != {0})", compares=True),
    "logical_not": Operation("(!{0})", compares=True, kinds="fib"),
    "logical_and": Operation("({0} && {1})", compares=True, kinds="fib"),
    "logical_or": Operation("({0} || {1})", compares=True, kinds="fib"),
    "bitwise_not": Operation("(!{0})", compares=True, kinds="b"),
    "bitwise_and": Operation("({0} & {1})", compares=True, kinds="b"),
    "bitwise_or": Operation("({0} | {1})", compares=True, kinds="b"),
}
"""By the name of the operation in PyTorch (`square` and `cube` stand for powers)."""


@dataclass(frozen=True)
class Reduction:
    """Reduction of many numbers to one, in any order.

    Attributes:
        start: The neutral number, as C.
        add: The C statement that adds `{1}` to the result `{0}`.
        clause: Its name in OpenMP.
        rounds: Whether it rounds, so that many numbers are reduced in double precision.
    """

    start: str
    add: str
    clause: str
    rounds: bool = False


REDUCTIONS = {
    "sum": Reduction("0", "{0} += {1}", "+", rounds=True),
    "amax": Reduction("-1.0 / 0.0", "{0} = larger({0}, {1})", "amax"),
    "amin": Reduction("1.0 / 0.0", "{0} = smaller({0}, {1})", "amin"),
}
"""Reductions by their name in PyTorch."""


def reducing(op: str, target: str, value: str) -> dict[str, str]:
    """Return the fields of a template that adds `value` to the reduction `target`."""
    reduction = REDUCTIONS[op]
    return {"op": op, "start": reduction.start, "add": reduction.add.format(target, value)}


POWERS = {2.0: "square", 3.0: "cube", 0.5: "sqrt", -0.5: "rsqrt", -1.0: "reciprocal"}
"""Powers that PyTorch computes without `pow`."""

FILLED = {
    "full_like": 1, "full": 1, "scalar_tensor": 0, "zeros_like": 0.0, "ones_like": 1.0,
    "zeros": 0.0, "ones": 1.0,
}  # fmt: skip
"""Operations that make a constant: its value, or the index of the argument that holds it."""
SAME = {
    "clone", "alias", "detach", "_to_copy", "lift_fresh", "view", "_unsafe_view", "reshape",
    "unsqueeze", "squeeze", "expand",
}  # fmt: skip
"""Operations that leave numbers as they are, in another shape or type."""
REDUCED = {
    "sum": "sum", "mean": "sum", "amax": "amax", "max": "amax", "amin": "amin", "min": "amin",
}  # fmt: skip
"""Names of reductions in PyTorch, and of their reductions in `REDUCTIONS`."""

HELPERS = """
{qualifiers} int64_t quotient(int64_t a, int64_t b) {{
  return a / b - (a % b != 0 && (a < 0) != (b < 0));
}}
{qualifiers} int64_t modulo(int64_t a, int64_t b) {{ return a - quotient(a, b) * b; }}
"""
"""Integer division that rounds as Python's does."""

EXTREMES = """
#define larger(a, b) ((a) > (b) || (a) != (a) ? (a) : (b))
#define smaller(a, b) ((a) < (b) || (a) != (a) ? (a) : (b))
"""
"""Maximum and minimum of two numbers: NaN if either is."""
