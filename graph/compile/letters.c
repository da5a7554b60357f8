/* What a loop is called: as where its axis comes from, so that i is the row, j the column and k the class in every
 * statement, in a vector that was summed out of a matrix too. */
#include "emit.h"

static const char all[] = "ijklmnop";

static void take(const struct tg__places *q, const struct tg__emit *e, int slot, char *letter) {
    const struct tg__spot *x = &q->spot[e->node->in[slot]];
    for (int axis = 0; axis < e->in[slot]->shape->dims.rank; axis++) {
        const int loop = e->at[slot][axis];
        if (loop >= 0 && !letter[loop] && x->letter[axis] && !memchr(letter, x->letter[axis], TG__LOOPS))
            letter[loop] = x->letter[axis];
    }
}

/* Operands of higher rank know better. */
void tg__letters(const struct tg__places *q, const struct tg__emit *e, char letter[TG__LOOPS]) {
    memset(letter, 0, TG__LOOPS);
    for (int rank = TG_MAX_RANK; rank > 0; rank--)
        for (int k = 0; k < e->node->operands; k++)
            if (e->in[k]->shape->dims.rank == rank) take(q, e, k, letter);
    for (int i = 0, next = 0; i < e->loops; i++) {
        if (letter[i] || e->extent[i] == 1) continue;
        while (memchr(letter, all[next], TG__LOOPS)) next++;
        letter[i] = all[next];
    }
}

void tg__note_letters(struct tg__places *q, uint32_t id, const struct tg__emit *e) {
    char letter[TG__LOOPS];
    tg__letters(q, e, letter);
    for (int axis = 0; axis < e->node->shape->dims.rank; axis++)
        if (e->out[axis] >= 0) q->spot[id].letter[axis] = letter[e->out[axis]];
}
