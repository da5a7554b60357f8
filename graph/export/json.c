/* The whole tape as JSON, for programs that draw, compare or replay it. One object:
 *
 *   format    "tapegrad tape 1"
 *   nodes     in order of creation, which is topological order; each
 *               id        counts from 1
 *               op        as tg_op_of: "mul"; "input", "param", "const" for leaves
 *               operands  ids
 *               shape     dimensions; [] for a scalar
 *               dtype     "f32", "f64", "i32"
 *               axes      where the operator has any, one number an axis of its larger side: of a transpose the order;
 *                         of a sum, max or expand 0 stays, 1 kept with length 1, 2 dropped
 *               number    where it is not 0: the operator's count or axis, such as a scatter's classes
 *               first, step, size  where one of them is not 0: one number an axis, such as where a slice begins and how
 *                         it goes on
 *               assigned  of a leaf that a commit changes: the node whose value it takes
 *               fill      where it is not 0: the number that a pad is filled with
 *               names     own name first, then aliases; each name, stage, and `of`: the node whose adjoint or term it
 *                         names, null for a user's
 *               scope     "bn1/"; stage, where the node was made: 0 a leaf, -1 not closed
 *               file      where its stage was written, without folders, and line; null: not known
 *               columns   labels of the last axis; left out where there are none
 *               value     null: nothing valid has been computed. Else count, nonfinite (NaN and infinities), min, mean
 *                         and max of the others (null: there are none), and data, row-major, all of it
 *   scopes    prefix, parent (a prefix), stages (how many)
 *   sweeps    id, out, and adjoints, newest node first: node, adjoint, and terms in order of arrival: term, sender
 *             (null the seed), slot
 *   log       moment by moment: kind "appended" (node), "delivered" (node, term, sender, slot), "named" (node, name);
 *             stage
 *
 * Numbers come back to the same bits; the three that JSON has none for are "nan", "inf" and "-inf". Text is UTF-8, ill
 * formed bytes have become U+FFFD. */
#include "export.h"

static void text_field(struct tg__sheet *s, const char *key, const char *text) {
    tg__putf(s, "\"%s\":\"", key);
    tg__put_json(s, text);
    tg__put(s, "\"");
}

/* 0 is no node. */
static void id_field(struct tg__sheet *s, const char *key, uint32_t id) {
    if (id)
        tg__putf(s, ",\"%s\":%u", key, id);
    else
        tg__putf(s, ",\"%s\":null", key);
}

static const char *comma(bool more) { return more ? "," : ""; }

/* ------------------------------------------------------------------------------------------------------ a node */

static void put_by_axis(struct tg__sheet *s, const char *key, const int64_t *number, int rank) {
    bool any = false;
    for (int i = 0; i < rank; i++) any |= number[i] != 0;
    if (!any) return;
    tg__putf(s, ",\"%s\":[", key);
    for (int i = 0; i < rank; i++) tg__putf(s, "%s%lld", comma(i), (long long)number[i]);
    tg__put(s, "]");
}

static void put_attributes(struct tg__sheet *s, const tg_graph *g, const struct tg__node *n) {
    if (!n->attr) return;
    int rank = n->shape->dims.rank;
    for (int i = 0; i < n->operands; i++) {
        const int other = tg__node_of(g, n->in[i])->shape->dims.rank;
        if (other > rank) rank = other;
    }
    tg__put(s, ",\"axes\":[");
    for (int i = 0; i < rank; i++) tg__putf(s, "%s%d", comma(i), n->attr->axis[i]);
    tg__put(s, "]");
    if (n->attr->number) tg__putf(s, ",\"number\":%lld", (long long)n->attr->number);
    put_by_axis(s, "first", n->attr->first, rank);
    put_by_axis(s, "step", n->attr->step, rank);
    put_by_axis(s, "size", n->attr->size, rank);
    if (n->attr->value == 0) return;
    tg__put(s, ",\"fill\":");
    tg__put_json_number(s, n->attr->value);
}

static void put_names(struct tg__sheet *s, const tg_graph *g, uint32_t id) {
    tg__put(s, ",\"names\":[");
    const uint32_t first = tg__fact_of(g, id)->name;
    for (uint32_t row = first; row; row = tg__name_next(g, row)) {
        tg__putf(s, "%s{", comma(row != first));
        text_field(s, "name", tg__name_text(g, row));
        tg__putf(s, ",\"stage\":%d", tg__place(g, tg__name_site(g, row)).stage);
        id_field(s, "of", tg__name_of(g, row));
        tg__put(s, "}");
    }
    tg__put(s, "],");
}

static void put_place(struct tg__sheet *s, tg_node a) {
    const tg_place at = tg_where_is(a);
    text_field(s, "scope", at.scope);
    tg__putf(s, ",\"stage\":%d,", at.stage);
    if (at.file)
        text_field(s, "file", tg__base(at.file)), tg__putf(s, ",\"line\":%d", at.line);
    else
        tg__put(s, "\"file\":null,\"line\":null");
    for (size_t i = 0; tg_column(a, i); i++) {
        tg__put(s, i ? ",\"" : ",\"columns\":[\"");
        tg__put_json(s, tg_column(a, i));
        tg__put(s, "\"");
    }
    tg__put(s, tg_column(a, 0) ? "]" : "");
}

static void put_value(struct tg__sheet *s, tg_node a) {
    struct tg__summary summary;
    if (!tg__summarize(a, &summary)) {
        tg__put(s, ",\"value\":null");
        return;
    }
    tg__putf(s, ",\"value\":{\"count\":%zu,\"nonfinite\":%zu", summary.count, summary.nonfinite);
    const double of[] = {summary.min, summary.mean, summary.max};
    static const char *const name[] = {"min", "mean", "max"};
    for (int i = 0; i < 3; i++) {
        tg__putf(s, ",\"%s\":", name[i]);
        if (summary.count > summary.nonfinite)
            tg__put_json_number(s, of[i]);
        else
            tg__put(s, "null");
    }
    tg__put(s, ",\"data\":[");
    const void *data = tg_value(a);
    const tg_dtype dtype = tg_dtype_of(a);
    for (size_t i = 0; i < summary.count; i++) {
        tg__put(s, comma(i));
        tg__put_json_number(s, tg__load(dtype, data, i));
    }
    tg__put(s, "]}");
}

static void put_node(struct tg__sheet *s, tg_graph *g, uint32_t id) {
    const struct tg__node *n = tg__node_of(g, id);
    tg__putf(s, "%s\n{\"id\":%u,\"op\":\"%s\",\"operands\":[", comma(id > 1), id, n->op->name);
    for (int i = 0; i < n->operands; i++) tg__putf(s, "%s%u", comma(i), n->in[i]);
    tg__put(s, "],\"shape\":[");
    for (int i = 0; i < n->shape->dims.rank; i++) tg__putf(s, "%s%lld", comma(i), (long long)n->shape->dims.dim[i]);
    tg__putf(s, "],\"dtype\":\"%s\"", tg__dtype_name((tg_dtype)n->dtype));
    put_attributes(s, g, n);
    if (n->flags & TG__ASSIGNED) id_field(s, "assigned", tg_assigned(tg__handle(g, id)).id);
    put_names(s, g, id);
    put_place(s, tg__handle(g, id));
    put_value(s, tg__handle(g, id));
    tg__put(s, "}");
}

/* ------------------------------------------------------------------------------------------ scopes, sweeps, log */

/* One opened without a name has no stages of its own. */
static void put_scopes(struct tg__sheet *s, const tg_graph *g) {
    for (uint32_t i = 1; i < g->scopes.length; i++) {
        const struct tg__scope *scope = tg__scope_of(g, i);
        if (scope->owner != i) continue;
        tg__putf(s, "%s\n{", comma(i > 1));
        text_field(s, "prefix", scope->prefix);
        tg__put(s, ",");
        text_field(s, "parent", scope->parent ? tg__scope_of(g, scope->parent)->prefix : "");
        tg__putf(s, ",\"stages\":%d}", scope->stages);
    }
}

static void put_adjoint(struct tg__sheet *s, const tg_graph *g, uint32_t node, const struct tg__adjoint *a) {
    tg__putf(s, "{\"node\":%u,\"adjoint\":%u,\"terms\":[", node, a->node);
    for (uint32_t e = a->first; e; e = tg__event_of(g, e)->next) {
        const struct tg__event *event = tg__event_of(g, e);
        tg__putf(s, "%s{\"term\":%u", comma(e != a->first), event->term);
        id_field(s, "sender", event->sender);
        tg__putf(s, ",\"slot\":%d}", event->slot);
    }
    tg__put(s, "]}");
}

static void put_sweeps(struct tg__sheet *s, const tg_graph *g) {
    for (uint32_t id = 1; id < g->sweeps.length; id++) {
        const struct tg__sweep *sweep = tg__row(&g->sweeps, id);
        tg__putf(s, "%s\n{\"id\":%u,\"out\":%u,\"adjoints\":[", comma(id > 1), id, sweep->out);
        for (uint32_t node = sweep->out; node > 0; node--) {
            const struct tg__adjoint *a = tg__adjoint_of(sweep, node);
            if (!a) continue;
            tg__put(s, comma(node != sweep->out));
            put_adjoint(s, g, node, a);
        }
        tg__put(s, "]}");
    }
}

static void put_log(struct tg__sheet *s, tg_graph *g) {
    static const char *const kind[] = {[TG_APPENDED] = "appended", [TG_DELIVERED] = "delivered", [TG_NAMED] = "named"};
    const size_t count = tg_moments(g);
    for (size_t k = 0; k < count; k++) {
        const tg_moment m = tg_moment_at(g, k);
        tg__putf(s, "%s\n{\"kind\":\"%s\",\"node\":%u", comma(k), kind[m.kind], m.node.id);
        if (m.kind == TG_DELIVERED) {
            tg__putf(s, ",\"term\":%u", m.term.id);
            id_field(s, "sender", m.sender.id);
            tg__putf(s, ",\"slot\":%d", m.slot);
        } else if (m.kind == TG_NAMED) {
            tg__put(s, ",");
            text_field(s, "name", m.name);
        }
        tg__putf(s, ",\"stage\":%d}", m.stage);
    }
}

bool tg__json(struct tg__sheet *s, tg_graph *g) {
    tg__put(s, "{\"format\":\"tapegrad tape 1\",\n\"nodes\":[");
    for (uint32_t id = 1; id < g->nodes.length; id++) put_node(s, g, id);
    tg__put(s, "],\n\"scopes\":[");
    put_scopes(s, g);
    tg__put(s, "],\n\"sweeps\":[");
    put_sweeps(s, g);
    tg__put(s, "],\n\"log\":[");
    put_log(s, g);
    tg__put(s, "]}\n");
    return true;
}

static bool write_json(struct tg__sheet *s, void *user) { return tg__json(s, user); }

tg_status tg_write_json(tg_graph *g, const char *path) { return tg__write_sheet(g, path, write_json, g); }
