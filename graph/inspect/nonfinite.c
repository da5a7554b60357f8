/* Where a NaN or an infinity came into being. Tape order is time, so the first node that has one made it: all that it
 * was made of is finite. Why it did is not looked up by its operator but tried out, with numbers less extreme. */
#include "inspect.h"

#include <ctype.h>
#include <float.h>
#include <math.h>

/* ---------------------------------------------------------------------------------------------------- the text */

struct text {
    char *at;
    size_t room;
};

TG_FORMAT_(2, 3) static void add(struct text *t, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int n = t->room ? vsnprintf(t->at, t->room, format, args) : 0;
    va_end(args);
    size_t used = n < 0 ? 0 : (size_t)n < t->room ? (size_t)n : t->room;
    t->at += used;
    t->room -= used;
}

static void add_number(struct text *t, double v) { add(t, "%g", isnan(v) ? fabs(v) : v); } /* no machine's "-nan" */

/* What vsnprintf cuts may be cut within a character. */
static void trim(char *text) {
    size_t n = strlen(text), start = n;
    while (start > 0 && ((unsigned char)text[start - 1] & 0xc0) == 0x80) start--;
    if (start == 0 || (unsigned char)text[start - 1] < 0xc0) return;
    const unsigned char lead = (unsigned char)text[start - 1];
    const size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (n - (start - 1) < length) text[start - 1] = 0;
}

/* ------------------------------------------------------------------------------------------------- the element */

struct culprit {
    tg_node node;
    size_t index, bad; /* the first element, and how many there are */
    size_t at[TG_MAX_RANK];
};

/* An infinite constant is no accident: bounds, masks, and what composites compare with. */
static bool is_constant(tg_node a) { return tg__node_of(a.graph, a.id)->op == &tg__op_const; }

static bool is_bad(tg_node a, struct culprit *c) {
    const void *data = tg_value(a);
    const tg_dtype dtype = tg_dtype_of(a);
    const size_t count = data && dtype != TG_I32 ? tg_size(a) : 0;
    const bool constant = is_constant(a);
    *c = (struct culprit){.node = a};
    for (size_t i = 0; i < count; i++) {
        const double v = tg__load(dtype, data, i);
        if ((constant ? isnan(v) : !isfinite(v)) && c->bad++ == 0) c->index = i;
    }
    const tg_shape dims = tg_dims(a);
    size_t rest = c->index;
    for (int axis = c->bad ? dims.rank - 1 : -1; axis >= 0; axis--) {
        c->at[axis] = rest % (size_t)dims.dim[axis];
        rest /= (size_t)dims.dim[axis];
    }
    return c->bad > 0;
}

/* Broadcasting: axes are counted from the end, and one of length 1 is at 0. */
static size_t index_in(const struct culprit *c, const tg_shape *operand) {
    const int missing = tg_dims(c->node).rank - operand->rank;
    size_t index = 0;
    for (int axis = 0; axis < operand->rank; axis++)
        index = index * (size_t)operand->dim[axis] + (operand->dim[axis] == 1 ? 0 : c->at[axis + missing]);
    return index;
}

static void add_element(struct text *t, const struct culprit *c) {
    const tg_shape dims = tg_dims(c->node);
    char name[80];
    if (dims.rank == 0) {
        add(t, ": the value ");
        return;
    }
    add(t, ": element [");
    for (int axis = 0; axis < dims.rank; axis++) add(t, axis ? ", %zu" : "%zu", c->at[axis]);
    const char *column = tg_column(c->node, c->at[dims.rank - 1]);
    add(t, column ? "], column '%s', " : "] ", tg__clean(column, name, sizeof name));
}

/* -------------------------------------------------------------------------------------------------- the reason */

static const struct tg__node *row_of(const struct culprit *c) { return tg__node_of(c->node.graph, c->node.id); }
static bool is_elementwise(const struct culprit *c) { return row_of(c)->op->loop[0] != NULL; }

static double operand_there(const struct culprit *c, int slot) {
    const tg_node x = tg_operand(c->node, slot);
    const tg_shape dims = tg_dims(x);
    return tg_item(x, index_in(c, &dims));
}

static bool is_of_word(char c) { return isalnum((unsigned char)c) || c == '_'; }

/* The formula with numbers in the place of the operands: "0/0". */
static void add_calculation(struct text *t, const struct culprit *c) {
    const char *formula = row_of(c)->op->formula, *equals = strstr(formula, "z = ");
    add(t, "\n  there: ");
    for (const char *s = equals ? equals + 4 : formula, *start = s; *s; s++) {
        static const char letters[] = "xywv";
        const char *letter = strchr(letters, *s);
        const bool alone = letter && (s == start || !is_of_word(s[-1])) && !is_of_word(s[1]);
        const int slot = alone ? (int)(letter - letters) : TG__OPERANDS;
        if (slot >= row_of(c)->operands) {
            add(t, "%c", *s);
            continue;
        }
        const double v = operand_there(c, slot);
        const bool closed = v < 0 && s > start && s[-1] != '(';
        add(t, closed ? "(%g)" : "%g", v);
    }
    add(t, " = ");
    add_number(t, tg_item(c->node, c->index));
}

/* The operator on the operands that are there, but for one; in the node's dtype or another. */
static double try_with(const struct culprit *c, int slot, double instead, tg_dtype dtype) {
    static const size_t step[TG__OPERANDS] = {1, 1, 1, 1};
    union {
        float f;
        double d;
    } x[TG__OPERANDS] = {{0}}, z = {0};
    const void *in[TG__OPERANDS] = {&x[0], &x[1], &x[2], &x[3]};
    for (int i = 0; i < row_of(c)->operands; i++) tg__store(dtype, &x[i], 0, i == slot ? instead : operand_there(c, i));
    row_of(c)->op->loop[dtype == TG_F64](&z, in, step, 1);
    return tg__load(dtype, &z, 0);
}

/* An operand that is 0, or where there is no result one that is negative, is to blame if with 1, or with its opposite,
 * all would be well. */
static bool add_blame(struct text *t, const struct culprit *c) {
    const tg_dtype dtype = tg_dtype_of(c->node);
    const bool missing = isnan(tg_item(c->node, c->index));
    char name[80];
    for (int i = 0; i < row_of(c)->operands; i++) {
        const double v = operand_there(c, i);
        if (v > 0 || (v < 0 && !missing) || !isfinite(try_with(c, i, v < 0 ? -v : 1, dtype))) continue;
        tg__quote(c->node.graph, tg_operand(c->node, i).id, name, sizeof name);
        add(t, ", because %s is %s there", name, v < 0 ? "negative" : "0");
        return true;
    }
    return false;
}

static void add_overflow(struct text *t, const struct culprit *c) {
    const bool narrow = tg_dtype_of(c->node) == TG_F32;
    const double wide = narrow ? try_with(c, TG__OPERANDS, 0, TG_F64) : INFINITY;
    add(t, ", because the result is beyond the largest %s, %g", narrow ? "f32" : "f64",
        narrow ? (double)FLT_MAX : DBL_MAX);
    if (isfinite(wide)) add(t, " (in f64 it would be %g)", wide);
}

/* The only operand that may not be finite. */
static bool add_infinite_constant(struct text *t, const struct culprit *c) {
    char name[80];
    for (int i = 0; i < row_of(c)->operands; i++) {
        const tg_node x = tg_operand(c->node, i);
        struct tg__summary s;
        if (!is_constant(x) || !tg__summarize(x, &s) || s.nonfinite == 0) continue;
        add(t, "\n  %s is a constant that is infinite", tg__quote(x.graph, x.id, name, sizeof name));
        return true;
    }
    return false;
}

static void add_reason(struct text *t, const struct culprit *c) {
    if (tg__is_leaf(row_of(c))) {
        add(t, "\n  no operator made it: the value was given");
        return;
    }
    if (add_infinite_constant(t, c)) return;
    add(t, "\n  all operands are finite: this node made it");
    if (!is_elementwise(c))
        add(t, ", out of numbers of the size above");
    else if (!add_blame(t, c) && isinf(tg_item(c->node, c->index)))
        add_overflow(t, c);
}

/* ------------------------------------------------------------------------------------------------ all together */

static void add_place(struct text *t, tg_node a) {
    const tg_place place = tg_where_is(a);
    char file[120], scope[80], name[80];
    if (!place.file) return;
    add(t, "\n  at %s:%d", tg__clean(tg__base(place.file), file, sizeof file), place.line);
    if (place.stage > 0 && place.name[0])
        add(t, " in stage '%s%s'", tg__clean(place.scope, scope, sizeof scope),
            tg__clean(place.name, name, sizeof name));
}

static void add_operands(struct text *t, const struct culprit *c) {
    char name[80], shape[200];
    for (int i = 0; i < row_of(c)->operands; i++) {
        const tg_node x = tg_operand(c->node, i);
        const tg_shape dims = tg_dims(x);
        struct tg__summary s;
        double v;
        if (tg__is_scalar_const(x.graph, x.id, &v)) continue;
        add(t, "\n  %s %s", tg__quote(x.graph, x.id, name, sizeof name), tg__shape_text(&dims, shape, sizeof shape));
        if (!tg__summarize(x, &s) || s.count == s.nonfinite) continue;
        add(t, s.min < s.max ? " from %g to %g" : " is %g", s.min, s.max);
        if (is_elementwise(c) && s.min < s.max) add(t, ", there %g", operand_there(c, i));
    }
}

static void describe(const struct culprit *c, struct text *t) {
    const tg_node a = c->node;
    tg_graph *g = a.graph;
    char name[80], formula[160];
    const uint32_t of = tg__is_leaf(row_of(c)) ? 0 : tg__made_for(g, a.id);
    if (of)
        add(t, "backward (gradient of %s): ", tg__quote(g, of, name, sizeof name));
    else
        add(t, tg__is_leaf(row_of(c)) ? "given: " : "forward: ");
    if (tg_name(a)[0]) add(t, "%s ", tg_op_of(a)); /* one without a name is called after it */
    add(t, "%s", tg__quote(g, a.id, name, sizeof name));
    add_element(t, c);
    add(t, "is ");
    add_number(t, tg_item(a, c->index));
    tg_formula(a, formula, sizeof formula);
    add(t, " (%s)", formula);
    if (c->bad > 1) add(t, "; %zu of %zu elements are not finite", c->bad, tg_size(a));
    add_place(t, a);
    if (is_elementwise(c)) add_calculation(t, c);
    add_operands(t, c);
    add_reason(t, c);
    add(t, "\n  to see it again: tg_save_leaves(g, \"replay.npz\")");
}

tg_node tg_first_nonfinite(tg_graph *g, char *text, size_t room) {
    if (text && room) text[0] = 0;
    for (uint32_t id = 1; g && id < g->values.length; id++) {
        struct culprit c;
        if (!is_bad(tg__handle(g, id), &c)) continue;
        struct text t = {text, room};
        const struct tg__point point = tg__point_open();
        if (text) describe(&c, &t);
        tg__point_close(point);
        if (text && room) trim(text);
        return c.node;
    }
    return tg_nil(g);
}
