"""Checks, in the order of the table."""

from collections.abc import Sequence

from benchmarks.verify import convnets, dense, inclusion, larger, mnist1d, problems
from benchmarks.verify.checks import Check
from keras_optim.compare.process.errors import UsageError

CHECKS: dict[str, Check] = {
    check.name: check
    for module in (mnist1d, dense, problems, inclusion, convnets, larger)
    for check in module.CHECKS
}


def wanted(names: Sequence[str], long: bool) -> list[Check]:
    """Return the checks that a call asks for; without names, the short ones, or all.

    Raises:
        UsageError: a name is unknown.
    """
    if unknown := [name for name in names if name not in CHECKS]:
        raise UsageError(f"no check is called {unknown[0]!r}; there are {', '.join(CHECKS)}")
    if names:
        return [CHECKS[name] for name in dict.fromkeys(names)]
    return [check for check in CHECKS.values() if long or not check.long]
