/* The tape as JSON: read back by Python's own parser, and compared with what the C interface says. */
#include "by_python.h"

TestSuite(json, .init = setup, .fini = teardown, .timeout = 120);

/* A tape with something of everything: scopes, aliases, columns, integers, several sweeps, numbers that JSON has not.
 */
static tg_node tape(uint64_t seed) {
    static const char *const columns[] = {"alcohol", "<&\"'\\", "ash"};
    const double x0[] = {0.1, NAN, -INFINITY, 1.0 / 3, 5e-324, -0.0}, one = 1;
    double *w0 = random_array(&seed, 3, -1, 1);
    TG_LET(x, tg_input(g, TG_F64, tg_shape2(2, 3)));
    TG_LET(w, tg_param(g, TG_F64, tg_shape1(3)));
    tg_node never = tg_let(tg_input(g, TG_F32, tg_shape2(0, 4)), "never", NULL, 0);
    TG_LET(label, tg_input(g, TG_I32, tg_shape1(2)));
    cr_assert_eq(tg_label_columns(x, columns, 3), TG_OK);
    tg_scope_open(g, "part");
    TG_LET(v, tg_mul(x, w));
    TG_LET(alias, tg_add(v, tg_const(g, TG_F64, tg_shape0(), &one)));
    TG_LET(alias2, alias);
    TG_LET(s, tg_sum(tg_exp(alias), tg_keep(tg_axis(0))));
    TG_LET(t, tg_transpose(s, tg_axes_all()));
    TG_LET(z, tg_scatter(tg_gather(x, label), label, 3));
    tg_scope_close(g);
    TG_LET(empty, tg_exp(never));
    TG_LET(out, tg_sum(tg_square(t), tg_axes_all()));
    (void)z, (void)alias2;
    cr_assert_eq(tg_set(x, x0), TG_OK);
    cr_assert_eq(tg_set(w, w0), TG_OK);
    cr_assert_eq(tg_set(never, (float[1]){0}), TG_OK);
    cr_assert_eq(tg_set(label, (int32_t[]){2, 0}), TG_OK);
    free(w0);
    return out;
}

static const char script[] =
    "import json, math, sys\n"
    "t = json.load(open('t.json', encoding='utf-8'))\n"
    "num = lambda v: {'nan': math.nan, 'inf': math.inf, '-inf': -math.inf}[v] if isinstance(v, str) else v\n"
    "assert t['format'] == 'tapegrad tape 1'\n"
    "assert [n['id'] for n in t['nodes']] == list(range(1, len(t['nodes']) + 1))\n"
    "assert all(o < n['id'] for n in t['nodes'] for o in n['operands'])\n"
    "scopes = {s['prefix'] for s in t['scopes']}\n"
    "assert all(n['scope'] in scopes for n in t['nodes']) and '' in scopes\n"
    "for n in t['nodes']:\n"
    "    print(n['id'], n['op'], n['dtype'], *n['shape'], '|', *n['operands'], '|', n['stage'], n['scope'] + '.', "
    "n['line'])\n"
    "    v = n['value']\n"
    "    if v is None: print('none')\n"
    "    else:\n"
    "        assert v['count'] == len(v['data']) == math.prod(n['shape'])\n"
    "        data = [num(d) for d in v['data']]\n"
    "        finite = [d for d in data if math.isfinite(d)]\n"
    "        assert v['nonfinite'] == len(data) - len(finite)\n"
    "        assert v['min'] == (min(finite) if finite else None) and v['max'] == (max(finite) if finite else None)\n"
    "        if finite: assert abs(v['mean'] - sum(finite) / len(finite)) <= 1e-12 * sum(map(abs, finite))\n"
    "        print(*(float(d).hex() for d in data))\n"
    "moments = {'appended': 0, 'delivered': 0, 'named': 0}\n"
    "for m in t['log']: moments[m['kind']] += 1\n"
    "assert moments['appended'] == len(t['nodes'])\n"
    "assert moments['named'] == sum(len(n['names']) for n in t['nodes'])\n"
    "assert moments['delivered'] == sum(len(a['terms']) for s in t['sweeps'] for a in s['adjoints'])\n"
    "for s in t['sweeps']:\n"
    "    assert s['adjoints'][0]['node'] == s['out'] and s['adjoints'][0]['terms'][0]['sender'] is None\n"
    "    for a in s['adjoints']:\n"
    "        for d in a['terms']:\n"
    "            if d['sender']: assert t['nodes'][d['sender'] - 1]['operands'][d['slot']] == a['node']\n"
    "print(len(t['sweeps']), *t['nodes'][0]['columns'])\n";

static void expect_numbers(FILE *said, tg_node a) {
    char line[4096];
    cr_assert_not_null(fgets(line, sizeof line, said));
    if (!tg_value(a)) {
        cr_assert_str_eq(line, "none\n");
        return;
    }
    char *at = line;
    for (size_t i = 0; i < tg_size(a); i++) {
        const double v = tg_item(a, i), read = strtod(at, &at);
        cr_assert(isnan(v) ? isnan(read) : memcmp(&v, &read, sizeof v) == 0, "node %u element %zu: %a, read %a", a.id,
                  i, v, read);
    }
    cr_assert_str_eq(at, "\n");
}

static void expect_node(FILE *said, tg_node a) {
    static const char *const dtype[] = {"f32", "f64", "i32"};
    char line[512];
    const tg_place at = tg_where_is(a);
    const tg_shape dims = tg_dims(a);
    int n = snprintf(line, sizeof line, "%u %s %s", a.id, tg_op_of(a), dtype[tg_dtype_of(a)]);
    for (int i = 0; i < dims.rank; i++) n += snprintf(line + n, sizeof line - (size_t)n, " %d", (int)dims.dim[i]);
    n += snprintf(line + n, sizeof line - (size_t)n, " |");
    for (int i = 0; !tg_is_nil(tg_operand(a, i)); i++)
        n += snprintf(line + n, sizeof line - (size_t)n, " %u", tg_operand(a, i).id);
    n += snprintf(line + n, sizeof line - (size_t)n, " | %d %s. ", at.stage, at.scope);
    snprintf(line + n, sizeof line - (size_t)n, at.file ? "%d" : "None", at.line);
    expect_line(said, line);
    expect_numbers(said, a);
}

Test(json, python_reads_what_c_says) {
    tg_node out = tape(7);
    tg_grads d = tg_backward(out, tg_nil(g));
    tg_backward(tg_sum(tg_grad(d, tg_find(g, "w")), tg_axes_all()), tg_nil(g));
    cr_assert_eq(tg_run_to(tg_grad(d, tg_find(g, "x"))), TG_OK, "%s", tg_message(g)); /* and some have not run */
    cr_assert_eq(tg_write_json(g, "t.json"), TG_OK, "%s", tg_message(g));
    FILE *said = python(script);
    for (uint32_t id = 1; id <= tg_count(g); id++) expect_node(said, tg_node_at(g, id));
    expect_line(said, "2 alcohol <&\"'\\ ash");
    cr_assert_eq(pclose(said), 0);
}

Test(json, every_byte_of_a_name_is_text) {
    enum { LONG = 1 << 20 };
    static char name[LONG + 1];
    memset(name, 'n', LONG);
    memcpy(name, "</script>\"\\\n\x1b\xff\xe2\x80\xae&", 18);
    TG_LET(x, tg_input(g, TG_F64, tg_shape0()));
    tg_let(tg_exp(x), name, "folder/a\"b.c", 12);
    cr_assert_eq(tg_write_json(g, "t.json"), TG_OK, "%s", tg_message(g));
    FILE *said =
        python("import json\n"
               "b = open('t.json', 'rb').read()\n"
               "n = json.loads(b)['nodes'][1]\n"
               "assert n['names'][0]['name'] == '</script>\"\\\\\\n\\x1b\\ufffd\\u202e&' + 'n' * (2**20 - 18)\n"
               "print(n['file'], n['line'], b'<' in b, len(b) < 2**22)\n");
    expect_line(said, "a\"b.c 12 False True");
    cr_assert_eq(pclose(said), 0);
}

/* What is no UTF-8 is U+FFFD, byte by byte; what could end a line or turn one around is written with \\u. */
Test(json, names_of_any_bytes) {
    static const char *const names[][2] = {
        {"a\xc2", "a\xef\xbf\xbd"},          {"a\xc2\x85z", "a\xc2\x85z"},
        {"\xe2\x80z", "\xef\xbf\xbd\xef\xbf\xbdz"}, {"\xe2\x82\xac", "\xe2\x82\xac"},
        {"\xe2\x80\xa8", "\\u2028"},          {"\xe2\x81\xa0", "\\u2060"},
        {"\xef\xbb\xbf", "\xef\xbb\xbf"},      {"\xef\xbby", "\xef\xbf\xbd\xef\xbf\xbdy"},
        {"\xef\xbc\x81", "\xef\xbc\x81"},      {"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
        {"a\x7f", "a\\u007f"},                {"\xe3\x81\x82", "\xe3\x81\x82"}};
    enum { N = sizeof names / sizeof *names };
    static char text[1 << 20], want[200];
    for (int i = 0; i < N; i++) tg_let(tg_input(g, TG_F64, tg_shape0()), names[i][0], "f.c", i + 1);
    cr_assert_eq(tg_write_json(g, "t.json"), TG_OK, "%s", tg_message(g));
    FILE *file = fopen("t.json", "r");
    cr_assert(file && fread(text, 1, sizeof text - 1, file) > 0 && fclose(file) == 0);
    for (int i = 0; i < N; i++) {
        snprintf(want, sizeof want, "\"name\":\"%s\"", names[i][1]);
        cr_expect_not_null(strstr(text, want), "%s", want);
    }
}

Test(json, an_empty_tape_and_twice_the_same) {
    static char first[1 << 20], second[1 << 20];
    cr_assert_eq(tg_write_json(g, "t.json"), TG_OK);
    FILE *said = python("import json\nt = json.load(open('t.json'))\nprint(t['nodes'], t['log'], t['sweeps'])\n");
    expect_line(said, "[] [] []");
    pclose(said);
    tg_backward(tape(3), tg_nil(g));
    cr_assert_eq(tg_write_json(g, "a.json"), TG_OK);
    cr_assert_eq(tg_write_json(g, "b.json"), TG_OK);
    const size_t n = get("a.json", first, sizeof first);
    cr_assert_eq(get("b.json", second, sizeof second), n);
    cr_assert_eq(memcmp(first, second, n), 0);
}

Test(json, what_cannot_be_written) {
    put("old.json", "old", 3);
    cr_assert_eq(tg_write_json(NULL, "old.json"), TG_HANDLE);
    cr_assert_eq(tg_write_json(g, "old.json/x"), TG_FILE);
    cr_assert_eq(tg_write_json(g, NULL), TG_FILE);
    cr_assert_eq(files(NULL), 1);
    cr_assert_eq(tg_write_json(g, "old.json"), TG_OK);
    cr_assert_eq(tg_error(g), TG_OK);
}
