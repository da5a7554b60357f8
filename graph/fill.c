/* Values for leaves out of nothing: a number, or random ones that are the same everywhere. */
#include "graph.h"
#include "random.h"

#include <math.h>

struct source {
    uint64_t random;
    double a, b;
    double (*next)(struct source *s);
};

static double constant(struct source *s) { return s->a; }
static double uniform(struct source *s) { return tg__random_uniform(&s->random, s->a, s->b); }

/* Box and Muller 1958, one of the two. 1 - u, for the logarithm of 0 is none. */
static double normal(struct source *s) {
    const double tau = 6.283185307179586;
    const double radius = sqrt(-2 * log(1 - tg__random_uniform(&s->random, 0, 1)));
    return s->a + s->b * radius * cos(tau * tg__random_uniform(&s->random, 0, 1));
}

static tg_status refuse(tg_node leaf, const char *who, const struct source *s) {
    char name[80];
    tg__quote(leaf.graph, leaf.id, name, sizeof name);
    if (s->next != constant)
        return tg__fail_run(leaf.graph, TG_DTYPE, 0, "%s: %s is i32; random numbers are floating-point", who, name);
    return tg__fail_run(leaf.graph, TG_ARGUMENT, 0, "%s: %.17g is no i32, which %s is", who, s->a, name);
}

static tg_status fill(tg_node leaf, const char *who, struct source s) {
    tg_graph *g = leaf.graph;
    if (!g) return TG_HANDLE;
    tg__clear_run(g);
    const struct tg__node *n = tg__settable(leaf, &s, who);
    if (!n) return g->error.status;
    if (n->dtype == TG_I32 && (s.next != constant || !tg__is_i32(s.a)))
        return refuse(leaf, who, &s);
    g->busy = true;
    const size_t bytes = tg__bytes(n);
    char *data = tg__alloc(g, bytes);
    g->busy = false;
    if (!data) return g->error.status;
    for (size_t i = 0; i < n->shape->count; i++) tg__store((tg_dtype)n->dtype, data, i, s.next(&s));
    const tg_status status = tg_set(leaf, data);
    tg__release(g, data, bytes);
    return status;
}

tg_node tg_state(tg_graph *g, tg_dtype dtype, tg_shape shape, double v) {
    if (dtype == TG_I32 && !tg__is_i32(v)) return tg_fail(g, TG_ARGUMENT, "state: %.17g is no i32", v);
    const tg_node a = tg_param(g, dtype, shape);
    if (tg_is_nil(a) || !tg__value_room(g, a.id)) return tg_nil(g);
    struct tg__value *value = tg__value_of(g, a.id);
    for (size_t i = 0; i < tg_size(a); i++) tg__store(dtype, (void *)(uintptr_t)value->data, i, v);
    value->valid = true;
    return a;
}

tg_status tg_fill(tg_node leaf, double v) { return fill(leaf, "fill", (struct source){.a = v, .next = constant}); }

tg_status tg_fill_uniform(tg_node leaf, double low, double high, uint64_t seed) {
    return fill(leaf, "fill_uniform", (struct source){seed, low, high, uniform});
}

tg_status tg_fill_normal(tg_node leaf, double mean, double deviation, uint64_t seed) {
    return fill(leaf, "fill_normal", (struct source){seed, mean, deviation, normal});
}
