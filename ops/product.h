/* Products of two matrices in memory: what matmul and the convolutions are made of. One thread each; who has several
 * of them, or cuts one into blocks, gives them to the threads. */
#ifndef TG_PRODUCT_H
#define TG_PRODUCT_H

#include "graph.h"

/* z [rows, columns] = x [rows, inner] y [inner, columns], row-major; stride: from one row to the next, in elements.
 * turn: the operand is stored transposed. */
struct tg__matrix {
    const void *data;
    size_t stride;
    bool turn;
};
struct tg__product {
    tg_dtype dtype;
    size_t rows, inner, columns;
    struct tg__matrix x, y;
    void *z;
    size_t stride; /* of z */
    bool adds;     /* z += x y */
};

/* Which of the two computes it, and how it is cut, depends on its shape alone: so do its bits. Our own loop adds up
 * every element in the order of `inner`. */
struct tg__cut {
    size_t rows, columns; /* of a block */
    size_t down, across;  /* how many blocks */
    bool blas;
};
struct tg__cut tg__cut_of(const tg_graph *g, const struct tg__product *p);
bool tg__is_large(double rows, double inner, double columns); /* a BLAS may do it */
void tg__product_block(const struct tg__product *p, const struct tg__cut *cut, size_t block);
void tg__product(const struct tg__product *p, const struct tg__cut *cut); /* all of its blocks, in this thread */

void tg__product_loop(const struct tg__product *p); /* ours */

/* blas.c */
bool tg__blas_may(const tg_graph *g, const struct tg__product *p); /* there is one, and it can be held to one thread */
void tg__blas_product(const struct tg__product *p);
const char *tg__blas_name(void); /* "none": there is none */
bool tg__blas_is_held(void);

#endif
