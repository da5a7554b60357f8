/* Names of the columns of a node's last axis. They live among the names and go with them. */
#include "graph.h"

struct tg__columns {
    struct tg__columns *next;
    size_t strings; /* used before this was made */
    size_t count;
    uint32_t node, epoch;
    const char *name[];
};

static const struct tg__columns *find(tg_node a) {
    if (!tg__get(a)) return NULL;
    const struct tg__columns *c = a.graph->columns;
    while (c && c->node != a.id) c = c->next;
    return c;
}

const char *tg_column(tg_node a, size_t column) {
    const struct tg__columns *c = find(a);
    return c && column < c->count ? c->name[column] : NULL;
}

tg_status tg_label_columns(tg_node a, const char *const *names, size_t count) {
    tg_graph *g = a.graph;
    if (!g) return TG_HANDLE;
    const struct tg__node *n = tg__want(a, "label_columns");
    if (!n) return g->error.status;
    const tg_shape *d = &n->shape->dims;
    if (d->rank == 0 || (size_t)d->dim[d->rank - 1] != count) {
        char shape[200];
        tg_fail(g, TG_SHAPE, "label_columns: %zu names for a node of shape %s", count,
                tg__shape_text(d, shape, sizeof shape));
        return TG_SHAPE;
    }
    for (size_t i = 0; i < count; i++)
        if (!names || !names[i]) {
            tg_fail(g, TG_NAME, "label_columns: the name of column %zu is NULL", i);
            return TG_NAME;
        }
    size_t before = tg__arena_total(&g->strings);
    struct tg__columns *c = tg__carve(g, &g->strings, sizeof *c + count * sizeof *c->name);
    if (!c) return TG_MEMORY;
    *c = (struct tg__columns){.next = g->columns, .strings = before, .count = count, .node = a.id, .epoch = g->epoch};
    for (size_t i = 0; i < count; i++) {
        size_t bytes = strlen(names[i]) + 1;
        char *copy = tg__carve(g, &g->strings, bytes);
        if (!copy) return TG_MEMORY;
        c->name[i] = memcpy(copy, names[i], bytes);
    }
    g->columns = c;
    return TG_OK;
}

void tg__columns_cut(tg_graph *g, size_t strings) {
    while (g->columns && g->columns->strings >= strings) g->columns = g->columns->next;
}

uint32_t tg__columns_epoch(const tg_graph *g, size_t strings) {
    const struct tg__columns *c = g->columns;
    while (c && c->strings >= strings) c = c->next;
    return c ? c->epoch : 0;
}
