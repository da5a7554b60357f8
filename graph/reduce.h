/* The one order of summation, a function of shape and axes alone: the interpreter, generated code and any number of
 * threads give the same bits.
 *
 *   innermost axis reduced   the reduced elements of one result, row-major, in chunks of 256; in a chunk, 16 lanes,
 *                            element i in lane i mod 16; lanes fold by 8, 4, 2, 1
 *   innermost axis kept      rows in order, in chunks of 16, each a running sum
 *   both                     sums start at 0; chunks combine in pairs like a binary counter: chunk k is added to the
 *                            chunk before it once for every trailing 1 bit of k, and at the end the newest is added
 *                            to the older ones, one by one
 *
 * Never more than 16 additions follow each other between two combinations. That keeps the mean of a constant column
 * within 2 units of roundoff; with 64 the error of each addition is the same and they add up to 16 (measured). */
#ifndef TG_REDUCE_H
#define TG_REDUCE_H

enum {
    TG__SUM_LANES = 16,
    TG__SUM_CHUNK = 256, /* elements */
    TG__SUM_ROWS = 16,   /* rows a chunk */
    TG__SUM_LEVELS = 56  /* more chunks than memory can hold */
};

#endif
