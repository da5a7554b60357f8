/* What a row of the user's own sees: its operands in a shape rule, its data in a kernel. */
#include "graph.h"

tg_node tg_rule_operand(const tg_rule *r, int slot) {
    return slot >= 0 && slot < r->op->operands ? r->in[slot] : tg_nil(r->graph);
}

const void *tg_rule_user(const tg_rule *r) { return r->op->user; }

bool tg_rule_set(tg_rule *r, tg_dtype dtype, tg_shape shape) {
    if (!tg__is_dtype(dtype))
        return tg_rule_fail(r, TG_DTYPE, "its shape rule set dtype %d, which is none", (int)dtype);
    r->dtype = dtype;
    r->shape = tg__shape_of(r->graph, &shape, r->op->name);
    return r->shape != NULL;
}

bool tg_rule_fail(tg_rule *r, tg_status status, const char *format, ...) {
    char text[TG__MESSAGE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    tg__fail(r->graph, status ? status : TG_ARGUMENT, r->op, r->in, r->op->operands, "%s", text);
    return false;
}

tg_node tg_call_node(const tg_call *c) { return tg__handle(c->graph, c->id); }

const void *tg_call_input(const tg_call *c, int slot) {
    return slot >= 0 && slot < c->node->operands ? c->in[slot] : NULL;
}

void *tg_call_output(const tg_call *c) { return c->out; }
const void *tg_call_user(const tg_call *c) { return c->node->op->user; }

tg_status tg_call_fail(const tg_call *c, tg_status status, const char *format, ...) {
    char text[TG__MESSAGE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return tg__fail_run(c->graph, status ? status : TG_ARGUMENT, c->id, "%s", text);
}
