/* Rows: items that are to lie in one row make a block (Brandes and Köpf 2001), of at most one item a column; blocks are
 * stacked as tightly as the order of the columns allows and then slide to where their neighbours are. */
#include "draw.h"

static const uint32_t NONE = UINT32_MAX;
enum { SLIDES = 6 };

static const struct tg__item *item(const struct tg__drawing *d, uint32_t i) {
    return tg__item_at(d->circuit, d->first + i);
}

/* How much it matters that two items lie in one row. */
static int importance(const struct tg__drawing *d, uint32_t from, uint32_t to) {
    const struct tg__item *a = item(d, from), *b = item(d, to);
    if (a->kind == TG__BEND && b->kind == TG__BEND) return 4;
    if (a->kind == TG__IN || b->kind == TG__OUT) return a->main || b->main ? 4 : 2;
    if (a->kind == TG__LEAF) return 1;
    return a->kind == TG__BEND || b->kind == TG__BEND ? 2 : 5;
}

/* Whether the line from a to b crosses one that is there. next and leader: who is in the row behind, and before. */
static bool crosses(const struct tg__drawing *d, uint32_t column, uint32_t a, uint32_t b) {
    const uint32_t *left = d->order + d->start[column], width = d->start[column + 1] - d->start[column];
    for (uint32_t i = 0; i < width; i++) {
        const uint32_t to = d->next[left[i]];
        if (to != NONE && (i < d->place[a] ? d->place[to] > d->place[b] : d->place[to] < d->place[b])) return true;
    }
    return false;
}

static void align(struct tg__drawing *d) {
    for (uint32_t i = 0; i < d->count; i++) d->next[i] = d->leader[i] = NONE;
    for (uint32_t column = 0; column + 1 < d->columns; column++)
        for (int want = 5; want > 0; want--)
            for (uint32_t n = d->start[column]; n < d->start[column + 1]; n++) {
                const uint32_t a = d->order[n];
                for (uint32_t e = d->out[a]; e < d->out[a + 1] && d->next[a] == NONE; e++) {
                    const uint32_t b = d->after[e];
                    if (importance(d, a, b) != want || d->leader[b] != NONE || crosses(d, column, a, b)) continue;
                    d->next[a] = b;
                    d->leader[b] = a;
                }
            }
    for (uint32_t n = 0; n < d->count; n++) { /* columns from left to right: leaders of leaders are known */
        const uint32_t i = d->order[n], before = d->leader[i];
        d->leader[i] = before == NONE ? i : d->leader[before];
    }
}

static uint32_t above(const struct tg__drawing *d, uint32_t i) {
    return d->place[i] ? d->order[d->start[item(d, i)->column] + d->place[i] - 1] : NONE;
}

static uint32_t below(const struct tg__drawing *d, uint32_t i) {
    const uint32_t column = item(d, i)->column, at = d->start[column] + d->place[i] + 1;
    return at < d->start[column + 1] ? d->order[at] : NONE;
}

static uint32_t row_of(const struct tg__drawing *d, uint32_t i) { return item(d, d->leader[i])->row; }

/* A block goes as high as what is above its items allows, once all of that has been placed. best: how many items are
 * above and not placed; scratch: the blocks in the order in which they were placed. Returns how many. */
static uint32_t stack(struct tg__drawing *d) {
    uint32_t blocks = 0;
    memset(d->best, 0, d->count * sizeof *d->best);
    for (uint32_t i = 0; i < d->count; i++) {
        d->best[d->leader[i]] += above(d, i) != NONE;
        tg__item_at(d->circuit, d->first + i)->row = 0;
    }
    for (uint32_t i = 0; i < d->count; i++)
        if (d->leader[i] == i && !d->best[i]) d->scratch[blocks++] = i;
    for (uint32_t n = 0; n < blocks; n++)
        for (uint32_t i = d->scratch[n]; i != NONE; i = d->next[i]) {
            const uint32_t next = below(d, i);
            if (next == NONE) continue;
            struct tg__item *block = tg__item_at(d->circuit, d->first + d->leader[next]);
            if (block->row <= row_of(d, i)) block->row = row_of(d, i) + 1;
            if (--d->best[d->leader[next]] == 0) d->scratch[blocks++] = d->leader[next];
        }
    return blocks;
}

/* Towards the mean row of the neighbours, as far as the blocks above and below allow. */
static void slide(struct tg__drawing *d, uint32_t block, uint32_t rows) {
    uint32_t low = 0, high = rows - 1;
    int64_t sum = 0, weight = 0;
    for (uint32_t i = block; i != NONE; i = d->next[i]) {
        const uint32_t a = above(d, i), b = below(d, i);
        if (a != NONE && row_of(d, a) + 1 > low) low = row_of(d, a) + 1;
        if (b != NONE && row_of(d, b) - 1 < high) high = row_of(d, b) - 1;
        for (uint32_t e = d->in[i]; e < d->in[i + 1]; e++)
            if (d->leader[d->before[e]] != block) sum += row_of(d, d->before[e]), weight++;
        for (uint32_t e = d->out[i]; e < d->out[i + 1]; e++)
            if (d->leader[d->after[e]] != block) sum += row_of(d, d->after[e]), weight++;
    }
    if (!weight) return;
    const uint32_t want = (uint32_t)((2 * sum + weight) / (2 * weight));
    tg__item_at(d->circuit, d->first + block)->row = want < low ? low : want > high ? high : want;
}

/* Rows in which nothing is left go. */
static void compact(struct tg__drawing *d, uint32_t rows) {
    uint32_t *now = d->best, used = 0;
    memset(now, 0, rows * sizeof *now);
    for (uint32_t i = 0; i < d->count; i++) now[row_of(d, i)] = 1;
    for (uint32_t y = 0; y < rows; y++) now[y] = now[y] ? used++ : used;
    for (uint32_t n = d->count; n > 0; n--) { /* leaders last */
        const uint32_t i = d->order[n - 1];
        tg__item_at(d->circuit, d->first + i)->row = now[row_of(d, i)];
    }
}

void tg__assign_rows(struct tg__drawing *d) {
    if (d->count == 0) return;
    align(d);
    const uint32_t blocks = stack(d);
    uint32_t rows = 0;
    for (uint32_t i = 0; i < d->count; i++)
        if (row_of(d, i) >= rows) rows = row_of(d, i) + 1;
    for (int pass = 0; pass < SLIDES; pass++)
        for (uint32_t n = 0; n < blocks; n++) slide(d, d->scratch[pass & 1 ? n : blocks - 1 - n], rows);
    compact(d, rows);
}
