/* Formulas as text: a small reader of their grammar works them out again, and what it finds is the node's value. */
#include "support.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <stdio.h>

static tg_graph *g;
static void setup(void) { g = tg_graph_new(); }
static void teardown(void) { tg_graph_free(g); }
TestSuite(formula, .init = setup, .fini = teardown, .timeout = 60);

static tg_node square(void) { return tg_input(g, TG_F64, tg_shape2(2, 2)); }

/* --------------------------------------------------------------------------------------------------- the reader
 * Python's precedence, on 2 x 2 matrices: sum: product {+ product}; product: factor {* / @ factor}; factor: - factor,
 * a number, a name, a call, or parentheses. */

typedef struct value {
    double v[4];
} value;

static struct {
    const char *at;
    value leaf[4]; /* a b c d */
    double largest;
} reader;

static value sum(void);

static bool accept(const char *word) {
    while (*reader.at == ' ') reader.at++;
    if (strncmp(reader.at, word, strlen(word)) != 0) return false;
    reader.at += strlen(word);
    return true;
}

static void expect(const char *word) { cr_assert(accept(word), "'%s' is not at: %s", word, reader.at); }

static double one(const char *op, double a, double b) {
    double z = !strcmp(op, "+") ? a + b : !strcmp(op, "-") ? a - b : !strcmp(op, "*") ? a * b : !strcmp(op, "/") ? a / b
               : !strcmp(op, ">") ? a > b : !strcmp(op, "max") ? (a < b ? b : a) : !strcmp(op, "exp") ? exp(a)
               : !strcmp(op, "square") ? a * a : !strcmp(op, "sqrt") ? sqrt(a) : (double)NAN;
    reader.largest = isfinite(z) ? fmax(reader.largest, fabs(z)) : INFINITY;
    return z;
}

static value each(const char *op, value a, value b) {
    value z;
    for (int i = 0; i < 4; i++) z.v[i] = one(op, a.v[i], b.v[i]);
    return z;
}

static value times(value a, value b) {
    value z;
    for (int i = 0; i < 4; i++) z.v[i] = a.v[i / 2 * 2] * b.v[i % 2] + a.v[i / 2 * 2 + 1] * b.v[2 + i % 2];
    return z;
}

static value call(const char *name) {
    value x = sum(), z = x;
    if (!strcmp(name, "where")) {
        expect(",");
        value y = sum();
        expect(",");
        z = sum();
        for (int i = 0; i < 4; i++) z.v[i] = x.v[i] != 0 ? y.v[i] : z.v[i];
    } else if (!strcmp(name, "transpose")) {
        expect(", 1, 0");
        z = (value){{x.v[0], x.v[2], x.v[1], x.v[3]}};
    } else if (!strcmp(name, "max")) {
        expect(", 0");
        z = each(name, x, (value){{0}});
    } else if (strcmp(name, "detach") != 0) {
        z = each(name, x, x);
    }
    expect(")");
    return z;
}

static value factor(void) {
    if (accept("-")) return each("-", (value){{0}}, factor());
    if (accept("(")) {
        value z = sum();
        if (accept(">")) z = each(">", z, sum());
        expect(")");
        return z;
    }
    if (isdigit((unsigned char)*reader.at)) {
        char *end;
        const double v = strtod(reader.at, &end);
        reader.at = end;
        return (value){{v, v, v, v}};
    }
    char word[20];
    int n = 0;
    cr_assert_eq(sscanf(reader.at, "%19[a-z]%n", word, &n), 1, "no factor: %s", reader.at);
    reader.at += n;
    if (accept("(")) return call(word);
    cr_assert(n == 1 && *word >= 'a' && *word <= 'd', "unknown: %s", word);
    return reader.leaf[*word - 'a'];
}

static value product(void) {
    value z = factor();
    for (;;) {
        if (accept("*")) z = each("*", z, factor());
        else if (accept("/")) z = each("/", z, factor());
        else if (accept("@")) z = times(z, factor());
        else return z;
    }
}

static value sum(void) {
    value z = product();
    for (;;) {
        if (accept("+")) z = each("+", z, product());
        else if (accept("-")) z = each("-", z, product());
        else return z;
    }
}

/* ----------------------------------------------------------------------------------------------- random formulas */

static tg_node leaves[4];
static uint64_t state = 20240607;

static tg_node number(void) {
    static const double numbers[] = {2, -3, 0.5, 1.0 / 3, -0.25, 0};
    tg_node z = tg_scalar(g, TG_F64, numbers[random_below(&state, 6)]);
    switch (random_below(&state, 4)) {
    case 0: return tg_neg(z);
    case 1: return tg_identity(z);
    default: return z;
    }
}

static tg_node grow(int depth) {
    if (depth == 0) return leaves[random_below(&state, 4)];
    tg_node (*const binary[])(tg_node, tg_node) = {tg_add, tg_sub, tg_mul, tg_div, tg_matmul, tg_gt};
    tg_node (*const unary[])(tg_node) = {tg_neg, tg_square, tg_reciprocal, tg_relu, tg_identity, tg_detach, tg_exp};
    const size_t kind = random_below(&state, 10);
    tg_node x = grow(depth - 1);
    if (kind < 1) return tg_where(tg_gt(x, number()), grow(depth - 1), number());
    if (kind < 2) return tg_transpose(x, tg_axes_all());
    if (kind < 4) return unary[random_below(&state, 7)](x);
    const size_t op = random_below(&state, 6);
    if (kind < 8) return binary[op](x, grow((int)random_below(&state, (size_t)depth)));
    return op == 4 ? tg_neg(x) : op % 2 ? binary[op](x, number()) : binary[op](number(), x);
}

/* False where the formula is too deep to be written out, or has numbers too large to compare. */
static bool agrees(tg_node z) {
    char text[4000];
    const size_t length = tg_formula(z, text, sizeof text);
    cr_assert_eq(length, strlen(text));
    if (strchr(text, '#')) return false;
    reader.at = text;
    reader.largest = 0;
    value v = sum();
    cr_assert_eq(*reader.at, 0, "not read to the end: %s", text);
    for (int i = 0; i < 4 && reader.largest < 1e6; i++)
        cr_assert_leq(fabs(v.v[i] - tg_item(z, (size_t)i)), 1e-7 * (1 + fabs(v.v[i])), "%s is %.17g, and not %.17g",
                      text, tg_item(z, (size_t)i), v.v[i]);
    return reader.largest < 1e6;
}

Test(formula, text_is_value) {
    static const char *const names[] = {"a", "b", "c", "d"};
    for (int i = 0; i < 4; i++) {
        leaves[i] = tg_let(square(), names[i], NULL, 0);
        for (int k = 0; k < 4; k++) reader.leaf[i].v[k] = random_between(&state, 0.5, 2) * (k == i ? -1 : 1);
        cr_assert_eq(tg_set(leaves[i], reader.leaf[i].v), TG_OK);
    }
    const tg_mark mark = tg_mark_now(g);
    size_t compared = 0;
    for (int round = 0; round < 4000; round++) {
        tg_node z = grow(1 + round % 4);
        cr_assert_eq(tg_run_to(z), TG_OK, "%s", tg_message(g));
        compared += agrees(z);
        cr_assert_eq(tg_rewind(g, mark), TG_OK);
    }
    cr_assert_gt(compared, 3000);
}
