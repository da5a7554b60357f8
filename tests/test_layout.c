/* The layout, by its geometry: nothing overlaps, wires run from gate to gate and from left to right, what is folded and
 * cut into groups still has everything in it, and a browser that folds boxes places all as the library does. */
#include "draw.h"
#include "drawn.h"

TestSuite(layout, .init = setup, .fini = teardown, .timeout = 120);

static struct tg__circuit c;

static void draw(tg_grads d, tg_draw_options options) {
    cr_assert(tg__circuit_new(&c, g, d, &options), "%s", tg_message(g));
}

/* Opens everything. */
static void unfold(void) {
    for (uint32_t k = 0; k < c.clusters.length; k++) tg__cluster_at(&c, k)->open = true;
    tg__circuit_place(&c);
}

/* ------------------------------------------------------------------------------------------------- what must hold */

static bool solid(const struct tg__item *i) { return i->kind == TG__GATE || i->kind == TG__LEAF || i->kind == TG__BOX; }

static bool apart(const struct tg__item *a, const struct tg__item *b) {
    return a->x + a->width <= b->x || b->x + b->width <= a->x || a->y + a->height <= b->y || b->y + b->height <= a->y;
}

static void check_cluster(const struct tg__cluster *k) {
    for (uint32_t i = k->first; i < k->first + k->items; i++) {
        const struct tg__item *a = tg__item_at(&c, i);
        cr_assert(a->x >= k->x && a->x + (solid(a) ? a->width : 0) <= k->x + k->width, "item %u leaves its box", i);
        cr_assert(a->y >= k->y && a->y + (solid(a) ? a->height : 0) <= k->y + k->height, "item %u leaves its box", i);
        for (uint32_t j = k->first; j < i; j++) {
            const struct tg__item *b = tg__item_at(&c, j);
            cr_assert(a->column != b->column || a->row != b->row, "%u and %u are in one place of the grid", i, j);
            if (solid(a) && solid(b)) cr_assert(apart(a, b), "%u and %u overlap", i, j);
            if (solid(a) != solid(b) && (a->kind == TG__BEND || b->kind == TG__BEND)) {
                const struct tg__item *box = solid(a) ? a : b, *bend = solid(a) ? b : a;
                cr_assert(bend->x < box->x || bend->x > box->x + box->width || bend->y < box->y ||
                              bend->y > box->y + box->height,
                          "a wire lies on item %u", i);
            }
        }
    }
}

/* Where the path that is drawn for a wire begins and ends. */
static void ends_of(const struct tg__wire *w, int ends[4]) {
    static char path[1 << 16];
    FILE *file = tmpfile();
    struct tg__sheet s = tg__sheet_file(file);
    tg__wire_path(&s, &c, w);
    rewind(file);
    path[fread(path, 1, sizeof path - 1, file)] = 0;
    fclose(file);
    cr_assert_eq(sscanf(path, "M%d %d", &ends[0], &ends[1]), 2, "%s", path);
    ends[3] = ends[1];
    for (const char *part = path; (part = strpbrk(part, "HC")); part++) {
        if (*part == 'H') ends[2] = atoi(part + 1);
        if (*part == 'C') cr_assert_eq(sscanf(part, "C%*d %*d %*d %*d %d %d", &ends[2], &ends[3]), 2, "%s", path);
    }
}

/* A border's point: x on the side, y within. */
static void check_end(uint32_t i, const struct tg__wire *w, int x, int y, bool arriving) {
    const struct tg__item *item = tg__item_at(&c, i);
    const struct tg__cluster *k = tg__cluster_at(&c, item->cluster);
    if (item->kind == TG__GATE || item->kind == TG__LEAF) {
        cr_assert_eq(x, item->x + (arriving ? 0 : item->body));
        cr_assert_eq(y, item->y + item->height / 2);
    } else {
        const bool right = item->kind == TG__OUT;
        cr_assert_eq(right, (item->cluster == w->cluster) == arriving);
        cr_assert_eq(x, k->x + (right ? k->width : 0));
        cr_assert(y >= k->y && y <= k->y + k->height);
    }
}

static void check_wire(const struct tg__wire *w) {
    int ends[4];
    ends_of(w, ends);
    check_end(w->from, w, ends[0], ends[1], false);
    check_end(w->to, w, ends[2], ends[3], true);
    uint32_t column = tg__item_at(&c, tg__within(&c, w->from, w->cluster))->column;
    for (uint32_t b = 0; b < w->bends; b++)
        cr_assert_eq(tg__item_at(&c, w->first + b)->column, ++column, "a wire goes from column to column");
    cr_assert_eq(tg__item_at(&c, tg__within(&c, w->to, w->cluster))->column, column + 1);
}

/* Every edge of the tape is a way along wires: from the consumer back through ports, until nothing but the source's own
 * wire is left. Cables carry several. */
static bool leads(uint32_t source, uint32_t to) {
    for (uint32_t i = 0; i < c.wires.length; i++) {
        const struct tg__wire *w = tg__wire_at(&c, i);
        if (w->to != to || (w->source && w->source != source)) continue;
        const struct tg__item *from = tg__item_at(&c, w->from);
        if (from->kind == TG__LEAF || from->kind == TG__GATE ? from->ref == source : leads(source, w->from))
            return true;
    }
    return false;
}

static void check_edges(void) {
    for (uint32_t id = 1; id <= c.last; id++) {
        const struct tg__node *n = tg__node_of(g, id);
        for (int i = 0; c.shown[id] && i < n->operands; i++)
            if (c.shown[n->in[i]]) cr_assert(leads(n->in[i], c.item_of[id]), "no wire from #%u to #%u", n->in[i], id);
    }
}

static void check_all(void) {
    for (uint32_t k = 0; k < c.clusters.length; k++) {
        const struct tg__cluster *cluster = tg__cluster_at(&c, k);
        if (k) cr_assert_lt(cluster->parent, k, "numbers go from outside in");
        if (cluster->visible && cluster->open) check_cluster(cluster);
    }
    for (uint32_t i = 0; i < c.wires.length; i++) {
        const struct tg__cluster *k = tg__cluster_at(&c, tg__wire_at(&c, i)->cluster);
        if (k->visible && k->open) check_wire(tg__wire_at(&c, i));
    }
}

static void check(tg_grads d, tg_draw_options options) {
    draw(d, options);
    check_all();
    unfold();
    check_all();
    if (c.wires.length < 1000) check_edges();
    tg__circuit_free(&c);
}

/* -------------------------------------------------------------------------------------------------------- tapes */

Test(layout, batchnorm) {
    const tg_grads d = batchnorm_4x2();
    draw(d, (tg_draw_options){0});
    uint32_t stages = 0;
    for (uint32_t k = 0; k < c.clusters.length; k++) stages += tg__cluster_at(&c, k)->sort == TG__STAGE;
    cr_assert_eq(stages, 9);
    const struct tg__item *mu = tg__item_at(&c, c.item_of[tg_find(g, "mu").id]);
    const struct tg__item *var = tg__item_at(&c, c.item_of[tg_find(g, "var").id]);
    cr_assert_eq(mu->y, var->y, "the way from x to var is straight");
    tg__circuit_free(&c);
    check(d, (tg_draw_options){0});
    check(d, (tg_draw_options){.whole = true});
    check((tg_grads){g, 0, 0}, (tg_draw_options){0});
}

Test(layout, scopes) {
    tg_node x = leaf("x", tg_shape2(4, 2), 1);
    tg_scope_open(g, "outer");
    tg_scope_open(g, "inner");
    x = scoped_norms(x, 2);
    tg_scope_close(g);
    x = tg_let(tg_exp(x), "y", "f", 1);
    tg_scope_close(g);
    const tg_grads d = tg_backward(tg_let(tg_sum(x, tg_axes_all()), "loss", "f", 2), tg_nil(g));
    cr_assert_eq(tg_run(g), TG_OK);
    check(d, (tg_draw_options){0});
    check(d, (tg_draw_options){.whole = true});
    draw(d, (tg_draw_options){.folded = true});
    uint32_t seen = 0;
    for (uint32_t i = 0; i < c.items.length; i++) {
        const struct tg__cluster *k = tg__cluster_at(&c, tg__item_at(&c, i)->cluster);
        seen += tg__item_at(&c, i)->kind == TG__GATE && k->visible && k->open;
    }
    cr_assert_eq(seen, 1, "only the sum is outside of a scope");
    check_all();
    tg__circuit_free(&c);
}

Test(layout, second_order) {
    TG_LET(x, leaf("x", tg_shape1(3), 5));
    TG_LET(y, tg_sum(tg_mul(tg_exp(x), tg_square(x)), tg_axes_all()));
    const tg_grads d = tg_backward(y, tg_nil(g));
    TG_LET(along, tg_sum(tg_mul(tg_grad(d, x), leaf("v", tg_shape1(3), 6)), tg_axes_all()));
    const tg_grads h = tg_backward(along, tg_nil(g));
    cr_assert_eq(tg_run(g), TG_OK);
    check(d, (tg_draw_options){.whole = true});
    check(h, (tg_draw_options){.whole = true});
    check(h, (tg_draw_options){0});
    draw(h, (tg_draw_options){.whole = true});
    uint32_t sweeps = 0;
    for (uint32_t k = 0; k < c.clusters.length; k++) sweeps += tg__cluster_at(&c, k)->sort == TG__SWEEP;
    cr_assert_eq(sweeps, 2);
    tg__circuit_free(&c);
}

Test(layout, disconnected) {
    leaf("alone", tg_shape0(), 1);
    TG_LET(a, tg_exp(leaf("x", tg_shape1(2), 2)));
    TG_LET(b, tg_exp(leaf("y", tg_shape1(2), 3)));
    TG_LET(n, tg_add(tg_scalar(g, TG_F64, 1), tg_scalar(g, TG_F64, 2)));
    check((tg_grads){g, 0, 0}, (tg_draw_options){0});
}

Test(layout, nothing) {
    check((tg_grads){g, 0, 0}, (tg_draw_options){.whole = true});
    leaf("x", tg_shape0(), 1);
    check((tg_grads){g, 0, 0}, (tg_draw_options){0});
}

Test(layout, chain) {
    tg_node x = leaf("x", tg_shape1(2), 1);
    for (int i = 0; i < 3000; i++) {
        char name[20];
        snprintf(name, sizeof name, "y%d", i);
        x = tg_let(tg_neg(x), name, "f", i);
    }
    draw((tg_grads){g, 0, 0}, (tg_draw_options){0});
    cr_assert_lt(tg__cluster_at(&c, 0)->items, 100, "thousands of stages lie in groups of groups");
    tg__circuit_free(&c);
    check((tg_grads){g, 0, 0}, (tg_draw_options){0});
}

/* An outer stage is interrupted by a scope; scopes deeper than anyone unfolds. */
Test(layout, interrupted) {
    tg_node x = leaf("x", tg_shape1(2), 1), y = tg_exp(x);
    for (int i = 0; i < 100; i++) {
        char name[20];
        snprintf(name, sizeof name, "s%d", i);
        tg_scope_open(g, name);
        y = tg_let(tg_mul(y, x), "y", "f", i);
    }
    for (int i = 0; i < 100; i++) tg_scope_close(g);
    TG_LET(z, tg_add(y, x));
    check(tg_backward(z, z), (tg_draw_options){.whole = true});
}

Test(layout, random) {
    for (uint64_t seed = 1; seed <= 12; seed++) {
        tg_graph_free(g);
        g = tg_graph_new_with(heap_allocator(&heap));
        const tg_grads d = random_tape(seed * 77, 20 * (size_t)seed, seed % 3 ? 9 : 1000, seed % 4 * 5, 1 + seed % 3);
        check(d, (tg_draw_options){0});
        check(d, (tg_draw_options){.whole = true});
    }
}

Test(layout, large) {
    const tg_grads d = random_tape(3, 10000, 30, 12, 3);
    const double start = seconds();
    draw(d, (tg_draw_options){0});
    const double took = seconds() - start;
    if (!SANITIZED) cr_assert_lt(took, 1, "10000 operators took %g s", took);
    cr_assert_lt(tg__cluster_at(&c, 0)->items, 1000);
    tg__circuit_free(&c);
}

/* -------------------------------------------------------------------------------------------------- in the browser */

static const char compare[] =
    "const all = s => [...document.querySelectorAll(s)];\n"
    "const seen = () => all('.wire,.node,.cluster,.box,.end,.paper,svg').map(e => e.closest('[display]') ? '' :\n"
    "  ['d', 'transform', 'width', 'height', 'x', 'viewBox'].map(a => e.getAttribute(a)).join());\n"
    "const before = seen(); let said = 'same';\n"
    "const same = what => seen().forEach((v, i) => { if (said === 'same' && v !== before[i])\n"
    "  said = `${what}: ${before[i]} | ${v}`; });\n"
    "try {\n"
    "  Circuit.start(document.querySelector('svg'), data); same('start');\n"
    "  const open = data.clusters.map(k => k.open); Circuit.unfoldAll(); Circuit.foldAll();\n"
    "  open.forEach((o, id) => o ? Circuit.unfold(id) : Circuit.fold(id)); same('back');\n"
    "  for (const e of all('.node')) { const n = Number(e.dataset.node); Circuit.foldAll();\n"
    "    const box = Circuit.boxOf(n); if (!box || box.closest('[display]')) said = 'boxOf ' + n;\n"
    "    if (n < 40) { Circuit.reveal(n); if (Circuit.boxOf(n) !== e) said = 'reveal ' + n; } }\n"
    "} catch (e) { said = e.stack; }\n"
    "document.body.innerHTML = '<pre id=\"result\"></pre>'; document.querySelector('pre').textContent = said;\n";

static bool put_page(struct tg__sheet *s, void *user) {
    (void)user;
    char *script = read_whole(SOURCE "/graph/draw/fold.js");
    tg__put(s, "<!doctype html><meta charset=\"utf-8\"><body>");
    tg__circuit_svg(s, &c, true);
    tg__put(s, "<script>const data = ");
    tg__circuit_json(s, &c);
    tg__put(s, ";\n");
    tg__put(s, script);
    tg__put(s, compare);
    tg__put(s, "</script>");
    free(script);
    return true;
}

Test(layout, browser) {
    const tg_grads d = random_tape(8, 90, 9, 9, 2);
    for (int whole = 0; whole < 2; whole++) {
        draw(d, (tg_draw_options){.whole = whole});
        cr_assert_eq(tg__write_sheet(g, place("a.html"), put_page, NULL), TG_OK);
        tg__circuit_free(&c);
        reads_well("page", "a.html");
    }
}
