"""Templates of the C function for CPUs, which `cpu_source` fills in."""

from string import Template

BARRIER = "#pragma omp barrier"

WAIT = """if (W > 1) {
#pragma omp barrier
}"""

ALL = Template("""const int64_t W = T, w = r;
const int64_t lo = all * r / T & ~15LL, hi = r == T - 1 ? all : all * (r + 1) / T & ~15LL;
$passes""")

PART_OF_ALL = """const int64_t a = lo > at ? lo - at : 0, b = hi - at < size[i] ? hi - at : size[i];
"""

ONE_BY_ONE = Template("""int64_t shared_items = 0, done = 0;
while (T > 1 && shared_items < n && 2 * T * size[order[shared_items]] > all) shared_items++;
for (;;) {
int64_t i, W = T, w = r;
if (done < shared_items) {
i = order[done++];
} else {
#pragma omp atomic capture
i = taken++;
if (shared_items + i >= n) break;
i = order[shared_items + i], W = 1, w = 0;
}
$passes
}""")

PART_OF_ONE = """const int64_t a = size[i] * w / W & ~15LL;
const int64_t b = w == W - 1 ? size[i] : size[i] * (w + 1) / W & ~15LL;
"""

BLOCKS = """for (int64_t from = a; from < b; from += BLOCK) {
const int64_t to = from + BLOCK < b ? from + BLOCK : b;"""

ROWS = """for (int64_t row = C ? a / C : 0; row * C < b; row++) {
const int64_t from = row * C < a ? a : row * C, to = (row + 1) * C < b ? (row + 1) * C : b;"""

LOOP = Template("""$over
$load
$block
#pragma omp simd$clauses
for (int64_t j = from; j < to; j++) {
$lines
$add
$add_to_parts
}
$store
$add_block
}""")

COUNT = Template("starts[i * PARTS + $place + 1] - starts[i * PARTS + $place]")

MINE_OF = Template(
    "($kind *)(all_parts + $thread * starts[n * PARTS] + starts[i * PARTS + $place])"
)

MINE = Template("""$kind *__restrict__ mine_$place = $mine;
for (int64_t p = 0; p < $count; p++)
  mine_$place[p] = $start;""")

TOGETHER = Template("""for (int64_t p = 0; p < $count; p++) {
  part_$place[p] = $start;
  for (int64_t t = 0; t < W; t++) $add;
}""")

KEEP = Template(
    "for (int64_t t = 0; t < W; t++) part[(i * SUMS + $place) * T + t] = t ? $start : sum$i;"
)

DECLARE = Template(
    "#pragma omp declare reduction($op : float, double : $add) initializer(omp_priv = $start)"
)

OF_THREADS = Template("""static inline double ${op}_of(const double *part, int64_t threads) {
  double sum = $start;
  for (int64_t r = 0; r < threads; r++) $add;
  return sum;
}""")

FUNCTION = Template("""#include <math.h>
#include <stdint.h>
#ifdef _OPENMP
#include <omp.h>
#else
static inline int omp_get_num_threads(void) { return 1; }
static inline int omp_get_thread_num(void) { return 0; }
#endif
$helpers
$blocks
$reductions
enum { SUMS = $sums, PARTS = $parts, AXES = $axes, ARRAYS = $arrays, WIDTH = $width };
enum { BLOCK = $block_size };

void run($signature) {
$constants
int64_t all = 0, taken = 0;
for (int64_t i = 0; i < n; i++) all += size[i];
#pragma omp parallel num_threads(threads)
{
const int64_t T = omp_get_num_threads(), r = omp_get_thread_num();
$work
}
}
""")
