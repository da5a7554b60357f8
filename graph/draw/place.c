/* From the grid to pixels: column widths and row heights are those of the largest item, from the innermost box to the
 * outermost; then positions, from the outermost inwards. All whole numbers. fold.js repeats these lines: a change here
 * is a change there. */
#include "draw.h"

static int32_t most(int32_t a, int32_t b) { return a > b ? a : b; }

static int32_t anchor(const struct tg__circuit *c, const struct tg__item *item) {
    return item->kind == TG__BOX ? tg__cluster_at(c, item->ref)->anchor : item->height / 2;
}

/* What a box takes from its cluster. */
static void adopt(const struct tg__circuit *c, const struct tg__cluster *k) {
    struct tg__item *box = tg__item_at(c, k->item);
    box->width = k->width;
    box->height = k->height;
}

static void widths(const struct tg__circuit *c, struct tg__cluster *k) {
    struct tg__track *column = tg__track_at(c, k->first_column);
    int32_t width = 0;
    for (uint32_t x = 0; x < k->columns; x++) {
        column = tg__track_at(c, k->first_column + x);
        column->left = column->right = 0;
    }
    for (uint32_t i = k->first; i < k->first + k->items; i++) {
        const struct tg__item *item = tg__item_at(c, i);
        column = tg__track_at(c, k->first_column + item->column);
        column->right = most(column->right, item->width);
    }
    for (uint32_t x = 0; x < k->columns; x++) {
        column = tg__track_at(c, k->first_column + x);
        column->left = width + column->gap;
        width = column->right += column->left;
    }
    const int32_t extra = most(k->least - width, 0); /* in the middle: ports stay on the borders */
    for (uint32_t x = 1; x < k->columns; x++) {
        column = tg__track_at(c, k->first_column + x);
        column->left += x + 1 < k->columns ? extra / 2 : extra;
        column->right += x + 1 < k->columns ? extra / 2 : extra;
    }
    k->width = width + extra;
}

static void heights(const struct tg__circuit *c, struct tg__cluster *k) {
    int32_t y = k->sort == TG__ROOT ? 0 : TG__HEAD;
    for (uint32_t r = 0; r < k->rows; r++) *tg__line_at(c, k->first_row + r) = (struct tg__line){0};
    for (uint32_t i = k->first; i < k->first + k->items; i++) {
        const struct tg__item *item = tg__item_at(c, i);
        struct tg__line *line = tg__line_at(c, k->first_row + item->row);
        line->above = most(line->above, anchor(c, item));
        line->below = most(line->below, item->height - anchor(c, item));
    }
    for (uint32_t r = 0; r < k->rows; r++) {
        struct tg__line *line = tg__line_at(c, k->first_row + r);
        line->y = y + line->above;
        y += line->above + line->below + (r + 1 < k->rows ? TG__LINE_GAP : 0);
    }
    k->height = y + TG__FOOT;
    k->anchor = k->rows ? tg__line_at(c, k->first_row + k->spine)->y : 0;
}

static void measure(const struct tg__circuit *c, struct tg__cluster *k) {
    if (k->open) {
        widths(c, k);
        heights(c, k);
    } else {
        k->width = k->least;
        k->height = TG__HEAD + TG__FOOT;
        k->anchor = k->height / 2;
    }
}

static void position(const struct tg__circuit *c, const struct tg__cluster *k) {
    for (uint32_t i = k->first; i < k->first + k->items; i++) {
        struct tg__item *item = tg__item_at(c, i);
        const struct tg__track *column = tg__track_at(c, k->first_column + item->column);
        const int32_t room = column->right - column->left - item->width;
        item->x = k->x + column->left + (item->kind == TG__LEAF ? room : room / 2);
        item->y = k->y + tg__line_at(c, k->first_row + item->row)->y - anchor(c, item);
        if (item->kind == TG__IN || item->kind == TG__OUT || item->kind == TG__BEND) item->y += item->height / 2;
        if (item->kind != TG__BOX) continue;
        tg__cluster_at(c, item->ref)->x = item->x;
        tg__cluster_at(c, item->ref)->y = item->y;
    }
}

void tg__circuit_place(struct tg__circuit *c) {
    for (uint32_t i = c->clusters.length; i > 0; i--) {
        measure(c, tg__cluster_at(c, i - 1));
        if (i > 1) adopt(c, tg__cluster_at(c, i - 1));
    }
    struct tg__cluster *root = tg__cluster_at(c, 0);
    root->x = TG__MARGIN;
    root->y = TG__MARGIN;
    c->width = root->width + 2 * TG__MARGIN;
    c->height = root->height + 2 * TG__MARGIN + TG__LEGEND;
    for (uint32_t i = 0; i < c->clusters.length; i++) {
        struct tg__cluster *k = tg__cluster_at(c, i);
        const struct tg__cluster *parent = tg__cluster_at(c, k->parent);
        k->visible = i == 0 || (parent->visible && parent->open);
        if (k->visible && k->open) position(c, k);
    }
}

/* --------------------------------------------------------------------------------------------------------- wires */

struct end {
    int32_t x, y;
};

/* Where a wire leaves an item, or (arriving) reaches it. A port of a folded box is the middle of its border. */
static struct end end_of(const struct tg__circuit *c, uint32_t i, const struct tg__wire *w, bool arriving) {
    const struct tg__item *item = tg__item_at(c, i);
    const struct tg__cluster *k = tg__cluster_at(c, item->cluster);
    if (item->cluster != w->cluster && !k->open)
        return (struct end){k->x + (arriving ? 0 : k->width), k->y + k->anchor};
    if (item->kind == TG__GATE || item->kind == TG__LEAF)
        return (struct end){item->x + (arriving ? 0 : item->body), item->y + item->height / 2};
    return (struct end){item->x, item->y};
}

/* Straight through a column, a curve in the gap in front of it. */
void tg__wire_path(struct tg__sheet *s, const struct tg__circuit *c, const struct tg__wire *w) {
    const struct tg__cluster *k = tg__cluster_at(c, w->cluster);
    struct end at = end_of(c, w->from, w, false);
    uint32_t x = k->first_column + tg__item_at(c, tg__within(c, w->from, w->cluster))->column;
    tg__putf(s, "M%d %dH%d", at.x, at.y, k->x + tg__track_at(c, x)->right);
    for (uint32_t b = 0; b <= w->bends; b++) {
        const bool last = b == w->bends;
        const struct end to = last ? end_of(c, w->to, w, true) : end_of(c, w->first + b, w, true);
        const int32_t right = k->x + tg__track_at(c, x)->right, left = k->x + tg__track_at(c, ++x)->left;
        const int32_t middle = (right + left) / 2;
        if (to.y != at.y) tg__putf(s, "C%d %d %d %d %d %d", middle, at.y, middle, to.y, left, to.y);
        tg__putf(s, "H%d", last ? to.x : k->x + tg__track_at(c, x)->right);
        at = to;
    }
}
