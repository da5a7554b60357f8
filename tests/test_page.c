/* The explorer as a file: well-formed, closed against names, the numbers of the C interface, and whole or not at all.
 * What a browser makes of it is tried elsewhere. */
#include "by_python.h"

#include <time.h>

enum { ROOM = 1 << 24 };

TestSuite(page, .init = setup, .fini = teardown, .timeout = 120);

/* ------------------------------------------------------------------------------------------------- what is shown */

static const char *const columns[] = {"alcohol", "</script><script>alert(1)", "ash"};

/* Batch normalization over three columns under names of the caller's, with a random cotangent. */
static tg_grads tape(tg_graph *graph, const char *scope, const char *name, bool run) {
    uint64_t seed = 5;
    double *x0 = random_array(&seed, 12, -2, 2), *w0 = random_array(&seed, 3, 0.5, 1.5);
    double *g0 = random_array(&seed, 12, -1, 1);
    TG_LET(x, tg_input(graph, TG_F64, tg_shape2(4, 3)));
    TG_LET(gamma, tg_param(graph, TG_F64, tg_shape1(3)));
    TG_LET(beta, tg_param(graph, TG_F64, tg_shape1(3)));
    x0[1] = 1.0 / 3, g0[5] = NAN;
    bool set = tg_label_columns(x, columns, 3) == TG_OK && tg_set(x, x0) == TG_OK && tg_set(gamma, w0) == TG_OK &&
               tg_set(beta, w0) == TG_OK;
    tg_node out = tg_let(tg_batchnorm(x, gamma, beta, tg_axis(0), 1e-5, scope), name, "a<b>.c", 7);
    tg_node dout = tg_input(graph, TG_F64, tg_shape2(4, 3));
    set = set && tg_set(dout, g0) == TG_OK;
    const tg_grads d = tg_backward(out, dout);
    if (set && run) set = tg_run(graph) == TG_OK;
    (void)set; /* where memory is out, the page is tried all the same */
    free(x0), free(w0), free(g0);
    return d;
}

static char page[ROOM];

static size_t read_page(void) {
    const size_t n = get("p.html", page, sizeof page - 1);
    page[n] = 0;
    return n;
}

static size_t count_of(const char *what) {
    size_t n = 0;
    for (const char *at = page; (at = strstr(at, what)); at += strlen(what)) n++;
    return n;
}

static void write_page(tg_grads d, const tg_page_options *options) {
    cr_assert_eq(tg_write_html(d.graph, d, "p.html", options), TG_OK, "%s", tg_message(d.graph));
    read_page();
}

static void has(const char *what) { cr_assert_not_null(strstr(page, what), "'%s' is not in the page", what); }
static void lacks(const char *what) { cr_assert_null(strstr(page, what), "'%s' is in the page", what); }

/* ------------------------------------------------------------------------------------------------- well-formed */

/* Every element that is opened is closed, ids are unique, no handler and no style attribute, and the policy names the
 * digests of just the scripts and the style sheet that are there. */
static const char well_formed[] =
    "import base64, hashlib, html.parser, json, re\n"
    "text = open('p.html', encoding='utf-8').read()\n"
    "void = {'meta', 'input', 'br', 'link', 'img', 'hr'}\n"
    "class P(html.parser.HTMLParser):\n"
    "    open, ids, digests, data, policy = [], set(), [], {}, ''\n"
    "    def handle_starttag(self, tag, attrs):\n"
    "        a = dict(attrs)\n"
    "        assert len(a) == len(attrs), attrs\n"
    "        assert not any(k.startswith('on') or k in ('style', 'src') for k in a), a\n"
    "        if 'id' in a:\n"
    "            assert a['id'] not in self.ids, a['id']\n"
    "            self.ids.add(a['id'])\n"
    "        if a.get('http-equiv') == 'Content-Security-Policy': self.policy = a['content']\n"
    "        if tag not in void: self.open.append((tag, a))\n"
    "    def handle_startendtag(self, tag, attrs): pass\n"
    "    def handle_endtag(self, tag):\n"
    "        assert self.open.pop()[0] == tag, (tag, self.getpos())\n"
    "    def handle_data(self, data):\n"
    "        tag, a = self.open[-1] if self.open else ('', {})\n"
    "        if a.get('type') == 'application/json': self.data[a['id']] = self.data.get(a['id'], '') + data\n"
    "        elif tag in ('script', 'style'): self.digests.append(data)\n"
    "p = P(convert_charrefs=True)\n"
    "p.feed(text)\n"
    "p.close()\n"
    "assert not p.open, p.open\n"
    "for d in p.digests:\n"
    "    digest = base64.b64encode(hashlib.sha256(d.encode()).digest()).decode()\n"
    "    assert f\"'sha256-{digest}'\" in p.policy, d[:60]\n"
    "assert p.policy.count('sha256-') == len(p.digests)\n"
    "assert \"default-src 'none'\" in p.policy and \"base-uri 'none'\" in p.policy and \"form-action 'none'\" in "
    "p.policy\n"
    "assert 'unsafe' not in p.policy and not re.search(r'https?://(?!www.w3.org)', text)\n"
    "tape = json.loads(p.data['tape'])\n"
    "json.loads(p.data['grid'])\n";

Test(page, is_well_formed_and_allows_only_its_own_scripts) {
    write_page(tape(g, "bn", "y", true), &(tg_page_options){.title = "A <b>title</b> & more"});
    char script[sizeof well_formed + 64];
    snprintf(script, sizeof script, "%sprint('fine', len(tape['nodes']))\n", well_formed);
    FILE *said = python(script);
    char line[64];
    snprintf(line, sizeof line, "fine %u", tg_count(g));
    expect_line(said, line);
    has("<title>A &lt;b&gt;title&lt;/b&gt; &amp; more</title>");
    lacks("<b>title");
}

/* ------------------------------------------------------------------------------------------------ hostile names */

static const char *const hostile[] = {
    "__proto__",       "constructor", "</script><script>alert(1)</script>", "\"onload=\"alert(1)",
    "--><!--<script>", "]]>",         "\x1b[31m\xff\xe2\x80\xae",           "&lt;img src=x&gt;",
    "'sha256-",        "line\nbreak"};

Test(page, names_stay_text) {
    write_page(tape(g, "bn", "y", true), NULL);
    const size_t scripts = count_of("<script"), ends = count_of("</script"), styles = count_of("<style");
    const size_t digests = count_of("'sha256-");
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
        tg_graph *other = tg_graph_new();
        const tg_grads d = tape(other, hostile[i], hostile[i], true);
        write_page(d, &(tg_page_options){.title = hostile[i], .function = "f"});
        cr_expect_eq(count_of("<script"), scripts, "%s", hostile[i]);
        cr_expect_eq(count_of("</script"), ends, "%s", hostile[i]);
        cr_expect_eq(count_of("<style"), styles, "%s", hostile[i]);
        if (!strstr(hostile[i], "sha256")) cr_expect_eq(count_of("'sha256-"), digests, "%s", hostile[i]);
        cr_expect_eq(count_of("<!--"), 0, "%s", hostile[i]);
        cr_expect_eq(count_of("\x1b"), 0);
        cr_expect_eq(count_of("\xe2\x80\xae"), 0);
        char script[sizeof well_formed + 64];
        snprintf(script, sizeof script, "%sprint('fine')\n", well_formed);
        FILE *said = python(script);
        expect_line(said, "fine");
        pclose(said);
        tg_graph_free(other);
    }
}

Test(page, a_name_of_a_megabyte_is_cut) {
    enum { LONG = 1 << 20 };
    static char name[LONG + 1];
    memset(name, '<', LONG);
    write_page(tape(g, "bn", name, true), NULL);
    cr_assert_lt(strlen(page), 1 << 20);
}

/* ----------------------------------------------------------------------------------------------------- numbers */

/* The corner in full digits and in six. */
static void expect_array(FILE *said, tg_node a) {
    char line[8192], six[40];
    cr_assert_not_null(fgets(line, sizeof line, said));
    if (!tg_value(a)) {
        cr_assert_str_eq(line, "None\n");
        return;
    }
    char *at = line;
    for (size_t i = 0; i < tg_size(a); i++) {
        const double v = tg_item(a, i);
        const size_t n = strcspn(at, " ");
        snprintf(six, sizeof six, isnan(v) ? "nan" : "%.6g", v);
        cr_assert(strlen(six) == n && strncmp(at, six, n) == 0, "node %u: '%.20s', not %s", a.id, at, six);
        const double whole = strtod(at + n, &at);
        cr_assert(isnan(v) ? isnan(whole) : whole == v, "node %u element %zu: %a, not %a", a.id, i, whole, v);
        at += *at == ' ';
    }
}

static const char numbers[] =
    "for n in tape['nodes']:\n"
    "    v = n['value']\n"
    "    print(None if v is None else ' '.join(a + ' ' + (b or a) for a, b in zip(v['text'], v['whole'])))\n"
    "x, names = tape['nodes'][0], tape['labels']['1']\n"
    "assert x['labels'] == 1 and len(names) == 3 and names[2] == 'ash'\n"
    "assert [n['labels'] for n in tape['nodes'] if n['name'] in ('gamma', 'beta', 'bn/xhat', 'bn/dx')] == [1] * 4\n";

Test(page, a_long_formula_is_cut) {
    enum { LEAVES = 16, LONG = 40 };
    tg_node a[LEAVES];
    for (int i = 0; i < LEAVES; i++) {
        char name[LONG + 1];
        memset(name, 'a' + i, LONG);
        name[LONG] = 0;
        a[i] = tg_let(tg_input(g, TG_F64, tg_shape0()), name, NULL, 0);
    }
    for (int n = LEAVES; n > 1; n /= 2)
        for (int i = 0; i < n / 2; i++) a[i] = tg_mul(a[2 * i], a[2 * i + 1]);
    write_page((tg_grads){g, 0, 0}, NULL);
    cr_assert_eq(count_of(" …\""), 1, "the product of all, not that of half of them");
}

Test(page, numbers_are_those_of_the_library) {
    for (int run = 0; run < 2; run++) {
        tg_graph *other = tg_graph_new();
        write_page(tape(other, "bn", "y", run), NULL);
        char script[sizeof well_formed + sizeof numbers];
        snprintf(script, sizeof script, "%s%s", well_formed, numbers);
        FILE *said = python(script);
        for (uint32_t id = 1; id <= tg_count(other); id++) expect_array(said, tg_node_at(other, id));
        char rest[200] = "";
        cr_assert_null(fgets(rest, sizeof rest, said), "%s", rest);
        pclose(said);
        tg_graph_free(other);
    }
}

/* Elements 0, the last in the first row that is shown, and the first of the second row; whose labels. */
static const char corner[] =
    "a = next(n for n in tape['nodes'] if n['name'] == 'a')['value']\n"
    "assert (a['rows'], a['columns']) == (20, 40), a\n"
    "assert len(a['text']) == len(a['whole']) == a['high'] * a['wide'] and a['high'] < 20 and a['wide'] < 40\n"
    "print(a['wide'], a['text'][0], a['text'][a['wide'] - 1], a['text'][a['wide']], sum(a['bins']), a['min'], "
    "a['max'])\n"
    "print(*(n.get('labels') for n in tape['nodes'] if n['name'] in ('a', 'w', 'y', 'da', 'dw')))\n";

Test(page, a_large_array_is_a_corner_and_labels_reach_the_gradient) {
    double data[800], ones[80];
    const char *names[40];
    for (int i = 0; i < 800; i++) data[i] = i - 300;
    for (int i = 0; i < 80; i++) ones[i] = i % 3;
    for (int i = 0; i < 40; i++) names[i] = "column";
    TG_LET(a, tg_input(g, TG_F64, tg_shape3(4, 5, 40)));
    TG_LET(w, tg_param(g, TG_F64, tg_shape2(40, 2)));
    TG_LET(y, tg_matmul(tg_reshape(a, tg_shape2(20, 40)), w));
    cr_assert_eq(tg_label_columns(a, names, 40), TG_OK);
    cr_assert_eq(tg_set(a, data), TG_OK);
    cr_assert_eq(tg_set(w, ones), TG_OK);
    const tg_grads d = tg_backward(tg_sum(tg_square(y), tg_axes_all()), tg_nil(g));
    cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
    write_page(d, NULL);
    char script[sizeof well_formed + sizeof corner];
    snprintf(script, sizeof script, "%s%s", well_formed, corner);
    FILE *said = python(script);
    char line[100];
    expect_line(said, "16 -300 -285 -260 800 -300 499");
    snprintf(line, sizeof line, "%u None None None %u", a.id, a.id);
    expect_line(said, line);
    pclose(said);
}

static const char *row_of(uint32_t id) {
    static char row[4096];
    char start[40];
    snprintf(start, sizeof start, "<tr id=\"n%u\">", id);
    const char *at = strstr(page, start);
    cr_assert_not_null(at, "node %u has no row", id);
    snprintf(row, sizeof row, "%.*s", (int)strcspn(at, "\n"), at);
    return row;
}

Test(page, the_table_has_every_node_and_no_number_that_nobody_computed) {
    const tg_grads d = tape(g, "bn", "y", false);
    write_page(d, NULL);
    for (uint32_t id = 1; id <= tg_count(g); id++) {
        const tg_node a = tg_node_at(g, id);
        const char *row = row_of(id);
        cr_assert_not_null(strstr(row, tg_op_of(a)));
        const bool empty = strstr(row, "<td class=\"r\">–</td><td class=\"r\">–</td><td class=\"r\">–</td>");
        cr_assert_eq(empty, tg_value(a) == NULL, "%s", row);
    }
    cr_assert_eq(count_of("<tr id=\"n"), tg_count(g));
    cr_assert_eq(tg_run(g), TG_OK);
    write_page(d, NULL);
    char mean[64];
    double sum = 0;
    for (size_t i = 0; i < 12; i++) sum += tg_item(tg_find(g, "x"), i);
    snprintf(mean, sizeof mean, "<td class=\"r\">%.4g</td>", sum / 12);
    cr_assert_not_null(strstr(row_of(1), mean), "%s: %s", mean, row_of(1));
}

Test(page, what_was_checked_and_compared_is_told) {
    const tg_grads d = tape(g, "bn", "y", true);
    const tg_check checks[] = {
        {.leaf = tg_find(g, "x"), .verdict = TG_KINK, .error = 1.5e-9, .checked = 7, .ours = 0.1}};
    const tg_difference rows[] = {{.name = "bn/mu", .stage = 1, .error = 2.5e-16, .ours = 0.1},
                                  {.name = "bn/v<r", .stage = 4, .error = INFINITY, .theirs = NAN, .parts = true}};
    write_page(d, &(tg_page_options){.checks = checks,
                                     .check_count = 1,
                                     .differences = rows,
                                     .difference_count = 2,
                                     .beside = "fused & fast",
                                     .tolerance = 1e-12});
    has("KINK");
    has("7 of 12");
    has("fused &amp; fast");
    has("The first that parts is <b>bn/v&lt;r</b>");
    has("0.10000000000000001");
    has("<td class=\"r\">nan</td>");
}

/* The first of several is the one that is named. An empty title is none. */
Test(page, several_differences_and_no_title) {
    const tg_grads d = tape(g, "bn", "y", true);
    const tg_difference rows[] = {{.name = "mu", .stage = 1, .error = 0.5, .parts = true},
                                  {.name = "var", .stage = 2, .error = 2, .parts = true}};
    cr_assert_eq(tg_label_columns(tg_find(g, "gamma"), columns, 3), TG_OK);
    write_page(d, &(tg_page_options){.differences = rows, .difference_count = 2, .title = ""});
    has("The first that parts is <b>mu</b>");
    has("<title>A tape");
    write_page(d, &(tg_page_options){.title = "T & U"});
    has("<title>T &amp; U");
    has("\":[\"alcohol\"");
}

/* -------------------------------------------------------------------------------------------- the same, or nothing */

Test(page, the_same_tape_gives_the_same_bytes) {
    static char first[ROOM];
    write_page(tape(g, "bn", "y", true), NULL);
    const size_t n = get("p.html", first, sizeof first);
    const size_t moments = tg_moments(g);
    tg_graph *other = tg_graph_new();
    write_page(tape(other, "bn", "y", true), NULL);
    tg_graph_free(other);
    cr_assert_eq(strlen(page), n);
    cr_assert_eq(memcmp(page, first, n), 0);
    cr_assert_eq(tg_moments(g), moments, "writing changes nothing");
}

Test(page, without_a_sweep_and_without_a_tape) {
    write_page((tg_grads){g, 0, 0}, NULL);
    has("The tape is empty");
    tape(g, "bn", "y", true);
    write_page((tg_grads){g, 0, 0}, NULL);
    cr_assert_eq(count_of("<tr id=\"n"), tg_count(g));
}

Test(page, what_cannot_be_written) {
    put("old", "old", 3);
    tg_grads d = tape(g, "bn", "y", true);
    tg_graph *other = tg_graph_new();
    cr_assert_eq(tg_write_html(NULL, d, "p.html", NULL), TG_HANDLE);
    cr_assert_eq(tg_write_html(g, d, "old/p.html", NULL), TG_FILE);
    cr_assert_eq(tg_write_html(g, d, NULL, NULL), TG_FILE);
    cr_assert_eq(tg_write_html(other, d, "p.html", NULL), TG_HANDLE);
    cr_assert_not_null(strstr(tg_message(other), "another graph"), "%s", tg_message(other));
    cr_assert_eq(tg_write_html(g, (tg_grads){g, 9, 0}, "p.html", NULL), TG_HANDLE);
    cr_assert_eq(files(NULL), 1);
    const tg_page_options counts = {.check_count = 3, .difference_count = 2};
    cr_assert_eq(tg_write_html(g, d, "p.html", &counts), TG_OK, "%s", tg_message(g));
    tg_graph_free(other);
}

Test(page, out_of_memory_anywhere) {
    struct heap heap = {0};
    tg_graph *poor = tg_graph_new_with(heap_allocator(&heap));
    const tg_grads d = tape(poor, "bn", "y", true);
    const size_t before = heap.calls, live = heap.live;
    cr_assert_eq(tg_write_html(poor, d, "p.html", NULL), TG_OK, "%s", tg_message(poor));
    const size_t needed = heap.calls - before;
    cr_assert_eq(heap.live, live, "all of it was given back");
    cr_assert_eq(remove("p.html"), 0);
    for (size_t k = 1; k <= needed; k++) {
        heap.fail_at = heap.calls + k;
        cr_assert_eq(tg_write_html(poor, d, "p.html", NULL), TG_MEMORY, "%zu of %zu", k, needed);
        cr_assert_eq(files(NULL), 0);
        cr_assert_eq(heap.live, live, "%zu of %zu", k, needed);
    }
    heap.fail_at = 0;
    cr_assert_eq(tg_write_html(poor, d, "p.html", NULL), TG_OK, "%s", tg_message(poor));
    tg_graph_free(poor);
    cr_assert_eq(heap.blocks, 0);
}

/* ------------------------------------------------------------------------------------------------------ large tapes */

static tg_node chain(uint32_t length) {
    static const double ones[4] = {1, 1, 1, 1};
    TG_LET(x, tg_input(g, TG_F64, tg_shape1(4)));
    cr_assert_eq(tg_set(x, ones), TG_OK);
    for (uint32_t i = 1; i < length; i++) x = i % 2 ? tg_exp(x) : tg_reciprocal(x);
    return x;
}

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

Test(page, ten_thousand_nodes_in_two_seconds) {
    const uint32_t length = SANITIZED ? 400 : 4000;
    const tg_grads d = tg_backward(tg_sum(chain(length), tg_axes_all()), tg_nil(g));
    cr_assert_geq(tg_count(g), 5 * length / 2);
    cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
    const double start = seconds();
    write_page(d, NULL);
    const double taken = seconds() - start;
    cr_assert_eq(count_of("<tr id=\"n"), tg_count(g));
    if (!SANITIZED) cr_assert_lt(taken, 2, "%g s", taken);
    cr_assert_lt(strlen(page), 14 << 20);
}

Test(page, one_node_too_many) {
    chain(50001);
    cr_assert_eq(tg_write_html(g, (tg_grads){g, 0, 0}, "p.html", NULL), TG_FILE);
    cr_assert_not_null(strstr(tg_message(g), "at most 50000 nodes and the tape has 50001"), "%s", tg_message(g));
    cr_assert_not_null(strstr(tg_message(g), "tg_write_json"), "%s", tg_message(g));
    cr_assert_eq(files(NULL), 0);
}
