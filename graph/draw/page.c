/* The explorer as one document. No network: the policy allows exactly the bytes of our style sheet and scripts, by
 * their digest, so that nothing else runs even if a name should get through its escaping. Names only ever become text.
 */
#include "page.h"

enum { WHOLE = 0, NUMBERS = 200000, CORNER = 16 * 16, LEAST = 8 };

/* ------------------------------------------------------------------------------------------------------ digests */

/* In the order in which they need each other. */
static const struct tg__asset *const script[] = {&tg__fold_js,  &tg__tape_js,   &tg__array_js,
                                                 &tg__panel_js, &tg__moment_js, &tg__overview_js,
                                                 &tg__scene_js, &tg__tabs_js,   &tg__explorer_js};
enum { SCRIPTS = sizeof script / sizeof *script };

/* A source for the policy: 'sha256-…' in base 64. */
static void put_source(struct tg__sheet *s, const struct tg__asset *asset) {
    static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char text[45];
    for (int i = 0; i < 43; i++) {
        const int bit = 6 * i, at = bit / 8;
        const unsigned two = (unsigned)asset->sha256[at] << 8 | (at < 31 ? asset->sha256[at + 1] : 0u);
        text[i] = digit[two >> (10 - bit % 8) & 63];
    }
    memcpy(text + 43, "=", 2);
    tg__putf(s, " 'sha256-%s'", text);
}

static void put_asset(struct tg__sheet *s, const char *tag, const struct tg__asset *asset) {
    tg__putf(s, "<%s>", tag);
    tg__put_n(s, (const char *)asset->text, asset->length);
    tg__putf(s, "</%s>\n", tag);
}

/* -------------------------------------------------------------------------------------------------------- parts */

static const char *title_of(const struct tg__page *p, char *text, size_t room) {
    return tg__clean(p->options.title && p->options.title[0] ? p->options.title : "A tape", text, room);
}

static void put_head(struct tg__sheet *s, const struct tg__page *p) {
    tg__page_text title;
    tg__put(s, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
               "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src");
    for (size_t i = 0; i < SCRIPTS; i++) put_source(s, script[i]);
    tg__put(s, "; style-src");
    put_source(s, &tg__explorer_css);
    put_source(s, &tg__media_css);
    tg__put(
        s,
        "; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"generator\" content=\"tapegrad " TG_VERSION
        "\">\n<title>");
    tg__put_html(s, title_of(p, title, sizeof title), WHOLE);
    tg__put(s, "</title>\n");
    put_asset(s, "style", &tg__explorer_css);
    put_asset(s, "style", &tg__media_css);
    tg__put(s, "</head>\n");
}

static void put_banner(struct tg__sheet *s, const struct tg__page *p) {
    tg__page_text text;
    tg__put(s, "<body>\n<a class=\"skip\" href=\"#tabs\">To the tape as a table</a>\n<header>\n<div><h1>");
    tg__put_html(s, title_of(p, text, sizeof text), WHOLE);
    tg__putf(s, "</h1>\n<p>%u nodes", p->graph->nodes.length - 1);
    if (p->passed) {
        tg__put(s, "; the gradient of ");
        tg__put_html(s, tg__page_name(tg__handle(p->graph, p->passed->out), text, sizeof text), WHOLE);
    }
    tg__put(
        s, "</p></div>\n<div id=\"tools\" hidden><button id=\"help\" type=\"button\" aria-expanded=\"false\" "
           "aria-controls=\"keys\">Keys</button><button id=\"theme\" type=\"button\">Dark</button></div>\n</header>\n");
}

/* Filled by the script; without one, the tables below are the page. */
static void put_stage(struct tg__sheet *s) {
    tg__put(s, "<div id=\"keys\" role=\"region\" aria-label=\"Keys\" hidden></div>\n");
    tg__put(
        s,
        "<section id=\"moment\" aria-label=\"Moment by moment\" hidden>\n"
        "<div id=\"controls\" role=\"group\" aria-label=\"Moments\">"
        "<button id=\"back\" type=\"button\" aria-label=\"One moment back\">←</button>"
        "<button id=\"play\" type=\"button\">Play</button>"
        "<button id=\"on\" type=\"button\" aria-label=\"One moment on\">→</button>"
        "<span id=\"rail\"><input id=\"slider\" type=\"range\" min=\"1\" value=\"1\" aria-label=\"Moment\">"
        "<span id=\"ticks\" aria-hidden=\"true\"></span></span>"
        "<label id=\"pace\">Speed <select id=\"speed\"><option value=\"2600\">½</option>"
        "<option value=\"1300\" selected>1</option><option value=\"650\">2</option>"
        "<option value=\"260\">5</option></select></label>"
        "<span id=\"count\"></span><a id=\"link\" href=\"#step=1\" aria-label=\"Link to this moment\">Link</a></div>\n"
        "<p id=\"sentence\" aria-live=\"polite\"></p>\n<div id=\"calculation\"></div>\n</section>\n"
        "<section id=\"panel\" aria-label=\"Chosen node\" hidden></section>\n");
}

static void open_tab(struct tg__sheet *s, const char *id, const char *title, const char *heading) {
    tg__putf(s, "<section id=\"tab-%s\" class=\"tab\" data-title=\"%s\"><h2>%s</h2>\n", id, title, heading);
}

static bool put_tabs(struct tg__sheet *s, const struct tg__page *p) {
    tg__put(s, "<div id=\"tabs\" tabindex=\"-1\">\n");
    open_tab(s, "tape", "Tape", "The tape");
    tg__page_tape(s, p);
    if (!p->typeset)
        tg__putf(s,
                 "<p>Above %d nodes a page has no typeset formulas and no programs: see tg_write_numpy, tg_write_latex "
                 "and tg_write_c_staged.</p>\n",
                 TG__PAGE_TYPESET);
    tg__put(s, "</section>\n");
    if (p->options.difference_count) {
        open_tab(s, "fused", "Staged against fused", "Staged against fused");
        tg__page_differences(s, p);
        tg__put(s, "</section>\n");
    }
    if (p->options.check_count) {
        open_tab(s, "check", "Gradient check", "Gradient check");
        tg__page_checks(s, p);
        tg__put(s, "</section>\n");
    }
    const bool put = !p->passed || !p->typeset || tg__page_programs(s, p);
    tg__put(s, "</div>\n");
    return put;
}

static void put_circuit(struct tg__sheet *s, const struct tg__page *p) {
    tg__put(s, "<section id=\"circuit\" aria-label=\"Circuit\">\n");
    tg__circuit_svg(s, p->circuit, true);
    tg__put(s, "</section>\n");
    if (p->graph->nodes.length == 1) return; /* nothing is drawn */
    tg__put(s, "<p id=\"legend\"><span class=\"value\">above a wire: the value</span>");
    if (p->passed) {
        tg__page_text text;
        tg__put(s, " <span class=\"gradient\">below it: the gradient of ");
        tg__put_html(s, tg__page_name(tg__handle(p->graph, p->passed->out), text, sizeof text), WHOLE);
        tg__put(s, "</span>");
    }
    tg__put(s, "</p>\n");
}

static void put_data(struct tg__sheet *s, const struct tg__page *p) {
    tg__page_formulas(s, p);
    tg__put(s, "<script type=\"application/json\" id=\"tape\">");
    tg__page_data(s, p);
    tg__put(s, "</script>\n<script type=\"application/json\" id=\"grid\">");
    tg__circuit_json(s, p->circuit);
    tg__put(s, "</script>\n");
}

static bool put_page(struct tg__sheet *s, const struct tg__page *p) {
    put_head(s, p);
    put_banner(s, p);
    tg__put(s, "<main>\n");
    put_circuit(s, p);
    put_stage(s);
    if (!put_tabs(s, p)) return false;
    tg__put(s, "</main>\n");
    put_data(s, p);
    for (size_t i = 0; i < SCRIPTS; i++) put_asset(s, "script", script[i]);
    tg__put(s, "</body>\n</html>\n");
    return true;
}

/* -------------------------------------------------------------------------------------------- what is known first */

/* One allocation for both arrays. */
static bool know(struct tg__page *p, void *room, uint32_t length) {
    p->weights = room;
    p->labels = (uint32_t *)(p->weights + length);
    for (uint32_t id = 0; id < length; id++) {
        p->labels[id] = 0;
        p->weights[id] = p->passed && tg__adjoint_of(p->passed, id) ? tg__weigh_terms(p->sweep, id) : 0;
    }
    tg__page_labels(p);
    return true;
}

static bool write_page(struct tg__sheet *s, void *user) {
    struct tg__page *p = user;
    struct tg__circuit circuit;
    const uint32_t length = p->graph->nodes.length;
    const size_t bytes = length * (sizeof *p->weights + sizeof *p->labels);
    void *room = tg__alloc(p->graph, bytes);
    bool written = room && know(p, room, length) && tg__circuit_new(&circuit, p->graph, p->sweep, NULL);
    if (written) {
        p->circuit = &circuit;
        written = put_page(s, p) && !p->graph->error.running; /* a formula may have run out of memory */
        tg__circuit_free(&circuit);
    }
    tg__release(p->graph, room, bytes);
    return written;
}

tg_status tg_write_html(tg_graph *g, tg_grads d, const char *path, const tg_page_options *options) {
    if (!g) return TG_HANDLE;
    const uint32_t count = g->nodes.length - 1;
    struct tg__page p = {.graph = g, .sweep = d};
    if (options) p.options = *options;
    if (!p.options.checks) p.options.check_count = 0;
    if (!p.options.differences) p.options.difference_count = 0;
    p.typeset = count <= TG__PAGE_TYPESET;
    p.room = count ? NUMBERS / count : CORNER;
    p.room = p.room > CORNER ? CORNER : p.room < LEAST ? LEAST : p.room;
    tg__clear_run(g);
    if (!tg__may_draw(g, d, "write_html")) return tg_error(g);
    p.passed = tg__sweep_get(d);
    if (count > TG__PAGE_NODES)
        return tg__fail_file(g, path,
                             "a page shows at most %d nodes and the tape has %u; write it with tg_write_json, or build "
                             "a smaller part of it (one layer, one step)",
                             TG__PAGE_NODES, count);
    return tg__write_sheet(g, path, write_page, &p);
}
