"""Operations of PyTorch in C: elementwise ones, with PyTorch's treatment of NaN."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Operation:
    """How an operation is written.

    `{0}`, `{1}`, ... are its operands, `{f}` is the ending of functions of its type: `sqrt{f}`.
    """

    text: str
    compares: bool = False
    """Whether the result is a truth value, made in the common type of the operands."""
    kinds: str = "fi"
    """Types it is accepted for: f floating point, i integers, b truth values."""

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
    """How one number is made of many, in any order.

    Attributes:
        start: The number that changes nothing, as C.
        add: What takes `{1}` into `{0}`.
        clause: What OpenMP calls it.
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
"""By the name of the operation in PyTorch."""


def reducing(op: str, target: str, value: str) -> dict[str, str]:
    """Return what a template needs to know of a reduction, which takes `value` into `target`."""
    reduction = REDUCTIONS[op]
    return {"op": op, "start": reduction.start, "add": reduction.add.format(target, value)}


POWERS = {2.0: "square", 3.0: "cube", 0.5: "sqrt", -0.5: "rsqrt", -1.0: "reciprocal"}
"""Powers that PyTorch computes without `pow`."""

FILLED = {
    "full_like": 1, "full": 1, "scalar_tensor": 0, "zeros_like": 0.0, "ones_like": 1.0,
    "zeros": 0.0, "ones": 1.0,
}  # fmt: skip
"""Operations that make a constant: its value, or the position of the argument that is it."""
SAME = {
    "clone", "alias", "detach", "_to_copy", "lift_fresh", "view", "_unsafe_view", "reshape",
    "unsqueeze", "squeeze", "expand",
}  # fmt: skip
"""Operations that leave numbers as they are, in another shape or type."""
REDUCED = {
    "sum": "sum", "mean": "sum", "amax": "amax", "max": "amax", "amin": "amin", "min": "amin",
}  # fmt: skip
"""Reductions, by what PyTorch calls them."""

HELPERS = """
{qualifiers} int64_t quotient(int64_t a, int64_t b) {{
  return a / b - (a % b != 0 && (a < 0) != (b < 0));
}}
{qualifiers} int64_t modulo(int64_t a, int64_t b) {{ return a - quotient(a, b) * b; }}
"""
"""Whole-number division as Python has it."""

EXTREMES = """
#define larger(a, b) ((a) > (b) || (a) != (a) ? (a) : (b))
#define smaller(a, b) ((a) < (b) || (a) != (a) ? (a) : (b))
"""
"""For maxima and minima: NaN, as soon as there is one."""
