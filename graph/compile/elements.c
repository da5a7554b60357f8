/* A nest without reductions: each element for itself. */
#include "source.h"

enum { PARALLEL = 1 << 17 }; /* elements that are worth waking threads */

static double points(const struct tg__nest *n) {
    double count = 1;
    for (int i = 0; i < n->loops; i++) count *= (double)n->extent[i];
    return count;
}

void tg__put_stores(struct tg__source *s, int stage) {
    for (int32_t i = s->nest->newest; i != TG__NONE; i = tg__anchor_of(s->f, i)->older) {
        const struct tg__anchor *a = tg__anchor_of(s->f, i);
        const struct tg__item *x = tg__item_of(s->f, a->node);
        const struct tg__term *t = tg__term_of(s->f, s->nest, a->root);
        if (x->kind == TG__REDUCTION || x->inside || (stage != TG__NONE && tg__stage_of(s, t) != stage)) continue;
        tg__line(s, "%s", "");
        tg__put_array_at(s, a->node, t);
        tg__put(s->sheet, " = ");
        tg__put_term(s, a->root);
        tg__put(s->sheet, ";\n");
    }
}

static void open_loop(struct tg__source *s, int i) {
    const char *v = tg__variable(i);
    tg__line(s, "for (size_t %s = 0; %s < %lld; %s++) {\n", v, v, (long long)s->loops.extent[i], v);
    s->indent++;
}

static void close_loop(struct tg__source *s) {
    s->indent--;
    tg__line(s, "}\n");
}

/* The innermost loop in strips. */
static void put_strips(struct tg__source *s, uint16_t bound) {
    const long long extent = (long long)s->loops.extent[s->loops.count - 1];
    tg__line(s, "for (size_t j0_ = 0, w_; j0_ < %lld; j0_ += w_) {\n", extent);
    s->indent++;
    tg__line(s, "w_ = %lld - j0_ < %d ? %lld - j0_ : %d;\n", extent, TG__STRIP, extent, TG__STRIP);
    tg__put_strip(s, bound, tg__put_stores);
    close_loop(s);
}

void tg__put_elements(struct tg__source *s) {
    const int loops = s->loops.count;
    uint16_t bound = 0;
    tg__put_terms(s, bound, TG__NONE, 1);
    if (loops > 0 && points(s->nest) >= PARALLEL) tg__line(s, "PARALLEL_\n");
    for (int i = 0; i + 1 < loops; i++) {
        open_loop(s, i);
        bound |= s->loops.members[i];
        tg__put_terms(s, bound, TG__NONE, (uint8_t)(i + 2));
    }
    if (loops > 0 && tg__stages(s) > 0) {
        put_strips(s, bound);
    } else if (loops > 0) {
        tg__line(s, "SIMD_\n");
        open_loop(s, loops - 1);
        tg__put_terms(s, (uint16_t)~0u, TG__NONE, TG__SCOPE_STRIP);
        tg__put_stores(s, TG__NONE);
        close_loop(s);
    } else {
        tg__put_stores(s, TG__NONE);
    }
    for (int i = 0; i + 1 < loops; i++) close_loop(s);
}
