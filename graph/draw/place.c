/* From the grid to pixels: column widths and row heights are those of the largest item, from the innermost box to the
 * outermost; then positions, from the outermost inwards. All whole numbers. fold.js repeats these lines: a change here
 * is a change there. */
#include "draw.h"

static int32_t least(int32_t a, int32_t b) { return a < b ? a : b; }
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

static struct tg__line *line_of(const struct tg__circuit *c, const struct tg__cluster *k, uint32_t column,
                                uint32_t row) {
    const uint32_t band = tg__track_at(c, k->first_column + column)->band;
    return tg__line_at(c, k->first_row + band * k->rows + row);
}

/* How wide a band may be: as all together, or a part of that which makes all bands alike. */
static int32_t limit_of(const struct tg__circuit *c, const struct tg__cluster *k) {
    int32_t all = 0, widest = 0;
    for (uint32_t x = 0; x < k->columns; x++) {
        const struct tg__track *t = tg__track_at(c, k->first_column + x);
        all += t->gap + t->right;
        widest = most(widest, t->right);
    }
    const int32_t wide = k->sort == TG__ROOT ? TG__WIDE : TG__WIDE_INNER;
    const int32_t bands = k->sort == TG__STAGE ? 1 : most(1, (all + wide - 1) / wide);
    const int32_t even = most(all / bands, widest);
    return bands > 1 ? even + even / 16 : all;
}

static void widths(const struct tg__circuit *c, struct tg__cluster *k) {
    const uint32_t last = k->columns - 1;
    const bool ports = k->sort != TG__ROOT;
    struct tg__track *t;
    for (uint32_t x = 0; x <= last; x++) tg__track_at(c, k->first_column + x)->right = 0;
    for (uint32_t i = k->first; i < k->first + k->items; i++) {
        t = tg__track_at(c, k->first_column + tg__item_at(c, i)->column);
        t->right = most(t->right, tg__item_at(c, i)->width);
    }
    const int32_t limit = limit_of(c, k);
    int32_t at = 0, width = 0;
    k->bands = 1;
    for (uint32_t x = 0; x <= last; x++) {
        t = tg__track_at(c, k->first_column + x);
        const bool turns = at > 0 && at + t->gap + t->right > limit && k->bands < TG__BANDS && !(ports && x == last);
        t->left = turns ? 0 : at + t->gap;
        t->band = turns ? k->bands++ : k->bands - 1;
        at = t->right += t->left;
        width = most(width, at);
    }
    const int32_t inset = k->bands > 1 ? TG__INSET : 0, extra = most(k->least - width - 2 * inset, 0);
    k->width = width + extra + 2 * inset;
    for (uint32_t x = 0; x <= last; x++) { /* ports stay on the borders */
        t = tg__track_at(c, k->first_column + x);
        const int32_t by = !ports || (x > 0 && x < last) ? inset + extra / 2 : x ? k->width - t->right : 0;
        t->left += by;
        t->right += by;
    }
}

/* What stands in the last column of a band sends its wires on to the next one. Returns how many there are. */
static int32_t count_turns(const struct tg__circuit *c, const struct tg__cluster *k, uint32_t band) {
    int32_t turns = 0;
    for (uint32_t i = k->first; i < k->first + k->items; i++) {
        struct tg__item *item = tg__item_at(c, c->by_row[i]);
        const struct tg__track *t = tg__track_at(c, k->first_column + item->column);
        if (t->band != band || item->column + 1 == k->columns) continue;
        if (tg__track_at(c, k->first_column + item->column + 1)->band == band) continue;
        const struct tg__cluster *box = item->kind == TG__BOX ? tg__cluster_at(c, item->ref) : NULL;
        if (!box || !box->open) item->turn = ++turns;
        for (uint32_t p = box ? box->first : 0; box && p < box->first + box->items; p++) {
            struct tg__item *port = tg__item_at(c, c->by_row[p]);
            if (port->kind == TG__OUT) port->turn = box->open ? ++turns : turns;
        }
    }
    return turns;
}

/* Rows stand as high as the items above theirs allow, column by column: a tall box does not push away what is not under
 * it. Returns the floor of the band. */
static int32_t stack(const struct tg__circuit *c, const struct tg__cluster *k, uint32_t band, int32_t top) {
    int32_t floor = top, y = top;
    for (uint32_t x = 0; x < k->columns; x++) tg__track_at(c, k->first_column + x)->floor = top - TG__LINE_GAP;
    for (uint32_t i = 0, next = 0, row = 0; row < k->rows; row++, i = next) {
        for (; next < k->items && tg__item_at(c, c->by_row[k->first + next])->row == row; next++) {
            const struct tg__item *item = tg__item_at(c, c->by_row[k->first + next]);
            const struct tg__track *t = tg__track_at(c, k->first_column + item->column);
            if (t->band == band) y = most(y, t->floor + TG__LINE_GAP + anchor(c, item));
        }
        tg__line_at(c, k->first_row + band * k->rows + row)->y = y;
        int32_t step = 0; /* rows that this band does not have take no room */
        for (; i < next; i++) {
            const struct tg__item *item = tg__item_at(c, c->by_row[k->first + i]);
            struct tg__track *t = tg__track_at(c, k->first_column + item->column);
            if (t->band != band) continue;
            t->floor = y - anchor(c, item) + item->height;
            floor = most(floor, t->floor);
            step = TG__PORT_HEIGHT;
        }
        y += step;
    }
    return floor;
}

static void heights(const struct tg__circuit *c, struct tg__cluster *k) {
    int32_t y = k->sort == TG__ROOT ? 0 : TG__HEAD;
    for (uint32_t b = 0; b < k->bands; b++) {
        const int32_t turns = count_turns(c, k, b);
        y = stack(c, k, b, y);
        for (uint32_t r = 0; r < k->rows; r++) {
            struct tg__line *line = tg__line_at(c, k->first_row + b * k->rows + r);
            line->turns = turns;
            line->floor = y;
        }
        if (b + 1 < k->bands) y += (turns + 3) * TG__TURN;
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
        item->y = k->y + line_of(c, k, item->column, item->row)->y - anchor(c, item);
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

/* Back through the gap below the band, the outermost wire outermost on both sides. */
static void put_turn(struct tg__sheet *s, const struct tg__circuit *c, const struct tg__cluster *k, uint32_t band,
                     int32_t turn, struct end at, struct end to) {
    enum { LEAST = 16, MOST = 52 };
    const struct tg__line *line = tg__line_at(c, k->first_row + band * k->rows);
    const int32_t outside = line->turns - turn, right = k->x + k->width - TG__INSET, left = k->x + TG__INSET;
    const int32_t y = k->y + line->floor + (outside + 2) * TG__TURN;
    const int32_t wide = least(LEAST + outside * TG__TURN, MOST), narrow = least(LEAST + (turn - 1) * TG__TURN, MOST);
    tg__putf(s, "H%dC%d %d %d %d %d %d", right, right + wide, at.y, right + wide, y, right, y);
    tg__putf(s, "H%dC%d %d %d %d %d %d", left, left - narrow, y, left - narrow, to.y, left, to.y);
}

/* Straight through a column, a curve in the gap in front of it. */
void tg__wire_path(struct tg__sheet *s, const struct tg__circuit *c, const struct tg__wire *w) {
    const struct tg__cluster *k = tg__cluster_at(c, w->cluster);
    struct end at = end_of(c, w->from, w, false);
    uint32_t i = w->from, x = k->first_column + tg__item_at(c, tg__within(c, w->from, w->cluster))->column;
    tg__putf(s, "M%d %dH%d", at.x, at.y, k->x + tg__track_at(c, x)->right);
    for (uint32_t b = 0; b <= w->bends; b++, x++) {
        const bool last = b == w->bends;
        const uint32_t next = last ? w->to : w->first + b;
        const struct end to = end_of(c, next, w, true);
        const struct tg__track *t = tg__track_at(c, x), *n = tg__track_at(c, x + 1);
        const int32_t right = k->x + t->right, left = k->x + n->left, middle = (right + left) / 2;
        if (n->band != t->band)
            put_turn(s, c, k, t->band, tg__item_at(c, i)->turn, at, to);
        else if (to.y != at.y)
            tg__putf(s, "C%d %d %d %d %d %d", middle, at.y, middle, to.y, left, to.y);
        tg__putf(s, "H%d", last ? to.x : k->x + n->right);
        at = to;
        i = next;
    }
}
