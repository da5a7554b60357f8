/* What training has made, in a file and back: all of it or nothing, into the same tape or one in test mode. */
#include "support.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <unistd.h>

static char path[64];
static tg_graph *g;

static void setup(void) {
    snprintf(path, sizeof path, "/tmp/state.%d.npz", (int)getpid());
    g = tg_graph_new();
}
static void teardown(void) {
    tg_graph_free(g);
    remove(path);
}
TestSuite(state, .init = setup, .fini = teardown, .timeout = 120);

static tg_node loss_of(tg_node out) { return tg_sum(tg_square(out), tg_axes_all()); }

/* A layer with batch normalization; `width` of its weights; in training with an optimizer that has moments. */
static tg_node network(const char *mode, int64_t width, tg_dtype dtype) {
    TG_LET(x, tg_input(g, dtype, tg_shape2(4, width)));
    TG_LET(w, tg_param(g, dtype, tg_shape2(width, 2)));
    TG_LET(gamma, tg_state(g, dtype, tg_shape1(2), 1));
    TG_LET(mean, tg_state(g, dtype, tg_shape1(2), 0));
    TG_LET(var, tg_state(g, dtype, tg_shape1(2), 1));
    tg_batchnorm_options options = tg_batchnorm_defaults();
    options.mode = mode;
    TG_LET(out, tg_batchnorm_running(tg_matmul(x, w), gamma, gamma, mean, var, tg_axis(0), options, "bn"));
    if (strcmp(mode, "train") == 0) {
        tg_node p[] = {w, gamma}, dp[2];
        tg_gradients(tg_backward(loss_of(out), tg_nil(g)), p, 2, dp);
        tg_adam(p, dp, 2, tg_rate_steps(tg_let(tg_counter(g), "count", NULL, 0), 0.01, 0.5, 2), tg_adam_defaults(),
                "adam");
    }
    cr_assert_eq(tg_fill_normal(w, 0, 1, 7), TG_OK);
    cr_assert_eq(tg_fill_uniform(x, -1, 1, 8), TG_OK);
    cr_assert_eq(tg_error(g), TG_OK, "%s", tg_message(g));
    return out;
}

static void train(int steps) {
    for (int i = 0; i < steps; i++) {
        cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
        cr_assert_eq(tg_commit(g), TG_OK, "%s", tg_message(g));
    }
}

static void restart(void) {
    tg_graph_free(g);
    g = tg_graph_new();
}

static void refused(const char *text) {
    cr_assert_eq(tg_load_state(g, path, false), TG_FILE);
    cr_assert(strstr(tg_message(g), text), "\"%s\" is not in \"%s\"", text, tg_message(g));
}

/* Five steps, a file, five more: the same bits as ten. */
Test(state, goes_on_where_it_was) {
    network("train", 3, TG_F64);
    train(5);
    cr_assert_eq(tg_save_state(g, path), TG_OK, "%s", tg_message(g));
    train(5);
    double *w = doubles_of(tg_find(g, "w")), *v = doubles_of(tg_find(g, "adam/w/v"));
    restart();
    network("train", 3, TG_F64);
    cr_assert_eq(tg_load_state(g, path, false), TG_OK, "%s", tg_message(g));
    train(5);
    for (size_t i = 0; i < 6; i++) cr_assert_eq(tg_item(tg_find(g, "w"), i), w[i]);
    for (size_t i = 0; i < 6; i++) cr_assert_eq(tg_item(tg_find(g, "adam/w/v"), i), v[i]);
    cr_assert_eq(tg_item(tg_find(g, "count"), 0), 10);
    free(w);
    free(v);
}

Test(state, a_tape_in_test_mode_takes_its_part) {
    network("train", 3, TG_F32);
    train(20);
    const double mean = tg_item(tg_find(g, "mean"), 1), gamma = tg_item(tg_find(g, "gamma"), 0);
    cr_assert_eq(tg_save_state(g, path), TG_OK);
    restart();
    network("test", 3, TG_F32);
    refused("'adam/power1' is in the file, but nothing here has that name");
    refused("part = true would take what is here");
    cr_assert_eq(tg_item(tg_find(g, "mean"), 1), 0, "nothing was set");
    cr_assert_eq(tg_load_state(g, path, true), TG_OK, "%s", tg_message(g));
    cr_assert_eq(tg_item(tg_find(g, "mean"), 1), mean);
    cr_assert_eq(tg_item(tg_find(g, "gamma"), 0), gamma);
}

/* Inputs are no state: they keep what they have, and are not in the file. */
Test(state, inputs_stay) {
    network("train", 3, TG_F64);
    cr_assert_eq(tg_save_state(g, path), TG_OK);
    const tg_array *arrays;
    size_t count;
    cr_assert_eq(tg_read_npz(g, path, &arrays, &count), TG_OK);
    for (size_t i = 0; i < count; i++) cr_assert_str_neq(arrays[i].name, "x");
    cr_assert_eq(count, 11); /* w gamma mean var, power1 power2, m v of two, count */
    cr_assert_eq(tg_fill(tg_find(g, "x"), 3), TG_OK);
    cr_assert_eq(tg_load_state(g, path, false), TG_OK, "%s", tg_message(g));
    cr_assert_eq(tg_item(tg_find(g, "x"), 0), 3);
}

/* A file that could not be loaded again is not written. */
/* An input that takes a value from the tape is state as a parameter is. */
Test(state, an_input_that_moves) {
    TG_LET(x, tg_input(g, TG_F64, tg_shape0()));
    TG_LET(w, tg_param(g, TG_F64, tg_shape0()));
    TG_LET(twice, tg_assign(x, tg_add(x, tg_mul(w, x))));
    cr_assert(!tg_set(x, &(double){1}) && !tg_set(w, &(double){1}));
    train(1);
    cr_assert_eq(tg_save_state(g, path), TG_OK, "%s", tg_message(g));
    train(1);
    cr_assert_eq(tg_item(x, 0), 4);
    cr_assert_eq(tg_load_state(g, path, false), TG_OK, "%s", tg_message(g));
    cr_assert_eq(tg_item(x, 0), 2);
    cr_assert_eq(tg_item(w, 0), 1);
    cr_assert_not(tg_is_nil(twice));
}

Test(state, what_cannot_be_saved) {
    network("train", 3, TG_F64);
    const tg_mark mark = tg_mark_now(g);
    TG_LET(empty, tg_param(g, TG_F64, tg_shape1(2)));
    cr_assert_eq(tg_save_state(g, path), TG_VALUE);
    cr_assert_not_null(strstr(tg_message(g), "save_state: 'empty' has no value"));
    cr_assert_eq(tg_rewind(g, mark), TG_OK);
    const tg_node nameless = tg_counter(g);
    cr_assert_eq(tg_save_state(g, path), TG_NAME);
    cr_assert_not_null(strstr(tg_message(g), "(param) has no name to be found by"));
    tg_let(nameless, "count2", NULL, 0);
    cr_assert_eq(access(path, F_OK), -1);
    cr_assert_eq(tg_save_state(g, path), TG_OK, "%s", tg_message(g));
}

Test(state, what_differs_is_listed) {
    network("train", 3, TG_F64);
    cr_assert_eq(tg_save_state(g, path), TG_OK);
    restart();
    network("train", 5, TG_F64);
    refused("'w' is f64 [3, 2] in the file, f64 [5, 2] here");
    refused("'adam/w/m' is f64 [3, 2] in the file");
    restart();
    network("train", 3, TG_F32);
    refused("'gamma' is f64 [2] in the file, f32 [2] here");
    restart();
    network("test", 3, TG_F64);
    cr_assert_eq(tg_save_state(g, path), TG_OK);
    restart();
    network("train", 3, TG_F64);
    const double w = tg_item(tg_find(g, "w"), 0);
    refused("'adam/w/v' is not in the file");
    cr_assert_eq(tg_load_state(g, path, true), TG_FILE, "a part of the file, not a part of the tape");
    cr_assert_eq(tg_item(tg_find(g, "w"), 0), w);
}

Test(state, a_file_cut_anywhere_changes_nothing) {
    network("train", 3, TG_F64);
    cr_assert_eq(tg_save_state(g, path), TG_OK);
    static char bytes[1 << 16];
    FILE *file = fopen(path, "rb");
    const size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    cr_assert_eq(tg_fill(tg_find(g, "w"), 42), TG_OK);
    for (size_t cut = 0; cut < size; cut += 37) {
        file = fopen(path, "wb");
        cr_assert_eq(fwrite(bytes, 1, cut, file), cut);
        fclose(file);
        cr_assert_eq(tg_load_state(g, path, true), TG_FILE, "cut at %zu of %zu", cut, size);
        cr_assert_eq(tg_item(tg_find(g, "w"), 0), 42);
    }
}

Test(state, a_failed_write_leaves_the_old_file) {
    network("train", 3, TG_F64);
    cr_assert_eq(tg_save_state(g, path), TG_OK);
    cr_assert_eq(tg_save_state(g, "/dev/full"), TG_FILE);
    cr_assert_eq(tg_save_state(g, "/nowhere/x.npz"), TG_FILE);
    cr_assert_eq(tg_save_state(g, NULL), TG_FILE);
    cr_assert_eq(tg_save_state(NULL, path), TG_HANDLE);
    cr_assert_eq(tg_load_state(NULL, path, true), TG_HANDLE);
    cr_assert_eq(tg_load_state(g, path, false), TG_OK);
}

static struct heap heap; /* outlives the graph, which is freed behind the test */

Test(state, every_allocation_fails_in_turn) {
    network("train", 3, TG_F64);
    cr_assert_eq(tg_save_state(g, path), TG_OK);
    for (size_t fail = 1, done = 0; !done; fail++) {
        tg_graph_free(g);
        heap = (struct heap){0};
        g = tg_graph_new_with(heap_allocator(&heap));
        network("train", 3, TG_F64);
        heap.fail_at = heap.calls + fail;
        const double w = tg_item(tg_find(g, "w"), 0);
        if (tg_load_state(g, path, false) != TG_OK) {
            cr_assert_eq(tg_error(g), TG_MEMORY, "%s", tg_message(g));
            cr_assert_eq(tg_item(tg_find(g, "w"), 0), w);
            cr_assert_eq(tg_load_state(g, path, false), TG_OK, "%s", tg_message(g));
        } else if (tg_save_state(g, path) != TG_OK) {
            cr_assert_eq(tg_error(g), TG_MEMORY);
            cr_assert_eq(tg_load_state(g, path, false), TG_OK, "the old file is still there");
        }
        done = heap.calls < heap.fail_at;
        cr_assert_eq(heap.wrong, 0);
    }
}

/* "#" begins the key of a leaf that has a number for a name, "##" that of one whose name begins with "#". Found by
 * tests/fuzz/fuzz_replay.c. */
Test(state, a_name_that_begins_like_a_number_comes_back) {
    tg_node w = tg_let(tg_state(g, TG_F64, tg_shape1(2), 7), "#1", NULL, 0);
    cr_assert_eq(tg_save_state(g, path), TG_OK, "%s", tg_message(g));
    for (int part = 0; part < 2; part++) {
        cr_assert_eq(tg_fill(w, 0), TG_OK);
        cr_assert_eq(tg_load_state(g, path, part), TG_OK, "part %d: %s", part, tg_message(g));
        cr_assert_eq(tg_item(w, 1), 7);
    }
}

/* It would get a number for a key, by which no other tape finds it. */
Test(state, a_name_that_an_archive_has_no_room_for_is_refused) {
    char *name = calloc(1 << 17, 1);
    memset(name, 'w', (1 << 17) - 1);
    tg_let(tg_state(g, TG_F64, tg_shape0(), 7), name, NULL, 0);
    free(name);
    cr_assert_eq(tg_save_state(g, path), TG_NAME);
    cr_assert_not_null(strstr(tg_message(g), "has no name that an archive has room for"), "%s", tg_message(g));
}
