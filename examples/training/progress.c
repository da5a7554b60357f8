/* The progress bar. */
#include "training.h"

#include <unistd.h>

enum { WIDTH = 20 };

static void show(const struct progress *p, int epoch, int batches, double loss, double accuracy) {
    const int filled = ((epoch - 1) * BATCHES + batches) * WIDTH / (p->epochs * BATCHES);
    printf("\r%-17s  ", p->name);
    for (int i = 0; i < WIDTH; i++) fputs(tg_has_unicode() ? i < filled ? "━" : "╌" : i < filled ? "=" : "-", stdout);
    printf("  epoch %2d  loss %6.3f  right %5.1f %% ", epoch, loss, 100 * accuracy);
    fflush(stdout);
}

void show_batch(const struct progress *p, int epoch, int batch, double loss, double accuracy) {
    if (isatty(STDOUT_FILENO)) show(p, epoch, batch, loss, accuracy);
}

void show_epoch(const struct progress *p, int epoch, const struct score *s) {
    if (!isatty(STDOUT_FILENO)) {
        printf("%-17s  epoch %2d  loss %.3f  right %5.1f %%  test %5.1f %%\n", p->name, epoch, s->loss,
               100 * s->accuracy, 100 * s->test);
        return;
    }
    show(p, epoch, BATCHES, s->loss, s->accuracy);
    if (epoch == p->epochs) printf("\n%-17s  test %.1f %%\n", p->name, 100 * s->test);
}
