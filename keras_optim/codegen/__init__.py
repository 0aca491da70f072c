"""A pure function of tensors as one compiled loop over many of them, on PyTorch.

    graph       the operations of a function, and how far each spreads over an array
    tracing     the function, run on stand-ins for tensors, leaves a graph
    operations  what each operation is in C
    axes        shapes of tensors, and the axes of an item along which they lie
    grouping    which tensors the same text can do, and in which order numbers are known
    schedule    what each pass over the elements computes, stores, and finds stored
    expressions names and expressions; `indexing` those of positions in arrays
    loops       the parts of a function: loops, and what comes before them
    on_cpu      the parts as one C function with OpenMP, and how it is called
    on_cuda     the parts as one CUDA kernel, and how it is launched
    building    C function -> shared library, in a private cache
    compilers   which C compilers there are, and how one is run
    proving     the function on small tensors, beside what PyTorch makes of the same operations:
                `replaying` does them one by one, `specimens` has the tensors
    kernel      the function bound to tensors, and called

Nothing here knows what an optimizer is.
"""

from keras_optim.codegen.building import BuildError
from keras_optim.codegen.graph import Refused
from keras_optim.codegen.kernel import Call, Kernel, check
from keras_optim.codegen.tracing import Function

__all__ = ["BuildError", "Call", "Function", "Kernel", "Refused", "check"]
