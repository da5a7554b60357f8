/* Wrong gradients for the gradient check: copies of operators whose vjp is multiplied by a fault. */
#ifndef TESTS_CHECK_FAULTS_H
#define TESTS_CHECK_FAULTS_H

#include "ops.h"
#include "support.h"

static double fault[2];      /* factors on what goes to each operand */
static bool silent, forgets; /* sends nothing, or g itself, to the second operand */

static inline tg_node spoil(const struct tg_op *op, tg_node z, tg_node gradient, int slot) {
    if (slot == 1 && silent) return tg_nil(z.graph);
    if (slot == 1 && forgets) return gradient;
    tg_node term = op->vjp(z, gradient, slot);
    return fault[slot] == 1 ? term : tg_mul(term, tg_scalar_like(term, fault[slot]));
}

static inline tg_node mul_vjp(tg_node z, tg_node d, int slot) { return spoil(&tg__op_mul, z, d, slot); }
static inline tg_node sub_vjp(tg_node z, tg_node d, int slot) { return spoil(&tg__op_sub, z, d, slot); }
static inline tg_node square_vjp(tg_node z, tg_node d, int slot) { return spoil(&tg__op_square, z, d, slot); }
static inline tg_node identity_vjp(tg_node z, tg_node d, int slot) { return spoil(&tg__op_identity, z, d, slot); }

static inline tg_node spoiled(const struct tg_op *op, tg_node x, tg_node y) {
    static struct tg_op wrong[4];
    static const struct tg_op *const right[4] = {&tg__op_mul, &tg__op_sub, &tg__op_square, &tg__op_identity};
    static tg_node (*const vjp[4])(tg_node, tg_node, int) = {mul_vjp, sub_vjp, square_vjp, identity_vjp};
    for (int i = 0; i < 4; i++) {
        wrong[i] = *right[i];
        wrong[i].vjp = vjp[i];
        if (op == right[i]) return tg__apply(&wrong[i], (tg_node[]){x, y}, NULL);
    }
    return tg_nil(x.graph);
}

static inline void set_fault(double to_x, double to_y) {
    fault[0] = to_x;
    fault[1] = to_y;
    silent = forgets = false;
}

#endif
