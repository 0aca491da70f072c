"""Orthogonal matrices by Newton-Schulz iterations: matrix products alone, no decomposition.

Each iteration maps the singular values of a matrix by an odd polynomial of degree five, all at
once, and leaves its singular vectors. It knows nothing of optimizers. Products are written `a @ b`,
because `keras.ops.matmul` rounds float64 to float32 on PyTorch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from keras import ops

from keras_optim.numerics import larger
from keras_optim.tensors import lengths, plus_product

Tensor = Any
Triple = tuple[float, float, float]


@dataclass(frozen=True)
class Iterations:
    """Polynomials `a x + b x**3 + c x**5`, one for each iteration.

    Args:
        triples: Their coefficients `(a, b, c)`.
        safety: The factor of the norm by which a matrix is divided first, so that rounding lifts no
            singular value above 1, where later polynomials grow.
    """

    triples: Sequence[Triple]
    safety: float = 1.0


JORDAN: Triple = (3.4445, -4.7750, 2.0315)
FIXED: dict[str, dict[int, Iterations]] = {
    "quintic": {
        5: Iterations(
            (
                (4.0848, -6.8946, 2.9270),
                (3.9505, -6.3029, 2.6377),
                (3.7418, -5.5913, 2.3037),
                (2.8769, -3.1427, 1.2046),
                (2.8366, -3.0525, 1.2012),
            )
        )
    },
    "polar_express": {
        5: Iterations(
            (
                (8.156554524902461, -22.48329292557795, 15.878769915207462),
                (4.042929935166739, -2.808917465908714, 0.5000178451051316),
                (3.8916678022926607, -2.772484153217685, 0.5060648178503393),
                (3.285753657755655, -2.3681294933425376, 0.46449024233003106),
                (2.3465413258596377, -1.7097828382687081, 0.42323551169305323),
            ),
            safety=1.02,
        ),
        8: Iterations(
            (
                (8.237312490495555, -23.157747414558198, 16.680568411445915),
                (4.082441999064835, -2.893047735332586, 0.5252849256975648),
                (3.9263479922546582, -2.8547468034765298, 0.5318022422894988),
                (3.2982187133085143, -2.424541981026706, 0.48632008358844075),
                (2.2970369434552573, -1.63662558125903, 0.4002628455953627),
                (1.8763805351440397, -1.2347896577722228, 0.35891887501668385),
                (1.8564423485617974, -1.2132449880935525, 0.3568003487825883),
                (1.8749994008682747, -1.2499988017229169, 0.3749994008546422),
            ),
            safety=1.01,
        ),
    },
    "cans": {
        5: Iterations(
            (
                (8.4703, -25.1081, 18.6293),
                (4.1828, -3.1087, 0.5806),
                (3.9619, -2.9541, 0.5630),
                (3.2866, -2.4647, 0.5074),
                (2.2737, -1.6447, 0.4162),
            )
        )
    },
}
"""Sets whose polynomials were found together, by their number: the first five of eight are not the
best five. "quintic" is of the modded-nanogpt records, "polar_express" of arXiv:2505.16932, "cans"
of arXiv:2506.10935. "jordan" repeats one polynomial, as Muon did first."""
NAMES = ("jordan", *FIXED)


def iterations(name: str, number: int) -> Iterations:
    """Return a set of polynomials by its name and the number of iterations.

    Raises:
        ValueError: the set has no polynomials for this number.

    Example:

    >>> iterations("jordan", 2).triples
    ((3.4445, -4.775, 2.0315), (3.4445, -4.775, 2.0315))
    >>> iterations("quintic", 6)
    Traceback (most recent call last):
    ValueError: "quintic" has polynomials for 5 iterations
    """
    if name == "jordan":
        return Iterations((JORDAN,) * number)
    known = FIXED[name]
    if number not in known:
        numbers = " or ".join(map(str, known))
        raise ValueError(f'"{name}" has polynomials for {numbers} iterations')
    return known[number]


def orthogonalized(
    stack: Tensor, steps: Iterations, epsilon: float, dtype: str | None = None
) -> Tensor:
    r"""Return about $U V^\top$ of each matrix $U \Sigma V^\top$ of a stack `(..., n, m)`.

    The matrix is divided by its norm plus `epsilon` first, so singular values far below the norm
    stay below 1, and a matrix of zeros stays zero. Numbers may be as large as 1e37. The products
    are computed in `dtype`, if it is given.

    >>> q = orthogonalized(ops.array([[0.0, -3.0], [2.0, 0.0]]), iterations("cans", 5), 1e-7)
    >>> [[round(float(n), 1) + 0.0 for n in row] for row in q]
    [[0.0, -1.1], [0.9, 0.0]]
    """
    tall = stack.shape[-2] > stack.shape[-1]
    dtype = dtype or stack.dtype
    axes = (-1, -2)
    largest = larger(ops.max(stack, axes, keepdims=True), -ops.min(stack, axes, keepdims=True))
    largest = ops.where(largest > SMALLEST, largest, ops.ones_like(largest))
    x = stack / largest
    norm = steps.safety * lengths(x) + epsilon / largest
    x = ops.cast(x, dtype) / ops.cast(norm, dtype)
    for a, b, c in steps.triples:
        other = ops.swapaxes(x, -1, -2)
        gram = other @ x if tall else x @ other  # of the shorter side
        factor = plus_product(b, gram, c, gram, gram)
        x = plus_product(a, x, 1.0, *((x, factor) if tall else (factor, x)))
    return ops.cast(x, stack.dtype)


SMALLEST = 1e-37
"""Numbers below count as they are: their quotients may not be held by float32."""
