/* The local derivative of a node, from its operator's row, in the node's own names. */
#include "formula.h"
#include "inspect.h"

#include <ctype.h>

/* A formula that stands for an operand wants parentheses where it has an operation at its top. */
static bool is_closed(const char *s) {
    int depth = 0;
    for (; *s; s++) {
        depth += (*s == '(' || *s == '[') - (*s == ')' || *s == ']');
        if (!depth && strchr("+-*/@=<> ", *s)) return false;
    }
    return true;
}

/* The node that a letter of the rows stands for; 0: none. */
static uint32_t meant(const struct tg__node *n, uint32_t id, const char *word, size_t length) {
    static const char letters[] = "xywv";
    const char *letter = length == 1 ? strchr(letters, *word) : NULL;
    if (length == 1 && *word == 'z') return id;
    return letter && letter - letters < n->operands ? n->in[letter - letters] : 0;
}

/* Where the part for `slot` begins: operands are separated by commas, those within parentheses and of a single operand
 * left out. */
static struct tg__form part(const struct tg__node *n, int slot) {
    const struct tg__form all = tg__form_of(n, n->op->gradient);
    const char *from = all.from, *s = from;
    int depth = 0, at = 0;
    for (; s < all.end; s++) {
        depth += (*s == '(') - (*s == ')');
        if (*s != ',' || depth || n->op->operands == 1) continue;
        if (at++ == slot) break;
        from = s + 2;
    }
    return (struct tg__form){from, s};
}

const char *tg__derivative(const tg_graph *g, uint32_t id, int slot, char *text, size_t room) {
    const struct tg__node *n = tg__node_of(g, id);
    const struct tg__form own = part(n, slot);
    const char *s = own.from, *end = own.end;
    size_t used = 0;
    while (s < end) {
        size_t word = 0;
        while (s + word < end && (isalnum((unsigned char)s[word]) || s[word] == '_')) word++;
        const size_t take = word ? word : 1;
        const uint32_t node = meant(n, id, s, word);
        char label[64], piece[sizeof label + 2];
        if (node) tg__label(g, node, label, sizeof label);
        if (node)
            snprintf(piece, sizeof piece, tg__fact_of(g, node)->name || is_closed(label) ? "%s" : "(%s)", label);
        else
            snprintf(piece, sizeof piece, "%.*s", (int)take, s);
        if (used + strlen(piece) + sizeof " …" > room) {
            strcpy(text + used, " …");
            return text;
        }
        used += (size_t)snprintf(text + used, room - used, "%s", piece);
        s += take;
    }
    text[used] = 0;
    return text;
}

/* Elementwise operators broadcast along all axes, products of matrices along those before the last two. */
int tg__unbroadcast_axes(const tg_graph *g, uint32_t id, int slot, struct tg__attr *fates) {
    const struct tg__node *n = tg__node_of(g, id);
    const struct tg__shape *operand = tg__node_of(g, n->in[slot])->shape;
    const int rank = n->shape->dims.rank;
    int axes = 0;
    if ((!n->op->code && !n->op->batches) || operand == n->shape) return 0;
    tg__fates_between(operand, n->shape, fates);
    if (n->op->batches) fates->axis[rank - 1] = fates->axis[rank - 2] = TG__STAYS;
    for (int i = 0; i < rank; i++) axes += fates->axis[i] != TG__STAYS;
    return axes ? rank : 0;
}

const char *tg__unbroadcast_text(const tg_graph *g, uint32_t id, int slot, char *text, size_t room) {
    const struct tg__node *n = tg__node_of(g, id);
    struct tg__attr fates;
    text[0] = 0;
    if (!tg__unbroadcast_axes(g, id, slot, &fates)) return text;
    int axes = 0;
    for (int i = 0; i < n->shape->dims.rank; i++) axes += fates.axis[i] != TG__STAYS;
    size_t used = (size_t)snprintf(text, room, axes == 1 ? ", summed over axis " : ", summed over axes ");
    for (int i = 0, k = 0; i < n->shape->dims.rank; i++)
        if (fates.axis[i] != TG__STAYS) used += (size_t)snprintf(text + used, room - used, k++ ? ", %d" : "%d", i);
    return text;
}
