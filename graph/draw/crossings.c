/* The order of the items in each column, so that few wires cross: each goes where its neighbours are in the mean
 * (Sugiyama, Tagawa, Toda 1981), then neighbours change places where that helps. The best order seen is kept. */
#include "draw.h"

enum { ROUNDS = 12, LARGE = 2000, SCALE = 1 << 16 };

static void number(struct tg__drawing *d, uint32_t column) {
    for (uint32_t i = d->start[column]; i < d->start[column + 1]; i++) d->place[d->order[i]] = i - d->start[column];
}

/* A merge sort from the bottom up: stable, so equal weights change nothing. */
static void sort(struct tg__drawing *d, uint32_t first, uint32_t end) {
    uint32_t *from = d->order, *to = d->scratch;
    for (uint32_t width = 1; width < end - first; width *= 2) {
        for (uint32_t low = first; low < end; low += 2 * width) {
            const uint32_t middle = low + width < end ? low + width : end;
            const uint32_t high = low + 2 * width < end ? low + 2 * width : end;
            for (uint32_t a = low, b = middle, i = low; i < high; i++)
                to[i] = a < middle && (b == high || d->weight[from[a]] <= d->weight[from[b]]) ? from[a++] : from[b++];
        }
        uint32_t *swap = from;
        from = to, to = swap;
    }
    if (from != d->order) memcpy(d->order + first, from + first, (end - first) * sizeof *from);
}

static bool fixed(const struct tg__drawing *d, uint32_t column) {
    return d->cluster && (column == 0 || column + 1 == d->columns);
}

/* Where it is, and where its neighbours on one side are. */
static int64_t mean(const struct tg__drawing *d, uint32_t i, const uint32_t *list, uint32_t from, uint32_t to) {
    int64_t sum = 0;
    for (uint32_t n = from; n < to; n++) sum += d->place[list[n]];
    return from == to ? (int64_t)d->place[i] * SCALE : sum * SCALE / (to - from);
}

static void arrange(struct tg__drawing *d, uint32_t column, bool backwards) {
    if (fixed(d, column)) return;
    for (uint32_t n = d->start[column]; n < d->start[column + 1]; n++) {
        const uint32_t i = d->order[n];
        d->weight[i] =
            backwards ? mean(d, i, d->after, d->out[i], d->out[i + 1]) : mean(d, i, d->before, d->in[i], d->in[i + 1]);
    }
    sort(d, d->start[column], d->start[column + 1]);
    number(d, column);
}

/* ----------------------------------------------------------------------------------------------------- crossings */

/* Of the wires of two items on one side, if a stands above b. */
static int64_t pair(const struct tg__drawing *d, const uint32_t *list, const uint32_t *at, uint32_t a, uint32_t b) {
    int64_t n = 0;
    for (uint32_t i = at[a]; i < at[a + 1]; i++)
        for (uint32_t j = at[b]; j < at[b + 1]; j++) n += d->place[list[i]] > d->place[list[j]];
    return n;
}

/* What is lost by changing two neighbours' places. */
static int64_t loss(const struct tg__drawing *d, uint32_t a, uint32_t b) {
    return pair(d, d->before, d->in, b, a) + pair(d, d->after, d->out, b, a) - pair(d, d->before, d->in, a, b) -
           pair(d, d->after, d->out, a, b);
}

static bool transpose(struct tg__drawing *d, uint32_t column) {
    bool changed = false;
    for (uint32_t n = d->start[column]; !fixed(d, column) && n + 1 < d->start[column + 1]; n++) {
        const uint32_t a = d->order[n], b = d->order[n + 1];
        if (loss(d, a, b) >= 0) continue;
        d->order[n] = b, d->order[n + 1] = a;
        d->place[b]--, d->place[a]++;
        changed = true;
    }
    return changed;
}

/* Inversions among the places of one column's neighbours, counted with a tree of sums (Barth, Mutzel, Jünger 2004). */
static int64_t crossings(const struct tg__drawing *d, uint32_t column) {
    const uint32_t width = d->start[column + 2] - d->start[column + 1];
    uint32_t *tree = d->scratch, seen = 0;
    int64_t n = 0;
    memset(tree, 0, (width + 1) * sizeof *tree);
    for (uint32_t i = d->start[column]; i < d->start[column + 1]; i++) {
        const uint32_t from = d->out[d->order[i]], to = d->out[d->order[i] + 1];
        for (uint32_t e = from; e < to; e++) {
            uint32_t above = 0;
            for (uint32_t p = d->place[d->after[e]] + 1; p > 0; p &= p - 1) above += tree[p];
            n += seen - above;
        }
        for (uint32_t e = from; e < to; e++, seen++)
            for (uint32_t p = d->place[d->after[e]] + 1; p <= width; p += p & ~(p - 1)) tree[p]++;
    }
    return n;
}

static int64_t all_crossings(const struct tg__drawing *d) {
    int64_t n = 0;
    for (uint32_t column = 0; column + 1 < d->columns; column++) n += crossings(d, column);
    return n;
}

void tg__uncross(struct tg__drawing *d) {
    const bool large = d->count > LARGE;
    const size_t bytes = d->count * sizeof *d->order;
    int64_t best = INT64_MAX;
    for (uint32_t column = 0; column < d->columns; column++) {
        sort(d, d->start[column], d->start[column + 1]);
        number(d, column);
    }
    for (int round = 0; round < (large ? 2 : ROUNDS) && best > 0; round++) {
        for (uint32_t n = 0; n < d->columns && round > 0; n++)
            arrange(d, round & 1 ? n : d->columns - 1 - n, !(round & 1));
        bool changed = !large;
        for (int again = 0; again < ROUNDS && changed; again++) {
            changed = false;
            for (uint32_t column = 0; column < d->columns; column++) changed |= transpose(d, column);
        }
        const int64_t n = all_crossings(d);
        if (n >= best) continue;
        best = n;
        memcpy(d->best, d->order, bytes);
    }
    memcpy(d->order, d->best, bytes);
    for (uint32_t column = 0; column < d->columns; column++) number(d, column);
}
