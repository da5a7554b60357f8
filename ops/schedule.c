/* Schedules: a rate as a function of the number of steps taken, which is a node, such as tg_counter gives. */
#include "compose.h"

static tg_node number(tg_node like, double v) { return tg_scalar_like(like, v); }

static bool is_length(tg_node count, const char *who, double steps) {
    if (steps >= 1) return true;
    tg_fail(count.graph, TG_ARGUMENT, "%s: %g steps; 1 or more are needed", who, steps);
    return false;
}

tg_node tg_rate_steps(tg_node count, double rate, double factor, double every) {
    if (!is_length(count, "rate_steps", every)) return tg_nil(count.graph);
    const tg_node times = tg_floor(tg_div(count, number(count, every)));
    return tg_mul(number(count, rate), tg_pow(number(count, factor), times));
}

tg_node tg_rate_cosine(tg_node count, double rate, double last, double steps) {
    const double pi = 3.141592653589793;
    if (!is_length(count, "rate_cosine", steps)) return tg_nil(count.graph);
    const tg_node part = tg_minimum(tg_div(count, number(count, steps)), number(count, 1));
    const tg_node wave = tg_add(number(count, 1), tg_cos(tg_mul(number(count, pi), part)));
    return tg_add(number(count, last), tg_mul(number(count, (rate - last) / 2), wave));
}

tg_node tg_rate_warmup(tg_node count, tg_node rate, double steps) {
    if (!is_length(count, "rate_warmup", steps) || !tg__is_of(count.graph, rate, "the rate", "rate_warmup"))
        return tg_nil(count.graph);
    const tg_node part = tg_div(tg_add(count, number(count, 1)), number(count, steps));
    return tg_mul(rate, tg_minimum(part, number(count, 1)));
}
