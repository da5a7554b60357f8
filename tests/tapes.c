/* tapes DIRECTORY: writes every tape of api.h, with a sweep where there is something to sweep, as DIRECTORY/NAME.json.
 * `tests/compilers` compares what a library built by one compiler writes with what another's does. */
#include "api.h"

static bool write_tape(const struct program *p, const char *directory) {
    tg_graph *g = tg_graph_new();
    tg_node a[API_LEAVES];
    char path[400];
    api_leaves(g, p->leaves, a);
    const tg_node z = p->make(a);
    if (p->smooth && tg_error(g) == TG_OK) {
        tg_node seed = tg_nil(g);
        if (tg_size(z) != 1 || tg_dims(z).rank > 0) seed = tg_expand(tg_scalar_like(z, 1.5), tg_dims(z));
        const tg_grads d = tg_backward(z, seed);
        if (strcmp(p->name, "sgd") != 0 && d.id && tg_has_grad(d, a[0])) /* second order: the vjps of the vjps */
            tg_backward(tg_sum(tg_mul(tg_grad(d, a[0]), tg_grad(d, a[0])), tg_axes_all()), tg_nil(g));
    }
    snprintf(path, sizeof path, "%s/%s.json", directory, p->name);
    const bool written = tg_write_json(g, path) == TG_OK;
    if (!written) fprintf(stderr, "tapes: %s: %s\n", p->name, tg_message(g));
    tg_graph_free(g);
    return written;
}

int main(int argc, char **argv) {
    bool ok = argc == 2;
    for (int i = 0; i < PROGRAMS && ok; i++) ok = write_tape(&programs[i], argv[1]);
    return ok ? 0 : 1;
}
