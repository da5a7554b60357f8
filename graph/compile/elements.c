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
        if (stage != TG__NONE && tg__is_in_place(s, a)) continue; /* a strip's call has written it */
        tg__put_store(s, a);
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
    const int last = s->loops.count - 1;
    const long long extent = (long long)s->loops.extent[last];
    tg__line(s, "for (size_t j0_ = 0; j0_ < %lld; j0_ += %d) {\n", extent, s->strip);
    s->indent++;
    tg__line(s, "const size_t w_ = %lld - j0_ < %d ? %lld - j0_ : %d;\n", extent, s->strip, extent, s->strip);
    tg__put_around_buffers(s);
    tg__put_strip(s, bound, tg__put_stores);
    tg__put_around(s);
    close_loop(s);
}

/* ------------------------------------------------------------------------------------------------- two rows at once */

/* What all rows share is loaded once for two of them. */
static bool pairs_rows(const struct tg__source *s) {
    const int loops = s->loops.count;
    if (loops < 2 || s->loops.extent[loops - 2] < 2 || s->loops.extent[loops - 1] < 8) return false;
    for (int i = 0; i < (int)s->nest->terms; i++) {
        const struct tg__term *t = tg__term_of(s->f, s->nest, i);
        if (t->array && (t->loops & s->loops.members[loops - 1]) && !(t->loops & s->loops.members[loops - 2]))
            return true;
    }
    return false;
}

static void put_inner(struct tg__source *s, bool pairs) {
    const int last = s->loops.count - 1;
    tg__line(s, "SIMD_\n");
    open_loop(s, last);
    if (pairs) {
        tg__put_terms(s, (uint16_t)~s->loops.members[last - 1], TG__NONE, TG__SCOPE_STRIP);
        tg__line(s, "UNROLL_\n");
        tg__line(s, "for (size_t r_ = 0; r_ < 2; r_++) {\n");
        s->indent++;
        tg__line(s, "const size_t %s = row_ + r_;\n", tg__variable(last - 1));
    }
    tg__put_terms(s, (uint16_t)~0u, TG__NONE, TG__SCOPE_STRIP + 1);
    tg__put_stores(s, TG__NONE);
    if (pairs) close_loop(s);
    close_loop(s);
    tg__forget(s, TG__SCOPE_STRIP);
}

static void put_pairs(struct tg__source *s) {
    const int row = s->loops.count - 2;
    const long long rows = (long long)s->loops.extent[row];
    tg__line(s, "for (size_t row_ = 0; row_ < %lld; row_ += 2) {\n", rows / 2 * 2);
    s->indent++;
    put_inner(s, true);
    close_loop(s);
    if (rows % 2 == 0) return;
    tg__line(s, "{\n");
    s->indent++;
    tg__line(s, "const size_t %s = %lld;\n", tg__variable(row), rows - 1);
    put_inner(s, false);
    close_loop(s);
}

void tg__put_elements(struct tg__source *s) {
    const int loops = s->loops.count;
    const bool parallel = loops > 0 && points(s->nest) >= PARALLEL; /* by strips, if there is but one loop */
    const bool strips = loops > 0 && (tg__stages(s) > 0 || tg__goes_around(s) || (parallel && loops == 1));
    const bool pairs = !strips && pairs_rows(s);
    const int around = pairs ? loops - 2 : loops - 1;
    uint16_t bound = 0;
    tg__put_terms(s, bound, TG__NONE, 1);
    if (parallel) tg__line(s, "PARALLEL_\n");
    for (int i = 0; i < around; i++) {
        open_loop(s, i);
        bound |= s->loops.members[i];
        tg__put_terms(s, bound, TG__NONE, (uint8_t)(i + 2));
    }
    if (strips)
        put_strips(s, bound);
    else if (pairs)
        put_pairs(s);
    else if (loops > 0)
        put_inner(s, false);
    else
        tg__put_stores(s, TG__NONE);
    for (int i = 0; i < around; i++) close_loop(s);
    if (tg__goes_around(s)) tg__line(s, "STREAMED_\n");
}
