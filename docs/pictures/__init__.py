"""The pictures of the documentation: `python -m docs.pictures` draws all, or those named.

Each module has one function, `draw`, which measures and returns a figure. The numbers come from the
optimizers of keras_optim alone, on functions and on scikit-learn's digits. They are the same again
on PyTorch with one thread, which is the default here.
"""

import os

os.environ.setdefault("KERAS_BACKEND", "torch")
os.environ.setdefault("OMP_NUM_THREADS", "1")
