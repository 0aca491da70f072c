"""Engines of a contender: the choice by backend, kept from one run to the next."""

from collections.abc import Mapping
from typing import Any

from keras_optim.compare import json_files
from keras_optim.compare.contenders.contender import RATE, Contender
from keras_optim.compare.training.engine import Engine
from keras_optim.compare.training.problem import Problem
from keras_optim.tensors import BACKEND


class Engines:
    """Engines of one contender on one problem.

    An engine serves all rates and seeds. Other hyper-parameters, and the factor of a schedule, are
    constants of compiled steps, so each combination has its own engine. The last one is kept.
    """

    def __init__(self, problem: Problem, contender: Contender):
        self.problem, self.contender = problem, contender
        self._key: str | None = None
        self._engine: Engine | None = None

    @property
    def width(self) -> int:
        """The number of configurations that an engine trains side by side."""
        if BACKEND != "jax" or self.problem.of_seed:
            return 1
        from keras_optim.compare.training.compiled import stacked

        return int(self.problem.cache.setdefault("width", stacked()))

    def narrow(self) -> bool:
        """Train half as many side by side from now on; return whether that is possible."""
        width = self.width
        if width > 1:
            self._engine, self.problem.cache["width"] = None, width // 2
        return width > 1

    def constants(self, hyperparameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the hyper-parameters that an engine cannot change."""
        changes = () if self.contender.scheduled else (RATE,)
        return {name: v for name, v in hyperparameters.items() if name not in changes}

    def of(self, hyperparameters: Mapping[str, Any]) -> Engine:
        """Return the engine for these."""
        constants = self.constants(hyperparameters)
        key = json_files.canonical(constants)
        if self._engine is None or key != self._key:
            self._engine = None  # free its memory first
            self._key, self._engine = key, self._new(constants)
        return self._engine

    def _new(self, constants: dict[str, Any]) -> Engine:
        if BACKEND == "jax":
            from keras_optim.compare.training.compiled import Compiled

            return Compiled(self.problem, self.contender, constants, self.width)
        from keras_optim.compare.training.stepping import Stepping

        return Stepping(self.problem, self.contender, constants)


def out_of_memory(error: BaseException) -> bool:
    """Tell whether XLA found too little memory on the device."""
    return "RESOURCE_EXHAUSTED" in str(error)
