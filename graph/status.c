/* Errors. The first one wins and waits in the graph, in a buffer of its own so that it survives being out of memory.
 * A build error stays until the tape is rewound below it; a run error stays until the next run. */
#include "graph.h"

/* Whatever text comes in, a terminal that shows it must have nothing to obey: no control bytes, no U+0080 to U+009F. */
static void append(char *text, size_t room, const char *format, va_list args) {
    size_t n = strlen(text);
    const struct tg__point point = tg__point_open();
    vsnprintf(text + n, room - n, format, args);
    tg__point_close(point);
    for (unsigned char *s = (unsigned char *)text + n; *s; s++)
        if ((*s < 0x20 && *s != '\n') || *s == 0x7f || (*s == 0xc2 && s[1] >= 0x80 && s[1] < 0xa0)) *s = '?';
}

TG_FORMAT_(3, 4) static void add(char *text, size_t room, const char *format, ...) {
    va_list args;
    va_start(args, format);
    append(text, room, format, args);
    va_end(args);
}

/* NULL if an earlier error stands. A build error displaces a run error, which the next run would clear. */
static struct tg__error *record(tg_graph *g, tg_status status, bool running) {
    struct tg__error *e = &g->error;
    if (e->status && (running || !e->running)) return NULL;
    e->status = status;
    e->running = running;
    e->serial = ++g->last_serial;
    e->told = running;
    e->depth = tg__scope_depth(g);
    e->text[0] = e->places[0] = e->after[0] = e->tail[0] = e->inner[0] = 0;
    e->node = 0;
    e->body = 0;
    if (running) return e;
    if (tg__composite(g)) add(e->text, sizeof e->text, "%s: ", tg__composite(g));
    if (g->let_file) add(e->after, sizeof e->after, "; after %.60s:%d", tg__base(g->let_file), g->let_line);
    return e;
}

/* A handle that is nil may have come from a name with a mistake in it. */
static void add_unfound(const tg_graph *g, struct tg__error *e) {
    if (e->status == TG_HANDLE && g->unfound[0] && strstr(e->text, " nil"))
        add(e->text, sizeof e->text, " (tg_find found nothing called '%s')", g->unfound);
}

/* The message is complete but for its places. A composite that speaks in its own name has said it. */
static void lay_out(struct tg__error *e) {
    e->text[e->bare] = 0;
    if (e->places[0])
        add(e->text, sizeof e->text, "%s", e->places);
    else if (e->after[0] || e->tail[0])
        add(e->text, sizeof e->text, "\n  %s%s", (e->after[0] ? e->after : e->tail) + 2, e->after[0] ? e->tail : "");
    add(e->text, sizeof e->text, "%s", e->inner);
}

static void finish(const tg_graph *g, struct tg__error *e) {
    const char *who = e->running ? NULL : tg__composite(g);
    const size_t n = who ? strlen(who) + 2 : 0;
    if (n && strncmp(e->text + n, e->text, n) == 0) memmove(e->text, e->text + n, strlen(e->text + n) + 1);
    add_unfound(g, e);
    e->bare = strlen(e->text);
    lay_out(e);
}

static void add_operand_places(tg_graph *g, struct tg__error *e, const tg_node *in, int operands) {
    char name[80];
    for (int i = 0; i < operands; i++) {
        if (in[i].graph != g || !tg__get(in[i])) continue;
        tg_place at = tg_where_is(in[i]);
        if (!at.file) continue;
        add(e->tail, sizeof e->tail, "; %s from %s:%d", tg__quote(g, in[i].id, name, sizeof name), tg__base(at.file),
            at.line);
    }
}

const char *tg__from(tg_node a, char *text, size_t room) {
    const tg_place at = tg_where_is(a);
    *text = 0;
    if (at.file) snprintf(text, room, " from %.80s:%d", tg__base(at.file), at.line);
    return text;
}

tg_node tg__fail(tg_graph *g, tg_status status, const struct tg_op *op, const tg_node *in, int operands,
                 const char *format, ...) {
    if (!g) return (tg_node){0};
    struct tg__error *e = record(g, status, g->busy);
    if (e) {
        add(e->text, sizeof e->text, "%s: ", op->name);
        va_list args;
        va_start(args, format);
        append(e->text, sizeof e->text, format, args);
        va_end(args);
        add_operand_places(g, e, in, operands);
        finish(g, e);
    }
    return tg_nil(g);
}

tg_node tg_fail(tg_graph *g, tg_status status, const char *format, ...) {
    if (!g) return (tg_node){0};
    if (!format) format = "it failed without a reason";
    struct tg__error *e = record(g, status == TG_OK ? TG_ARGUMENT : status, g->busy);
    if (e) {
        va_list args;
        va_start(args, format);
        append(e->text, sizeof e->text, format, args);
        va_end(args);
        finish(g, e);
    }
    return tg_nil(g);
}

tg_status tg__fail_run(tg_graph *g, tg_status status, uint32_t node, const char *format, ...) {
    struct tg__error *e = record(g, status, true);
    if (!e) return g->error.status;
    char name[80];
    tg_node a = tg__handle(g, node);
    if (node && tg_name(a)[0])
        add(e->text, sizeof e->text, "%s %s: ", tg_op_of(a), tg__quote(g, node, name, sizeof name));
    else if (node)
        add(e->text, sizeof e->text, "%s #%u: ", tg_op_of(a), node);
    e->node = node;
    e->body = strlen(e->text);
    va_list args;
    va_start(args, format);
    append(e->text, sizeof e->text, format, args);
    va_end(args);
    add_unfound(g, e);
    e->bare = strlen(e->text);
    tg_place at = tg_where_is(a);
    if (at.file) add(e->text, sizeof e->text, "\n  at %s:%d", tg__base(at.file), at.line);
    if (at.file && at.stage > 0 && at.name[0])
        add(e->text, sizeof e->text, " in stage '%s%s'", at.scope, tg__clean(at.name, name, sizeof name));
    return status;
}

tg_status tg__fail_as(tg_graph *g, const tg_graph *from, const uint32_t *origin, const char *who) {
    const struct tg__error *e = &from->error;
    const uint32_t node = origin && e->node ? origin[e->node] : e->node;
    if (node) return tg__fail_run(g, e->status, node, "%.*s", (int)(e->bare - e->body), e->text + e->body);
    return tg__fail_run(g, e->status, 0, "%s%s%s", who ? who : "", who ? ": " : "", e->text);
}

tg_status tg__fail_file(tg_graph *g, const char *path, const char *format, ...) {
    struct tg__error *e = record(g, TG_FILE, true);
    if (!e) return g->error.status;
    char name[400];
    add(e->text, sizeof e->text, "%s: ", tg__clean(path, name, sizeof name));
    va_list args;
    va_start(args, format);
    append(e->text, sizeof e->text, format, args);
    va_end(args);
    return TG_FILE;
}

tg_status tg__fail_null(tg_graph *g, const char *who, const char *what) {
    if (!g) return TG_HANDLE;
    tg__clear_run(g);
    return tg__fail_run(g, TG_ARGUMENT, 0, "%s: %s is NULL", who, what);
}

void tg__fail_memory(tg_graph *g, size_t bytes) {
    struct tg__error *e = record(g, TG_MEMORY, g->busy);
    if (!e) return;
    add(e->text, sizeof e->text, "out of memory: %zu bytes were asked for", bytes);
    e->bare = strlen(e->text);
}

void tg__error_place(tg_graph *g, const char *name, const char *file, int line) {
    struct tg__error *e = &g->error;
    const uint32_t depth = tg__scope_depth(g);
    const bool inside = tg__composite(g) != NULL;
    if (!e->status || e->running || (e->told && depth >= e->depth)) return;
    char clean[80], place[300] = "";
    add(place, sizeof place, "%s:%d in stage '%s%s'", tg__base(file), line, tg__scope_of(g, g->scope)->prefix,
        tg__clean(name, clean, sizeof clean));
    if (inside && !e->inner[0]) add(e->inner, sizeof e->inner, "\n  noticed at %s", place);
    if (!inside) {
        add(e->places, sizeof e->places, "\n  %s %s%s", e->told ? "from" : "at", place, e->told ? "" : e->tail);
        e->told = true;
        e->depth = depth;
    }
    lay_out(e);
}

void tg__clear_run(tg_graph *g) {
    if (g->error.running) g->error.status = TG_OK;
    if (!g->error.status) g->error.running = false;
}

tg_status tg_error(const tg_graph *g) { return g ? g->error.status : TG_HANDLE; }

const char *tg_message(const tg_graph *g) {
    if (!g) return "no graph";
    return g->error.status ? g->error.text : "";
}
