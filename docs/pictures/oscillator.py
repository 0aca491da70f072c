"""A network that solves the equation of a damped oscillator: L-BFGS and Adam, PyTorch only."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import torch
from matplotlib.figure import Figure

import keras_optim
from docs.pictures import style

PASSES = 300
RATES = (0.001, 0.003, 0.01, 0.03)
TIMES = np.linspace(0, 3, 30, dtype="float32")[:, None]


def exact(t: np.ndarray) -> np.ndarray:
    """Return the solution of u'' + 0.4 u' + 4 u = 0 with u(0) = 1 and u'(0) = 0."""
    w = np.sqrt(4.0 - 0.04)
    return np.exp(-0.2 * t) * (np.cos(w * t) + 0.2 / w * np.sin(w * t))


def slope(values: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    """Return the derivative of each value by its own time."""
    return torch.autograd.grad(values.sum(), t, create_graph=True)[0]


def problem() -> tuple[keras.Model, Callable[[Any], Any], Callable[[], Any]]:
    """Return a new network, the solution that it stands for, and the mean squared residual."""
    keras.utils.set_random_seed(0)
    hidden = [keras.layers.Dense(16, "tanh") for _ in range(2)]
    network = keras.Sequential([keras.Input((1,)), *hidden, keras.layers.Dense(1)])

    def solution(t: Any) -> Any:
        return 1.0 + t**2 * network(t)

    def residual() -> Any:
        with torch.enable_grad():
            t = torch.tensor(TIMES, requires_grad=True)
            u = solution(t)
            du = slope(u, t)
            return torch.mean((slope(du, t) + 0.4 * du + 4.0 * u) ** 2)

    return network, solution, residual


def adam(rate: float) -> list[float]:
    """Return the residual before each step of Adam."""
    network, _, residual = problem()
    optimizer = keras_optim.Adam(rate)
    optimizer.build(network.trainable_variables)
    values = []
    for _ in range(PASSES):
        network.zero_grad()
        loss = residual()
        loss.backward()
        values.append(loss.item())
        optimizer.apply([v.value.grad for v in network.trainable_variables])
    return values


def draw() -> Figure:
    """Draw the solution, and the residual by passes."""
    figure, (left, right) = style.panels(2)
    network, solution, residual = problem()
    result = keras_optim.minimize(
        residual, variables=network.trainable_variables, max_iterations=PASSES,
        max_evaluations=PASSES, value_tolerance=0, gradient_tolerance=0,
    )  # fmt: skip
    t = np.linspace(0, 3, 200, dtype="float32")[:, None]
    found = solution(torch.tensor(t)).detach().numpy()
    print(f"L-BFGS: {result.value:.1e}, largest error {np.abs(found - exact(t)).max():.1e}")
    left.plot(t, exact(t), color=style.GREY, linewidth=4, alpha=0.5, label="exact")
    left.plot(t, found, color=style.BLUE, linewidth=1.5, label="network, L-BFGS")
    style.curves(left, "A damped oscillator", "time", "deflection")
    style.key(left)
    runs = {rate: adam(rate) for rate in RATES}
    rate = min(runs, key=lambda rate: min(runs[rate][-20:]))
    print(f"Adam: rate {rate}, {runs[rate][-1]:.1e}")
    right.plot(runs[rate], color=style.GREY, linewidth=1.8, label=f"Adam, best rate ({rate:g})")
    right.plot(result.history["evaluations"], result.history["value"], color=style.BLUE,
               linewidth=1.8, label="L-BFGS")  # fmt: skip
    style.curves(right, "The squared residual", "passes", "")
    right.set_yscale("log")
    style.key(right)
    return figure
