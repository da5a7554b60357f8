/* Derivatives that take several sweeps, each a node: products with the Jacobian and the Hessian, and those themselves.
 */
#include "ops.h"

/* The gradient of x alone; an error with the reason where there is none. */
static tg_node towards(tg_node out, tg_node seed, tg_node x) {
    const tg_grads d = tg__backward_to(out, seed, x);
    return d.id ? tg_grad(d, x) : tg_nil(out.graph);
}

static bool is_here(tg_node out, tg_node x, const char *who) {
    if (!out.graph || tg__is_broken(out.graph) || !tg__want(out, who)) return false;
    if (x.graph == out.graph) return tg__want(x, who) != NULL;
    tg_fail(out.graph, TG_HANDLE, "%s: x is %s", who, x.graph ? "a node of another graph" : "nil");
    return false;
}

/* Shape and dtype of what x is multiplied with. */
static bool is_alike(tg_node a, tg_node x, const char *what, const char *who) {
    tg_graph *g = x.graph;
    const struct tg__node *n = tg__node_of(g, x.id), *m = a.graph == g ? tg__get(a) : NULL;
    char name[80], other[80], shape[200], given[200];
    if (!m)
        tg_fail(g, TG_HANDLE, "%s: the %s is nil, stale or of another graph", who, what);
    else if (m->shape != n->shape || m->dtype != n->dtype)
        tg_fail(g, m->dtype == n->dtype ? TG_SHAPE : TG_DTYPE, "%s: %s %s is %s %s, but %s is %s %s", who, what,
                tg__quote(g, a.id, other, sizeof other), tg__dtype_name((tg_dtype)m->dtype),
                tg__shape_text(&m->shape->dims, given, sizeof given), tg__quote(g, x.id, name, sizeof name),
                tg__dtype_name((tg_dtype)n->dtype), tg__shape_text(&n->shape->dims, shape, sizeof shape));
    else
        return true;
    return false;
}

static bool is_number(tg_node loss, const char *who) {
    char name[80], shape[200];
    const tg_shape dims = tg_dims(loss);
    if (tg_size(loss) == 1) return true;
    tg_fail(loss.graph, TG_SHAPE, "%s: %s %s is not a single number", who,
            tg__quote(loss.graph, loss.id, name, sizeof name), tg__shape_text(&dims, shape, sizeof shape));
    return false;
}

tg_node tg_vjp(tg_node out, tg_node x, tg_node cotangent) {
    if (!is_here(out, x, "vjp")) return tg_nil(out.graph);
    if (cotangent.id == 0 ? !is_number(out, "vjp") : !is_alike(cotangent, out, "cotangent", "vjp"))
        return tg_nil(out.graph);
    return towards(out, cotangent, x);
}

tg_node tg_jvp(tg_node out, tg_node x, tg_node tangent) {
    if (!is_here(out, x, "jvp") || !is_alike(tangent, x, "tangent", "jvp")) return tg_nil(out.graph);
    const tg_node u = tg__free_cotangent(out), back = tg_is_nil(u) ? u : towards(out, u, x);
    return tg_is_nil(back) ? back : towards(back, tangent, u);
}

/* ------------------------------------------------------------------------------------------------------ row by row */

/* 1 at one element, 0 elsewhere. */
static tg_node one_hot(tg_node like, size_t at) {
    tg_node a = tg__free_cotangent(like);
    if (tg_is_nil(a)) return a;
    tg__node_of(a.graph, a.id)->flags = 0;
    if (at < tg_size(a)) tg__store(tg_dtype_of(a), (void *)(uintptr_t)tg__value_of(a.graph, a.id)->data, at, 1);
    return a;
}

static bool joined(tg_node out, tg_node x, tg_shape *dims, const char *who) {
    const tg_shape a = tg_dims(out), b = tg_dims(x);
    if (a.rank + b.rank > TG_MAX_RANK) {
        tg_fail(out.graph, TG_SHAPE, "%s: ranks %d and %d make one of more than %d", who, a.rank, b.rank, TG_MAX_RANK);
        return false;
    }
    *dims = a;
    for (int i = 0; i < b.rank; i++) dims->dim[dims->rank++] = b.dim[i];
    return tg__shape_of(out.graph, dims, who) != NULL;
}

/* One sweep for each element of out: its row. Of no elements, one sweep to see whether out depends on x. */
static bool sweep_rows(tg_node out, tg_node x, tg_node *row, size_t rows) {
    const int64_t columns = (int64_t)tg_size(x);
    for (size_t i = 0; i < (rows ? rows : 1); i++) {
        const tg_node seed = one_hot(out, i), gradient = tg_is_nil(seed) ? seed : towards(out, seed, x);
        if (tg_is_nil(gradient)) return false;
        if (rows && tg_is_nil(row[i] = tg_reshape(gradient, tg_shape2(1, columns)))) return false;
    }
    return true;
}

static tg_node jacobian(tg_node out, tg_node x, const char *who) {
    tg_graph *g = out.graph;
    tg_shape dims;
    if (!joined(out, x, &dims, who)) return tg_nil(g);
    const size_t rows = tg_size(out), bytes = (rows + 1) * sizeof(tg_node);
    tg_node *row = tg__alloc(g, bytes), all = tg_nil(g);
    if (row && sweep_rows(out, x, row, rows))
        all = rows ? tg_reshape(tg_concat(row, rows, 0), dims) : tg_const(g, tg_dtype_of(x), dims, NULL);
    if (row) tg__release(g, row, bytes);
    return all;
}

tg_node tg_jacobian(tg_node out, tg_node x) {
    return is_here(out, x, "jacobian") ? jacobian(out, x, "jacobian") : tg_nil(out.graph);
}

/* ---------------------------------------------------------------------------------------------------- second order */

/* Whether the gradient is the same wherever x is. What hides a dependence is an error. */
static bool is_constant(tg_node gradient, tg_node x, tg_node loss, const char *who) {
    tg_graph *g = x.graph;
    const uint32_t cut = gradient.id > x.id ? tg__cut_by(g, x.id, gradient.id) : 0;
    char name[80], of[80], stop[80];
    if (cut == 0) return !tg__is_broken(g);
    if (!(tg__node_of(g, gradient.id)->flags & TG__DIFFERENTIABLE))
        tg_fail(g, TG_GRADIENT, "%s: the gradient of %s depends on %s only behind %s %s, which passes no gradient on",
                who, tg__quote(g, loss.id, of, sizeof of), tg__quote(g, x.id, name, sizeof name),
                tg__node_of(g, cut)->op->name, tg__quote(g, cut, stop, sizeof stop));
    return false;
}

tg_node tg_hvp(tg_node loss, tg_node x, tg_node v) {
    tg_graph *g = loss.graph;
    if (!is_here(loss, x, "hvp") || !is_number(loss, "hvp") || !is_alike(v, x, "vector", "hvp")) return tg_nil(g);
    const tg_node gradient = towards(loss, tg_nil(g), x);
    if (tg_is_nil(gradient)) return gradient;
    if (is_constant(gradient, x, loss, "hvp")) return tg_expand(tg_scalar_like(x, 0), tg_dims(x));
    return towards(gradient, v, x);
}

tg_node tg_hessian(tg_node loss, tg_node x) {
    tg_graph *g = loss.graph;
    tg_shape dims;
    if (!is_here(loss, x, "hessian") || !is_number(loss, "hessian") || !joined(x, x, &dims, "hessian"))
        return tg_nil(g);
    const tg_node gradient = towards(loss, tg_nil(g), x);
    if (tg_is_nil(gradient)) return gradient;
    if (is_constant(gradient, x, loss, "hessian")) return tg_expand(tg_scalar_like(x, 0), dims);
    return jacobian(gradient, x, "hessian");
}
