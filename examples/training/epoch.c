/* An epoch: the digits to learn from are seen once each, in a new order. */
#include "training.h"

#include <string.h>

bool complain(const struct net *n) {
    fprintf(stderr, "%s\n", n->g ? tg_message(n->g) : "out of memory");
    return false;
}

void judge(struct net *n, tg_node scores) {
    n->loss = tg_softmax_loss(scores, n->label, "loss");
    tg_node guess = tg_argmax(scores, tg_axis(1)), truth = tg_cast(n->label, TG_F64);
    tg_node right = tg_eq(tg_cast(guess, TG_F64), truth);
    n->accuracy = tg_mean(right, tg_axes_all());
}

bool compile(struct net *n, tg_node also, unsigned flags) {
    const tg_node outputs[] = {n->loss, n->accuracy, also};
    if (wants_program()) n->program = make_program(n->g, outputs, tg_is_nil(also) ? 2 : 3, flags);
    return !wants_program() || n->program || complain(n);
}

/* The tape is built for BATCH rows, and so the last, short batch is dropped: it would need a tape of its own, for 29
 * digits. The order is another in each epoch, so it is not the same ones that are left out. */
bool train_epoch(const struct net *n, const struct digits *d, const struct progress *p, int epoch, struct score *mean) {
    size_t order[TRAIN];
    double pixel[BATCH][PIXELS];
    int32_t label[BATCH];
    *mean = (struct score){0};
    if (!shuffle(order, TRAIN, (uint64_t)epoch)) return false;
    for (int batch = 0; batch < BATCHES; batch++) {
        for (int i = 0; i < BATCH; i++) {
            const size_t k = order[batch * BATCH + i];
            memcpy(pixel[i], d->pixel[k], sizeof pixel[i]);
            label[i] = d->label[k];
        }
        if (tg_set(n->x, pixel) || tg_set(n->label, label)) return complain(n);
        if (n->program ? tg_program_step(n->program) : tg_run(n->g)) return complain(n);
        const double loss = item_of(n->program, n->loss), accuracy = item_of(n->program, n->accuracy);
        /* From here on these values are those of the parameters before. */
        if (!n->program && tg_commit(n->g)) return complain(n);
        mean->loss += loss / BATCHES;
        mean->accuracy += accuracy / BATCHES;
        show_batch(p, epoch, batch + 1, loss, accuracy);
    }
    return true;
}

/* What the one tape trains, the other reads: the memory of a leaf stays where it is. */
bool borrow(const struct net *test, const struct net *trained) {
    tg_node leaf[32];
    const size_t count = tg_params(test->g, leaf, 32);
    for (size_t i = 0; i < count; i++) {
        const void *value = tg_value(tg_find(trained->g, tg_name(leaf[i])));
        if (tg_bind(leaf[i], value)) return complain(test);
    }
    return true;
}

bool test(const struct net *n, const struct digits *d, double *accuracy) {
    if (tg_set(n->x, d->pixel[TRAIN]) || tg_set(n->label, &d->label[TRAIN])) return complain(n);
    if (n->program ? tg_program_run(n->program) : tg_run(n->g)) return complain(n);
    *accuracy = item_of(n->program, n->accuracy);
    return true;
}
