"""A pure function of tensors as one compiled loop over many of them, on PyTorch on a CPU.

    tracing     the function, run on stand-ins for tensors, leaves a list of operations
    operations  what each operation is in C
    source      lists of operations -> one C function
    building    C function -> shared library, in a private cache
    kernel      the function bound to tensors, and called

Nothing here knows what an optimizer is.
"""

from keras_optim.native.building import BuildError
from keras_optim.native.kernel import Call, Kernel, check
from keras_optim.native.tracing import Function, Refused

__all__ = ["BuildError", "Call", "Function", "Kernel", "Refused", "check"]
