/* How the arrays are cut into tiles; batchnorm.inc and batchnorm_sums.inc have the kernels, once for each type. */
#include "batchnorm.h"

#include "hot.h"

#include <stdbool.h>
#include <string.h>

#ifdef _OPENMP
#include <omp.h>
#endif

enum {
    CHUNK = 16,         /* rows of one tree: like all below it cannot be seen in the result */
    WIDE = 4096,        /* bytes of a block of columns: rows of several pages confuse no prefetcher */
    NARROW = 16,        /* below so many columns a row fills no vector */
    STACK = 40 * 1024,  /* bytes of partial sums in a tile */
    TILE = 128 * 1024,  /* bytes of x in a tile, at least */
    TILES = 64,         /* tiles above one another that are enough to share */
    FAR = 16 * 1024,    /* bytes between places that are read at once, about */
    STREAM = 1 << 20,   /* bytes of x that do not stay in a core's own cache */
    PARALLEL = 1 << 18, /* bytes of x that are worth waking the threads */
    FOLD = 256          /* numbers in the rows that are laid end to end to fill vectors, at most */
};

typedef enum sums { SUM_X, SUM_SQUARES, SUM_DOUT } sums;         /* SUM_DOUT: of dout and of dout xhat */
typedef enum map { OUT, OUT_AND_XHAT, DX, DX_OF_CONSTANTS } map; /* what is written, row by row */

/* Tiles are a power of two of rows high. So the sum over a tile is a subtree of the sum over the column, and neither
 * the height nor the order in which threads finish can be seen in the result. */
typedef struct grid {
    size_t n, d, rows, groups, width, blocks;
    size_t gap;  /* rows between places that are read at once, 0: there is one place */
    size_t fold; /* rows taken as one where rows do not matter */
    bool stream, parallel;
} grid;

typedef struct tile {
    size_t row, rows, col, width;
} tile;

static size_t ceiling(size_t a, size_t b) { return a / b + (a % b != 0); }

static grid plan(size_t n, size_t d, size_t size) {
    const size_t bytes = n * d * size, pieces = ceiling(d * size, WIDE);
    grid g = {.n = n, .d = d, .rows = 4 * CHUNK, .fold = 16, .width = d};
    if (pieces > 1) g.width = ceiling(ceiling(d, pieces), 16) * 16;
    g.blocks = ceiling(d, g.width);
    g.stream = bytes > STREAM;
    if (g.stream && d >= NARROW && d * size <= FAR / 8)
        for (g.gap = CHUNK; g.gap * d * size > FAR;) g.gap /= 2;
    g.parallel = bytes >= PARALLEL;
    while (g.fold > 1 && g.fold * d > FOLD) g.fold /= 2;
    /* A leaf's slots (far(): 6 or 8 for two sums, chunk(): 2) and one for each level above it have to fit. */
    for (size_t slots = g.gap ? 8 + g.gap / 8 : 5; slots * 2 * g.width * size <= STACK; slots++) {
        if (g.rows * d * size >= TILE && n / g.rows < TILES) break;
        g.rows *= 2;
    }
    g.groups = n > g.rows ? ceiling(n, g.rows) : 1;
    return g;
}

static tile cut(const grid *g, size_t i) {
    tile t = {.row = i / g->blocks * g->rows, .rows = g->rows, .col = i % g->blocks * g->width, .width = g->width};
    if (t.rows > g->n - t.row) t.rows = g->n - t.row;
    if (t.width > g->d - t.col) t.width = g->d - t.col;
    return t;
}

/* The bits of 0 to 15 from the other end. */
static const unsigned char turned[] = {0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15};

#define JOB   FN(job)
#define BOTH  FN(both)
#define STRIP FN(strip)
#define PITCH (WIDE / sizeof(T) + 32) /* whole pages apart, five rows would push one another out of the cache */

#define T        float
#define FN(name) name##_f32
#define SQRT     sqrtf
#include "batchnorm.inc"
#undef T
#undef FN
#undef SQRT

#define T        double
#define FN(name) name##_f64
#define SQRT     sqrt
#include "batchnorm.inc"
