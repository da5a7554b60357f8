/* The kernels of the three convolutions. One picture at a time becomes a matrix of what each tap sees,
 * [channels*taps, positions]: z = w of it, and so on. Pictures go in groups, as many as their number alone says; each
 * has room of its own, and a sum of its own where they are added up. */
#include "product.h"
#include "window.h"
#include "ops.h"

struct job {
    struct tg__window w;
    tg_graph *g;
    tg_dtype dtype;
    size_t item, pictures, channels, filters, depth, positions; /* depth: channels*taps */
    size_t picture, result;                                     /* elements of one of x, of z */
    size_t group, groups;
    size_t seen, sums; /* elements of room for a group */
    size_t bytes;
    bool large; /* worth several threads */
    char *room;
};

/* False: memory is out. */
static bool begin(struct job *j, struct tg__call *c, const tg_shape *x, const tg_shape *y, bool adds) {
    *j = (struct job){.g = c->graph, .dtype = (tg_dtype)c->node->dtype, .pictures = (size_t)x->dim[0]};
    tg__window(c->node->attr, &j->w);
    j->item = tg__item_size(j->dtype);
    j->channels = (size_t)x->dim[1], j->filters = (size_t)y->dim[0];
    j->depth = j->channels * (size_t)(y->dim[2] * y->dim[3]);
    j->positions = (size_t)(j->w.count[0] * j->w.count[1]);
    j->picture = j->channels * (size_t)(x->dim[2] * x->dim[3]);
    j->result = j->filters * j->positions;
    j->group = (size_t)tg__group(x->dim[0]);
    j->groups = j->group ? (j->pictures + j->group - 1) / j->group : 0;
    const tg_shape seen = {6, {TG__GROUPS, x->dim[1], y->dim[2], y->dim[3], j->w.count[0], j->w.count[1]}};
    const struct tg__shape *room = tg__shape_of(c->graph, &seen, c->node->op->name);
    if (!room) return false;
    j->seen = room->count / TG__GROUPS;
    j->large = (double)j->pictures * (double)j->result * (double)j->depth >= TG__PARALLEL;
    j->sums = adds ? j->filters * j->depth : 0;
    j->bytes = j->groups * (j->seen + j->sums) * j->item;
    if (j->bytes > 0) j->room = tg__alloc(c->graph, j->bytes);
    return j->room || j->bytes == 0;
}

static void end(const struct job *j) {
    if (j->room) tg__release(j->g, j->room, j->bytes);
}

/* Where nothing is seen there is no memory, and no pointer to count from: any one does for no elements. */
static char *room_of(const struct job *j, size_t group) {
    return j->room ? j->room + group * (j->seen + j->sums) * j->item : (char *)(uintptr_t)j;
}

static void each_channel(const struct job *j, const char *x, char *seen) {
    const size_t plane = j->picture / j->channels * j->item, rows = j->seen / j->channels * j->item;
    for (size_t c = 0; c < j->channels; c++) tg__unfold(&j->w, j->dtype, x + c * plane, 0, seen + c * rows);
}

/* Picture n of an operand or of the result. */
static const char *picture(const struct job *j, const void *x, size_t n) {
    return (const char *)x + n * j->picture * j->item;
}
static const char *result(const struct job *j, const void *z, size_t n) {
    return (const char *)z + n * j->result * j->item;
}
static char *writable(const char *z) { return (char *)(uintptr_t)z; }

tg_status tg__run_conv2d(struct tg__call *c) {
    struct job j;
    if (c->node->shape->count == 0) return TG_OK;
    if (!begin(&j, c, &c->shape[0]->dims, &c->shape[1]->dims, false)) return c->graph->error.status;
    const struct tg__product all = {.dtype = j.dtype,
                                    .rows = j.filters,
                                    .inner = j.depth,
                                    .columns = j.positions,
                                    .x = {c->in[1], j.depth, false},
                                    .y = {NULL, j.positions, false},
                                    .stride = j.positions};
    const struct tg__cut cut = tg__cut_of(c->graph, &all);
#pragma omp parallel for schedule(static) if (j.large)
    for (size_t group = 0; group < j.groups; group++)
        for (size_t n = group * j.group; n < j.pictures && n < (group + 1) * j.group; n++) {
            struct tg__product p = all;
            char *seen = room_of(&j, group);
            if (j.channels) each_channel(&j, picture(&j, c->in[0], n), seen);
            p.y.data = seen;
            p.z = writable(result(&j, c->out, n));
            tg__product(&p, &cut);
        }
    end(&j);
    return TG_OK;
}

tg_status tg__run_conv2d_data(struct tg__call *c) {
    struct job j;
    if (c->node->shape->count == 0) return TG_OK;
    if (!begin(&j, c, &c->node->shape->dims, &c->shape[1]->dims, false)) return c->graph->error.status;
    const size_t plane = j.picture / j.channels * j.item, rows = j.seen / j.channels * j.item;
    const struct tg__product all = {.dtype = j.dtype,
                                    .rows = j.depth,
                                    .inner = j.filters,
                                    .columns = j.positions,
                                    .x = {c->in[1], j.depth, true},
                                    .y = {NULL, j.positions, false},
                                    .stride = j.positions};
    const struct tg__cut cut = tg__cut_of(c->graph, &all);
    memset(c->out, 0, j.pictures * j.picture * j.item);
#pragma omp parallel for schedule(static) if (j.large)
    for (size_t group = 0; group < j.groups; group++)
        for (size_t n = group * j.group; n < j.pictures && n < (group + 1) * j.group; n++) {
            struct tg__product p = all;
            char *z = writable(picture(&j, c->out, n));
            p.y.data = result(&j, c->in[0], n);
            p.z = room_of(&j, group);
            tg__product(&p, &cut);
            for (size_t k = 0; k < j.channels; k++) tg__fold(&j.w, j.dtype, (char *)p.z + k * rows, z + k * plane);
        }
    end(&j);
    return TG_OK;
}

#define ADD_GROUPS(suffix, T)                                                                                          \
    static void add_groups_##suffix(const struct job *j, T *z) {                                                       \
        for (size_t group = 1; group < j->groups; group++) {                                                           \
            const T *sums = (const T *)(const void *)(room_of(j, group) + j->seen * sizeof(T));                        \
            for (size_t i = 0; i < j->sums; i++) z[i] += sums[i];                                                      \
        }                                                                                                              \
    }
ADD_GROUPS(f32, float)
ADD_GROUPS(f64, double)

tg_status tg__run_conv2d_weight(struct tg__call *c) {
    struct job j;
    if (c->node->shape->count == 0) return TG_OK;
    if (!begin(&j, c, &c->shape[0]->dims, &c->node->shape->dims, true)) return c->graph->error.status;
    const struct tg__product all = {.dtype = j.dtype,
                                    .rows = j.filters,
                                    .inner = j.positions,
                                    .columns = j.depth,
                                    .x = {NULL, j.positions, false},
                                    .y = {NULL, j.positions, true},
                                    .stride = j.depth};
    const struct tg__cut cut = tg__cut_of(c->graph, &all);
    memset(c->out, 0, j.sums * j.item);
#pragma omp parallel for schedule(static) if (j.large)
    for (size_t group = 0; group < j.groups; group++)
        for (size_t n = group * j.group; n < j.pictures && n < (group + 1) * j.group; n++) {
            struct tg__product p = all;
            char *seen = room_of(&j, group);
            each_channel(&j, picture(&j, c->in[0], n), seen);
            p.x.data = result(&j, c->in[1], n);
            p.y.data = seen;
            p.z = group ? seen + j.seen * j.item : c->out; /* the first adds up in z itself */
            p.adds = n > group * j.group;
            tg__product(&p, &cut);
        }
    if (j.dtype == TG_F64)
        add_groups_f64(&j, c->out);
    else
        add_groups_f32(&j, c->out);
    end(&j);
    return TG_OK;
}
