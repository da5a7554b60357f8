/* Schedules: a rate as a function of the number of steps taken, which is a node, such as tg_counter gives. */
#include "compose.h"

static tg_node number(tg_node like, double v) { return tg_scalar_like(like, v); }

/* The number of steps is one number; a vector of them would broadcast. */
static bool is_count(tg_node count, const char *who, double steps) {
    char text[300];
    if (!tg__is_of(count.graph, count, "the count", who)) return false;
    if (tg_dims(count).rank > 0 || tg_dtype_of(count) == TG_I32)
        tg_fail(count.graph, tg_dims(count).rank ? TG_SHAPE : TG_DTYPE, "%s: the count %s is no floating scalar", who,
                tg__described(count, text, sizeof text));
    else if (!(steps >= 1))
        tg_fail(count.graph, TG_ARGUMENT, "%s: %g steps; 1 or more are needed", who, steps);
    else
        return true;
    return false;
}

tg_node tg_rate_steps(tg_node count, double rate, double factor, double every) {
    if (!is_count(count, "rate_steps", every)) return tg_nil(count.graph);
    const tg_node times = tg_floor(tg_div(count, number(count, every)));
    const tg_node shrunk = tg_pow(number(count, factor), times);
    return tg_mul(number(count, rate), shrunk);
}

tg_node tg_rate_cosine(tg_node count, double rate, double last, double steps) {
    const double pi = 3.141592653589793;
    if (!is_count(count, "rate_cosine", steps)) return tg_nil(count.graph);
    const tg_node one = number(count, 1), part = tg_minimum(tg_div(count, number(count, steps)), one);
    const tg_node angle = tg_mul(number(count, pi), part), wave = tg_add(one, tg_cos(angle));
    const tg_node above = tg_mul(number(count, (rate - last) / 2), wave);
    return tg_add(number(count, last), above);
}

tg_node tg_rate_warmup(tg_node count, tg_node rate, double steps) {
    if (!is_count(count, "rate_warmup", steps) || !tg__is_of(count.graph, rate, "the rate", "rate_warmup"))
        return tg_nil(count.graph);
    tg_composite_open(count.graph, "rate_warmup", NULL);
    const tg_node all = number(count, steps), one = number(count, 1), part = tg_div(tg_add(count, one), all);
    return tg__closed(tg_mul(rate, tg_minimum(part, one)));
}
