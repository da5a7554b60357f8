/* The leaves of a tape in a file and back: all of them, what it takes to see a run again; or its state, what training
 * has made. A leaf's key is its name; without one, or with one that ZIP has no room for, it is "#" and the node's
 * number, and a name that begins with "#" gets another. */
#include "zip.h"

#include <stdlib.h>

enum { NUMBER = sizeof "#4294967295", LINE = 480 };

/* -------------------------------------------------------------------------------------------------- the leaves */

typedef bool keeps(const tg_graph *g, uint32_t id);

static bool is_kept(const tg_graph *g, uint32_t id) {
    const struct tg_op *op = tg__node_of(g, id)->op;
    return op == &tg__op_input || op == &tg__op_param;
}

static bool is_state(const tg_graph *g, uint32_t id) {
    const struct tg__node *n = tg__node_of(g, id);
    return n->op == &tg__op_param || n->flags & TG__ASSIGNED;
}

static const char *own_name(tg_node a) { return tg__npz_entry(tg_name(a), NULL) < TG__ENTRY_NAME ? tg_name(a) : ""; }

/* Bytes of the key; 0: it is the name itself. */
static size_t key_bytes(tg_node a) {
    const char *name = own_name(a);
    return *name == '\0' ? NUMBER : *name == '#' ? strlen(name) + 2 : 0;
}

static const char *key_of(tg_node a, char *room) {
    const size_t bytes = key_bytes(a);
    if (bytes == 0) return tg_name(a);
    if (*own_name(a) == '\0')
        snprintf(room, bytes, "#%u", a.id);
    else
        snprintf(room, bytes, "#%s", tg_name(a));
    return room;
}

/* The nameless node of a number. */
static uint32_t node_of_number(const tg_graph *g, const char *digits) {
    uint64_t id = 0;
    for (; *digits >= '0' && *digits <= '9' && id < g->nodes.length; digits++) id = id * 10 + (uint64_t)(*digits - '0');
    const bool there = *digits == '\0' && id > 0 && id < g->nodes.length;
    return there && *own_name(tg__handle(g, (uint32_t)id)) == '\0' ? (uint32_t)id : 0;
}

/* The node that a key speaks of, by whichever of its names; 0: none. */
static uint32_t node_of_key(tg_graph *g, const char *key) {
    if (*key != '#') return tg__name_find(g, key);
    return key[1] == '#' ? tg__name_find(g, key + 1) : node_of_number(g, key + 1);
}

/* ------------------------------------------------------------------------------------------------------ saving */

static bool has_value(tg_graph *g, uint32_t id, keeps *kept) { return kept(g, id) && tg__valid(g, id); }

static tg_status save(tg_graph *g, const char *path, keeps *kept, tg_array *arrays, char *keys) {
    size_t count = 0;
    for (uint32_t id = 1; id < g->nodes.length; id++) {
        if (!has_value(g, id, kept)) continue;
        const tg_node a = tg__handle(g, id);
        arrays[count++] = (tg_array){key_of(a, keys), tg_dtype_of(a), tg_dims(a), tg_value(a)};
        keys += key_bytes(a);
    }
    return tg_write_npz(g, path, arrays, count);
}

static tg_status save_all(tg_graph *g, const char *path, keeps *kept) {
    if (g == NULL) return TG_HANDLE;
    tg__clear_run(g);
    size_t count = 0, key_room = 0;
    for (uint32_t id = 1; id < g->nodes.length; id++) {
        if (!has_value(g, id, kept)) continue;
        count++;
        key_room += key_bytes(tg__handle(g, id));
    }
    g->busy = true;
    const size_t bytes = count * sizeof(tg_array) + key_room;
    tg_array *arrays = tg__alloc(g, bytes);
    g->busy = false;
    if (arrays == NULL) return tg_error(g);
    const tg_status status = save(g, path, kept, arrays, (char *)(arrays + count));
    tg__release(g, arrays, bytes);
    return status;
}

tg_status tg_save_leaves(tg_graph *g, const char *path) { return save_all(g, path, is_kept); }

/* A file that this very tape could not load, or only this one, is no use. */
static bool is_savable(tg_graph *g) {
    char name[80];
    for (uint32_t id = 1; id < g->nodes.length; id++) {
        if (!is_state(g, id)) continue;
        tg__quote(g, id, name, sizeof name);
        if (*own_name(tg__handle(g, id)) == '\0')
            tg__fail_run(g, TG_NAME, 0, "save_state: %s has no name%s to be found by: TG_LET it", name,
                         *tg_name(tg__handle(g, id)) ? " that an archive has room for" : "");
        else if (!tg__valid(g, id))
            tg__fail_run(g, TG_VALUE, 0, "save_state: %s has no value: tg_set or tg_bind it first", name);
        else
            continue;
        return false;
    }
    return true;
}

tg_status tg_save_state(tg_graph *g, const char *path) {
    if (g == NULL) return TG_HANDLE;
    tg__clear_run(g);
    return is_savable(g) ? save_all(g, path, is_state) : tg_error(g);
}

/* ------------------------------------------------------------------------------------------------ what differs */

struct differences {
    size_t count, told, used;
    char text[960]; /* a message has room for more */
};

TG_FORMAT_(2, 3) static void differ(struct differences *d, const char *format, ...) {
    char line[LINE];
    va_list args;
    va_start(args, format);
    const int n = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    d->count++;
    if (n < 0 || d->told + 1 < d->count || (size_t)n + 4 > sizeof d->text - d->used) return;
    d->told++;
    d->used += (size_t)snprintf(d->text + d->used, sizeof d->text - d->used, "\n  %s", line);
}

struct load {
    tg_graph *graph;
    const tg_array *arrays;
    size_t count;     /* of arrays */
    uint32_t *target; /* the leaf of each array; 0: it is not asked for */
    keeps *kept;
    bool part;   /* the file may have more */
    size_t more; /* differences that are nothing but that */
    bool *given; /* by node */
    void **room; /* memory of the leaves that have borrowed what they hold */
    struct differences differences;
};

static void claim(struct load *l, size_t i) {
    tg_graph *g = l->graph;
    const tg_array *a = &l->arrays[i];
    char name[60], here[200], there[200];
    uint32_t id = node_of_key(g, a->name);
    const bool numbered = *a->name == '#' && a->name[1] != '#'; /* the number may be another node's on this tape */
    if (l->part && (numbered || id == 0 || !l->kept(g, id))) return;
    l->target[i] = id;
    tg__clean(a->name, name, sizeof name);
    if (id == 0 || !l->kept(g, id)) {
        l->more += l->kept == is_state;
        differ(&l->differences,
               id == 0               ? "'%s' is in the file, but nothing here has that name"
               : l->kept == is_state ? "'%s' is in the file, but here it is no param, and nothing is assigned to it"
                                     : "'%s' is in the file, but here it is no input or param",
               name);
        return;
    }
    const struct tg__node *n = tg__node_of(g, id);
    const struct tg__shape *shape = n->shape;
    if (l->given[id])
        differ(&l->differences, "'%s' is in the file under two names", name);
    else if (!tg__same_dims(&shape->dims, &a->shape) || n->dtype != a->dtype)
        differ(&l->differences, "'%s' is %s %s in the file, %s %s here", name, tg__dtype_name(a->dtype),
               tg__shape_text(&a->shape, there, sizeof there), tg__dtype_name((tg_dtype)n->dtype),
               tg__shape_text(&shape->dims, here, sizeof here));
    l->given[id] = true;
}

/* A leaf that has a value here and none in the file had none when the file was made, or was not there: this is another
 * state of affairs. One that has no value here stays without, unless it is state: a network needs all of it. */
static void compare(struct load *l) {
    tg_graph *g = l->graph;
    char name[60];
    for (size_t i = 0; i < l->count; i++) claim(l, i);
    for (uint32_t id = 1; id < g->nodes.length; id++)
        if (!l->given[id] && (l->kept == is_state ? is_state(g, id) : has_value(g, id, l->kept)))
            differ(&l->differences,
                   l->kept == is_state ? "%s is not in the file" : "%s has a value here, but is not in the file",
                   tg__quote(g, id, name, sizeof name));
}

/* ----------------------------------------------------------------------------------------------------- loading */

/* All memory before anything is set. */
static bool reserve(struct load *l) {
    tg_graph *g = l->graph;
    bool ok = tg__values_grow(g);
    for (size_t i = 0; i < l->count && ok; i++) {
        const uint32_t id = l->target[i];
        if (id == 0) continue;
        if (tg__value_of(g, id)->bound)
            ok = (l->room[i] = tg__data_new(g, tg__bytes(tg__node_of(g, id)))) != NULL;
        else
            ok = tg__value_room(g, id);
    }
    for (size_t i = 0; i < l->count && !ok; i++)
        if (l->room[i] != NULL) tg__data_free(g, l->room[i], tg__bytes(tg__node_of(g, l->target[i])));
    return ok;
}

static bool set(struct load *l) {
    tg_graph *g = l->graph;
    bool ok = true;
    for (size_t i = 0; i < l->count; i++) {
        const uint32_t id = l->target[i];
        if (id == 0) continue;
        if (l->room[i] != NULL) {
            *tg__value_of(g, id) = (struct tg__value){.data = l->room[i], .owned = true};
            g->bound--;
        }
        ok &= tg_set(tg__handle(g, id), l->arrays[i].data) == TG_OK; /* needs nothing any more that could fail */
    }
    return ok;
}

static bool load(struct load *l, const char *path) {
    const struct differences *d = &l->differences;
    compare(l);
    if (d->count == 0) return reserve(l) && set(l);
    char more[60] = "";
    if (d->told < d->count) snprintf(more, sizeof more, "\n  and %zu more", d->count - d->told);
    return tg__fail_file(l->graph, path, "does not fit this tape, and nothing was set:%s%s%s", d->text, more,
                         l->more == d->count ? "\n  part = true would take what is here, and leave the rest" : "") ==
           TG_OK;
}

static bool load_arrays(tg_graph *g, const char *path, keeps *kept, bool part, const tg_array *arrays, size_t count) {
    const size_t nodes = g->nodes.length, bytes = count * (sizeof(void *) + sizeof(uint32_t)) + nodes;
    struct load l = {.graph = g, .arrays = arrays, .count = count, .kept = kept, .part = part};
    l.room = tg__alloc(g, bytes);
    if (l.room == NULL) return false;
    memset(l.room, 0, bytes);
    l.target = (uint32_t *)(l.room + count);
    l.given = (bool *)(l.target + count);
    const bool ok = load(&l, path);
    tg__release(g, l.room, bytes);
    return ok;
}

static tg_status load_file(tg_graph *g, const char *path, keeps *kept, bool part) {
    if (g == NULL) return TG_HANDLE;
    struct tg__block *before = g->kept;
    const tg_array *arrays;
    size_t count;
    const tg_status status = tg_read_npz(g, path, &arrays, &count);
    if (status != TG_OK) return status;
    g->busy = true;
    const bool ok = load_arrays(g, path, kept, part, arrays, count);
    g->busy = false;
    tg__blocks_cut(g, &g->kept, before);
    return ok ? TG_OK : tg_error(g);
}

tg_status tg_load_leaves(tg_graph *g, const char *path) { return load_file(g, path, is_kept, false); }
tg_status tg_load_state(tg_graph *g, const char *path, bool part) { return load_file(g, path, is_state, part); }
