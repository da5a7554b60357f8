/* What the files of this folder share. The rows are in elementwise.def and ops.def. */
#ifndef TG_OPS_H
#define TG_OPS_H

#include "graph.h"

#define OP(name) extern const struct tg_op tg__op_##name;
#include "elementwise.def"
#include "ops.def"
#undef OP

/* Hot loops get a version for the vector unit at hand; the bits are the same, for nothing is contracted or reordered.
 * Sanitizers do not survive the resolvers. */
#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && defined(__gnu_linux__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define TG__HOT __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define TG__HOT
#endif

/* Below this many elements a thread costs more than it brings, and far more on a machine that is busy. */
enum { TG__PARALLEL = 1 << 19, TG__BLOCK = 1 << 14 };

bool tg__rule_floats(struct tg__rule *r);   /* records what is wrong unless all operands share one floating dtype */
bool tg__rule_unary(struct tg__rule *r);    /* one floating operand; result alike */
bool tg__rule_broadcast(struct tg__rule *r);
bool tg__rule_any(struct tg__rule *r);      /* one operand of any dtype; its shape, or the one that was given */
tg_node tg__apply_to_shape(const struct tg_op *op, tg_node x, const tg_shape *dims, const struct tg__attr *attr);
tg_status tg__run_elementwise(struct tg__call *c);
const char *tg__vector_math(void);          /* elementwise.c */
const char *tg__vector_unit(void);          /* product.c: for which the loops are compiled that run on this processor */
tg_status tg__run_view(struct tg__call *c); /* view.c */
void tg__emit_view(struct tg__emit *e);
void tg__emit_sum(struct tg__emit *e); /* reduce_c.c */
void tg__emit_max(struct tg__emit *e);
void tg__emit_min(struct tg__emit *e);
bool tg__rule_reduced(struct tg__rule *r); /* one floating operand; its shape without the axes that attr reduces */
bool tg__rule_extreme(struct tg__rule *r, const char *extreme); /* the same, and there must be something to reduce */
tg_node tg__apply_reduction(const struct tg_op *op, tg_node x, tg_axes axes);
tg_status tg__run_max(struct tg__call *c);
tg_status tg__run_min(struct tg__call *c);
tg_node tg__tied(tg_node x, tg_node y, tg_node w, const struct tg__attr *fates); /* extreme.c */
tg_node tg__sum(tg_node x, const struct tg__attr *fates);
tg_node tg__expand(tg_node x, const struct tg__shape *shape, const struct tg__attr *fates); /* the adjoint of tg__sum */

/* Elements of `from` to their places in `to`: along axis i of dims both go on by a stride of their own. */
struct tg__walk {
    tg_shape dims;
    int64_t to_at, from_at, to[TG_MAX_RANK], from[TG_MAX_RANK]; /* in elements */
};
void tg__copy(void *to, const void *from, const struct tg__walk *walk, size_t item); /* copy.c */
void tg__strides(const tg_shape *dims, int64_t *stride);                             /* row-major */
void tg__fill(void *to, tg_dtype dtype, size_t count, double value);
tg_status tg__check_labels(const struct tg__call *c, int64_t classes); /* of operand 1; index.c */

#endif
