/* TG_EXACT on what people write: layers, losses and steps of training; small ones, and large ones in several threads.
 */
#include "exact.h"

#if defined(_OPENMP)
#include <omp.h>
#define THREADS(n) omp_set_num_threads(n)
#else
#define THREADS(n) (void)(n)
#endif

TestSuite(exact_layers, .timeout = 1800);

/* ------------------------------------------------------------------------------------------------ layers and steps */

static void add_layers(tg_dtype t) {
    static const char *const modes[] = {NULL, "train", "test"};
    for (int i = 0; i < 3; i++) {
        if (!is_turn(2)) continue;
        add_whole(batchnorm(t, tg_shape2(178, 13), tg_axis(0), 13, modes[i]), "batchnorm");
        add_whole(batchnorm(t, tg_shape4(3, 5, 4, 6), tg_axes3(0, 2, 3), 5, modes[i]), "batchnorm");
        add_whole(batchnorm(t, tg_shape3(4, 3, 17), tg_axes2(0, 2), 3, modes[i]), "batchnorm");
    }
    add_whole(batchnorm(t, tg_shape2(1, 5), tg_axis(0), 5, NULL), "batchnorm");
    add_whole(batchnorm(t, tg_shape2(0, 5), tg_axis(0), 5, NULL), "batchnorm");
    add_whole(batchnorm(t, tg_shape2(5, 40), tg_axis(1), 5, NULL), "batchnorm");
    for (int i = 0; i < 3; i++) {
        add_whole(layernorm(t, (int64_t[]){3, 16, 37}[i], (int64_t[]){300, 17, 256}[i]), "layernorm");
        add_whole(softmax_loss(t, (int64_t[]){1, 33, 7}[i], (int64_t[]){3, 10, 257}[i]), "softmax_loss");
        if (is_turn(3)) add_whole(losses(t, (int64_t[]){5, 1, 40}[i], (int64_t[]){3, 4, 11}[i]), "losses");
    }
}

Test(exact_layers, layers) {
    begin();
    for
        EACH_DTYPE(t) add_layers(t);
    write_all();
    check_with(is_long() ? users : quick);
    if (has_other()) check_with(is_long() ? other : "clang -O0 -ffp-contract=off");
    free_cases();
}

Test(exact_layers, steps_of_training) {
    begin();
    for
        EACH_DTYPE(t) {
            for (int which = 0; which < 4; which++)
                if (is_turn(2)) add_whole(digits_step(t, 12, 9, 17, which), "digits");
            if (is_turn(2)) add_whole(digits_step(t, 64, 64, 100, 0), "digits");
            if (is_turn(2)) add_whole(convnet_step(t, 5, 3, 2), "convnet");
            if (is_turn(2)) add_whole(convnet_step(t, 64, 12, 1), "convnet");
        }
    check_all();
}

/* --------------------------------------------------------------------------------------------------------- threads
 * Large enough to be cut in tasks; as users get it. */

static struct whole large(tg_dtype t, int which) {
    switch (which) {
    case 0: return batchnorm(t, tg_shape2(2111, 129), tg_axis(0), 129, NULL);
    case 1: return batchnorm(t, tg_shape4(7, 6, 81, 83), tg_axes3(0, 2, 3), 6, "train");
    case 2: return layernorm(t, 703, 401);
    case 3: return softmax_loss(t, 4001, 67);
    case 4: return reductions(t, tg_shape1(300007), tg_axis(0));
    case 5: return reductions(t, tg_shape2(90001, 3), tg_axis(0));
    case 6: return reductions(t, tg_shape2(3, 90001), tg_axis(0));
    case 7: return reductions(t, tg_shape2(3, 90001), tg_axis(1));
    case 8: return reductions(t, tg_shape3(5, 20011, 3), tg_axis(1));
    default: return moved(t, 533, 511);
    }
}

Test(exact_layers, threads) {
    begin();
    for (int i = 0; i < 10; i++)
        for
            EACH_DTYPE(t)
    if (is_turn(7)) add_whole(large(t, i), "large");
    write_all();
    void *library = build_all(users);
    for (int threads = 1; threads <= 4; threads *= 2) {
        THREADS(threads);
        for (int k = 0; k < count; k++) check_case(library, &cases[k]);
    }
    dlclose(library);
    free_cases();
}
