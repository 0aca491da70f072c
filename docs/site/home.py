"""Home page: install, three lines of code, one picture, and where to go next."""

from collections.abc import Sequence
from pathlib import Path

from docs.site import drawings
from docs.site.navigation import navigation, tree
from keras_optim.catalog import ALGORITHMS, WRAPPERS, Row

TEXT = """\
# keras_optim

:::{{container}} idea
{count} optimizers and {around} wrappers for Keras 3, on JAX, TensorFlow and PyTorch.
:::

```shell
pip install ".[jax]"         # in a checkout; or ".[tensorflow]", ".[torch]"
export KERAS_BACKEND=jax     # Keras takes TensorFlow without it
```

```python
import keras
import keras_optim

model = keras.Sequential([keras.layers.Dense(10, activation="softmax")])
model.compile(optimizer=keras_optim.SOAP(), loss="sparse_categorical_crossentropy")
```

{picture}

:::{{container}} cards
{cards}
:::

## Why this package

* **A drop-in.** Every optimizer is a `keras.optimizers.Optimizer`: schedules, callbacks, mixed
  precision, `.keras` files and `fit` work as before.
* **The paper's rule.** Tests hold each algorithm to its paper, written in NumPy, to 1e-10
  ([parity](parity.md)). Each page says how other libraries differ.
* **Fair comparisons.** `keras_optim.compare` tunes all optimizers with the same budget,
  judges them with other seeds, and shows a difference that chance explains as a tie.
* **Little to lose.** Runs that are interrupted end on the same bits, and move between backends
  ([all promises](reliability.md)).

{trees}"""

CARDS = (
    ("five", "Five minutes", "From nothing to a trained model."),
    ("choos", "Which one?", "A short answer for each situation, and what is known."),
    ("optimizers/index", "All optimizers", "A table to filter and sort; a page for each."),
    ("compar", "On your own model", "Compare optimizers fairly, in a few lines."),
    ("coming", "Coming from elsewhere", "Names of torch.optim, optax, Keras and Addons."),
    ("migrate", "Coming from elsewhere", "Names of torch.optim, optax, Keras and Addons."),
    ("learn/index", "The textbook", "What optimizers do, and why, in five minutes a page."),
    ("optimizers/gallery", "The gallery", "The path of each optimizer on small functions."),
)
"""Places to go next, if they are there: a part of the page's name, a title, a text."""


def page(rows: Sequence[Row], folder: Path) -> str:
    """Return the home page, with the navigation of all pages in a folder."""
    found = navigation(rows, folder)
    every = [entry for entries in found.values() for entry in entries]
    guides = found.get("Guides", [])
    cards = []
    for part, title, text in CARDS:
        places = [entry for entry in (every if "/" in part else guides) if part in entry]
        if places:
            cards.append(f"* [{title}]({places[0]}.md)\n\n  {text}")
    return TEXT.format(
        count=len(ALGORITHMS),
        around=len(WRAPPERS),
        picture=drawings.home(),
        cards="\n".join(cards),
        trees="\n".join(tree(caption, entries) for caption, entries in found.items()),
    )
