/* A very long tape in a thread with a very small stack: nothing recurses, nothing grows with the depth of a graph. */
#include "graph.h"
#include "support.h"

#include <criterion/criterion.h>
#include <pthread.h>

TestSuite(chain, .timeout = 300);

enum { LENGTH = SANITIZED ? 100000 : 10000000, STACK = 131072 }; /* OpenBLAS has 60 kB of it */

struct result {
    tg_status status;
    uint32_t count;
    double value, slope;
    long printed;
};

/* z = ((x c) c) c …, LENGTH times. */
static void *record_and_run(void *argument) {
    struct result *r = argument;
    tg_graph *g = tg_graph_new();
    tg_node x = tg_input(g, TG_F64, tg_shape0()), c = tg_scalar(g, TG_F64, 1 + 1e-8), z = x;
    for (int i = 0; i < LENGTH; i++) z = tg_mul(z, c);
    tg_grads d = tg_backward(z, tg_nil(g));
    r->status = tg_set(x, &(double){2});
    if (r->status == TG_OK) r->status = tg_run(g);
    r->count = tg_count(g);
    r->value = tg_item(z, 0);
    r->slope = tg_item(tg_grad(d, x), 0);

    FILE *file = tmpfile();
    if (file) {
        setvbuf(file, NULL, _IONBF, 0); /* stdio must not count on a stack either */
        tg_print_part(g, file, LENGTH - 10, 20);
        r->printed = ftell(file);
        fclose(file);
    }
    tg_graph_free(g);
    return NULL;
}

Test(chain, ten_million_nodes) {
    struct result r = {.status = TG_MEMORY};
    pthread_attr_t attributes;
    pthread_t thread;
    cr_assert_eq(pthread_attr_init(&attributes), 0);
    cr_assert_eq(pthread_attr_setstacksize(&attributes, STACK), 0);
    cr_assert_eq(pthread_create(&thread, &attributes, record_and_run, &r), 0);
    cr_assert_eq(pthread_join(thread, NULL), 0);
    pthread_attr_destroy(&attributes);

    double value = 2, slope = 1;
    for (int i = 0; i < LENGTH; i++) value *= 1 + 1e-8, slope *= 1 + 1e-8;
    cr_assert_eq(r.status, TG_OK);
    cr_assert_eq(r.value, value);
    cr_assert_eq(r.slope, slope);
    cr_assert_eq(r.count, 2 * LENGTH + 3, "x, c, the seed and a product each way");
    cr_assert_gt(r.printed, 20 * 20, "20 lines");
    cr_assert_leq(sizeof(struct tg__node), 64);
}

/* Recording, rewinding and recording again needs no more memory than the first time. */
Test(chain, rewound) {
    struct heap heap = {0};
    tg_graph *g = tg_graph_new_with(heap_allocator(&heap));
    tg_node x = tg_input(g, TG_F64, tg_shape0());
    tg_mark m = tg_mark_now(g);
    size_t live[3];
    for (int turn = 0; turn < 3; turn++) {
        tg_node z = x;
        for (int i = 0; i < 50000; i++) z = tg_exp(z);
        cr_assert_eq(tg_backward(z, tg_nil(g)).id, 1);
        cr_assert_eq(tg_set(x, &(double){-1}), TG_OK);
        cr_assert_eq(tg_run(g), TG_OK);
        cr_assert_eq(tg_rewind(g, m), TG_OK);
        live[turn] = heap.live;
    }
    cr_assert_eq(live[1], live[0]);
    cr_assert_eq(live[2], live[0]);
    tg_graph_free(g);
    cr_assert_eq(heap.live, 0);
}
