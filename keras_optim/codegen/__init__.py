"""A pure function of tensors as one compiled loop over many of them, on PyTorch.

    graph        operations of a function, and how far each spreads over an array
    axes         spreads of shapes, and shapes of spreads
    tracing      a graph from one run of the function; `stand_in` for tensors
    operations   each operation and each reduction in C
    grouping     items that the same text can do, and the order in which numbers are known
    schedule     passes over the elements: each computes, stores, and loads
    expressions  names and expressions; `indexing`: places in arrays
    loops        loops over elements and over places of some axes
    cpu_source   one C function with OpenMP; `on_cpu`: its tables and its call
    cuda_source  one CUDA kernel; `on_cuda`: its tables and its launches
    building     shared library of a C function, in a private cache
    compilers    C compilers of this machine, and how one is run
    proving      a kernel on small tensors, beside what PyTorch makes of the same operations:
                 `replaying` does them one by one, `specimens` has the tensors
    kernel       the function bound to tensors, and called

Nothing here knows what an optimizer is.
"""

from keras_optim.codegen.building import BuildError
from keras_optim.codegen.graph import Refused
from keras_optim.codegen.kernel import Call, Kernel, check
from keras_optim.codegen.tracing import Function

__all__ = ["BuildError", "Call", "Function", "Kernel", "Refused", "check"]
