/* What a loop is called: as where its axis comes from, so that i is the row, j the column and k the class in every
 * statement, in a vector that was summed out of a matrix too. */
#include "emit.h"

static const char all[] = "ijklmnopq";

static void take(char letter[TG__LOOPS], const int8_t *loops, const char *from, int rank) {
    for (int axis = 0; axis < rank; axis++)
        if (loops[axis] >= 0 && !letter[loops[axis]] && from[axis] && !memchr(letter, from[axis], TG__LOOPS))
            letter[loops[axis]] = from[axis];
}

/* What the result's axes are called counts most, then the operands, those of higher rank first. */
void tg__letters(const struct tg__places *q, uint32_t id, const struct tg__emit *e, char letter[TG__LOOPS]) {
    memset(letter, 0, TG__LOOPS);
    take(letter, e->out, q->spot[id].letter, e->node->shape->dims.rank);
    for (int rank = TG_MAX_RANK; rank > 0; rank--)
        for (int k = 0; k < e->node->operands; k++)
            if (e->in[k]->shape->dims.rank == rank) take(letter, e->at[k], q->spot[e->node->in[k]].letter, rank);
    for (int i = 0, next = 0; i < e->loops; i++) {
        if (letter[i] || e->extent[i] == 1) continue;
        while (memchr(letter, all[next], TG__LOOPS)) next++;
        letter[i] = all[next];
    }
}

static void note(char *to, const int8_t *loops, const char letter[TG__LOOPS], int rank) {
    for (int axis = 0; axis < rank; axis++)
        if (loops[axis] >= 0 && !to[axis]) to[axis] = letter[loops[axis]];
}

/* An adjoint has the letters of what it is the adjoint of, a leaf those of where it is read first. */
void tg__note_letters(struct tg__places *q, const tg_graph *g, uint32_t id, const struct tg__emit *e) {
    char letter[TG__LOOPS];
    const uint32_t name = tg__fact_of(g, id)->name, of = name ? tg__name_of(g, name) : 0;
    if (of && of < id && tg__node_of(g, of)->shape == e->node->shape)
        memcpy(q->spot[id].letter, q->spot[of].letter, sizeof q->spot[id].letter);
    if (e->node->op->view && !q->spot[e->node->in[0]].letter[0]) return; /* it knows no more than its operand */
    tg__letters(q, id, e, letter);
    note(q->spot[id].letter, e->out, letter, e->node->shape->dims.rank);
    for (int k = 0; k < e->node->operands; k++)
        note(q->spot[e->node->in[k]].letter, e->at[k], letter, e->in[k]->shape->dims.rank);
}
