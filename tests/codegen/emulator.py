"""CUDA kernels run on the CPU: blocks one after the other, each as a team of OpenMP threads."""

import ctypes
import functools
import subprocess
import tempfile
from pathlib import Path
from string import Template

import torch

from keras_optim.codegen import compilers
from keras_optim.codegen.cuda_source import SIGNATURE
from keras_optim.codegen.indexing import parameters_of

THREADS = 4
PRELUDE = """
#include <math.h>
#include <omp.h>
#define __global__
#define __device__
#define __shared__ static
#define __syncthreads() _Pragma("omp barrier")
struct Index { int x; };
static thread_local Index threadIdx;
static Index blockIdx, blockDim;
"""
LAUNCH = Template("""
extern "C" int launch(int blocks, int threads, $signature) {
  int team = 0;
  blockDim.x = threads;
  for (int block = 0; block < blocks; block++) {
    blockIdx.x = block;
    #pragma omp parallel num_threads(threads)
    {
      threadIdx.x = omp_get_thread_num();
      if (threadIdx.x == 0) team = omp_get_num_threads();
      run($names);
    }
  }
  return team;
}
""").substitute(signature=parameters_of(SIGNATURE), names=", ".join(SIGNATURE))
launches = []
"""What was launched: blocks and phase."""


@functools.cache
def load(source):
    """As `on_cuda.load`; blocks have `THREADS` threads, however many were asked for."""
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "kernel.so"
        command = [
            compilers.compilers()[0].path,
            "-x",
            "c++",
            "-shared",
            "-fPIC",
            "-fopenmp",
            "-O0",
            "-fno-exceptions",
        ]
        command += ["-ffp-contract=off", "-w", "-", "-o", str(library), "-lm"]
        subprocess.run(command, input=PRELUDE + source + LAUNCH, text=True, check=True)
        call = ctypes.CDLL(str(library)).launch

    def launch(blocks, threads, arguments):
        assert threads & (threads - 1) == 0, "halves must be whole"
        launches.append((blocks, arguments[0]))
        found = [
            ctypes.c_void_p(a.data_ptr()) if isinstance(a, torch.Tensor) else a for a in arguments
        ]
        assert call(blocks, THREADS, *found) == THREADS

    return launch
