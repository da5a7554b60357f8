/* What stands above a nest: the steps that it takes, and what it reads. */
#include "source.h"

enum { FORMULA = 200 };

static void put_dims(struct tg__source *s, uint32_t id) {
    char text[8 + TG_MAX_RANK * 24];
    tg__putf(s->sheet, " %s", tg__shape_text(&tg__node_of(s->f->g, id)->shape->dims, text, sizeof text));
}

/* " * step 9: dbeta [3] = sum(dout, axis=0)" */
static void put_made(struct tg__source *s, uint32_t id, bool first) {
    char formula[FORMULA];
    const uint32_t name = tg__fact_of(s->f->g, id)->name;
    const bool cut = tg_formula(tg__handle(s->f->g, id), formula, sizeof formula) >= sizeof formula;
    tg__put(s->sheet, first ? "/* " : " * ");
    if (name)
        tg__put_name(s->sheet, s->f->g, name);
    else
        tg__put(s->sheet, tg__ident(s->names, id));
    put_dims(s, id);
    tg__put(s->sheet, " = ");
    tg__put_comment(s->sheet, formula, 0);
    tg__put(s->sheet, cut ? "...\n" : "\n");
}

static bool is_made_by(const struct tg__fused *f, const struct tg__anchor *a, int32_t group) {
    return tg__nest_of(f, a->nest)->group == group && !f->item[a->node].inside;
}

enum { ROOM = 64 };

struct reads {
    struct tg__source *s;
    int32_t group;
    uint32_t seen[ROOM];
    int count;
};

/* Each once; what the group itself makes is not read from outside. letter: of a parameter; 0: it has its own name. */
static void put_read(struct reads *r, uint32_t id, char letter) {
    struct tg__source *s = r->s;
    const struct tg__fused *f = s->f;
    if (f->item[id].kind == TG__NUMERAL || f->item[id].kind == TG__VOID) return;
    if (f->item[id].anchor != TG__NONE && is_made_by(f, tg__anchor_of(f, f->item[id].anchor), r->group)) return;
    for (int i = 0; i < r->count && i < ROOM; i++)
        if (r->seen[i] == id) return;
    tg__put(s->sheet, r->count ? ", " : " * from ");
    if (r->count < ROOM) r->seen[r->count] = id;
    r->count++;
    if (letter) tg__putf(s->sheet, "%c = ", letter);
    tg__put(s->sheet, tg__ident(s->names, id));
    put_dims(s, id);
}

static void put_reads(struct reads *r, const struct tg__nest *n) {
    const struct tg__fused *f = r->s->f;
    for (int k = 0; k < (int)n->terms && n->work != TG__BY_KERNEL; k++)
        if (tg__term_of(f, n, k)->array && tg__term_of(f, n, k)->used) put_read(r, tg__term_of(f, n, k)->array, 0);
    if (n->work != TG__BY_KERNEL) return;
    const struct tg__node *node = tg__node_of(f->g, tg__anchor_of(f, n->newest)->node);
    for (int k = 0; k < node->operands; k++) put_read(r, tg__base_of(f, node->in[k]), "abcd"[k]);
}

void tg__put_note(struct tg__source *s, const struct tg__group *g) {
    const struct tg__fused *f = s->f;
    struct reads r = {.s = s, .group = tg__nest_of(f, *(const int32_t *)tg__row(&f->order, g->nest))->group};
    bool first = true;
    for (uint32_t i = 0; i < f->anchors.length; i++) {
        const struct tg__anchor *a = tg__anchor_of(f, (int32_t)i);
        if (!is_made_by(f, a, r.group)) continue;
        put_made(s, a->node, first);
        first = false;
    }
    for (uint32_t i = 0; i < g->nests; i++)
        put_reads(&r, tg__nest_of(f, *(const int32_t *)tg__row(&f->order, g->nest + i)));
    tg__put(s->sheet, r.count ? " */\n" : " * from nothing */\n");
}
