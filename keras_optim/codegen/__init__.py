"""Compiled loops on PyTorch: one call of a pure function on many tensors.

    graph        operations of a function, and how far each spreads over an array
    axes         the spread of a shape, and the shape of a spread
    tracing      the graph, from one run of the function on `stand_in` tensors; `nodes`: its parts
    operations   the C text of each operation and each reduction
    grouping     items that share one text, and the order in which numbers become known
    schedule     passes over the elements: the values that each computes, stores and loads
    halves       half precision, and rounding at random
    expressions  C names and expressions; `indexing`: offsets into arrays
    loops        C loops over elements and over positions along some axes
    cpu_source   one C function with OpenMP, from `cpu_templates`; `on_cpu`: its tables and its call
    cuda_source  one CUDA kernel; `on_cuda`: its tables and its launches
    building     shared library of a C function, in a private cache
    compilers    C compilers of this machine, and their flags
    proving      a kernel compared with PyTorch on small tensors: `replaying` runs its graph
                 operation by operation, `specimens` has the tensors
    kernel       the function bound to tensors, and called

This package knows nothing of optimizers.
"""

from keras_optim.codegen.building import BuildError
from keras_optim.codegen.graph import Refused
from keras_optim.codegen.kernel import Call, Kernel, check, supported
from keras_optim.codegen.tracing import Function

__all__ = ["BuildError", "Call", "Function", "Kernel", "Refused", "check", "supported"]
