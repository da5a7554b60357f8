/* The grid as JSON, for fold.js. A record is a list, its fields in the order of the comments there. */
#include "draw.h"

static void put_cluster(struct tg__sheet *s, const struct tg__circuit *c, uint32_t id) {
    static const char *const sorts[] = {"root", "sweep", "scope", "stage", "group"};
    const struct tg__cluster *k = tg__cluster_at(c, id);
    char text[TG__CAPTION];
    tg__putf(s, "%s\n{\"sort\":\"%s\",\"label\":\"", id ? "," : "", sorts[k->sort]);
    tg__put_json(s, tg__caption_title(c, id, text));
    tg__putf(
        s, "\",\"parent\":%u,\"item\":%u,\"open\":%s,\"first\":%u,\"items\":%u,\"least\":%d,\"rows\":%u,\"spine\":%u,",
        k->parent, k->item, k->open ? "true" : "false", k->first, k->items, k->least, k->rows, k->spine);
    tg__put(s, "\"gaps\":[");
    for (uint32_t x = 0; x < k->columns; x++)
        tg__putf(s, "%s%d", x ? "," : "", tg__track_at(c, k->first_column + x)->gap);
    tg__put(s, "]}");
}

void tg__circuit_json(struct tg__sheet *s, const struct tg__circuit *c) {
    tg__putf(s, "{\"head\":%d,\"foot\":%d,\"line\":%d,\"margin\":%d,\"legend\":%d,", TG__HEAD, TG__FOOT, TG__LINE_GAP,
             TG__MARGIN, TG__LEGEND);
    tg__putf(s, "\"port\":%d,\"wide\":[%d,%d],\"most\":%d,\"turn\":%d,\"inset\":%d,\"clusters\":[", TG__PORT_HEIGHT,
             TG__WIDE, TG__WIDE_INNER, TG__BANDS, TG__TURN, TG__INSET);
    for (uint32_t id = 0; id < c->clusters.length; id++) put_cluster(s, c, id);
    tg__put(s, "],\n\"items\":[");
    for (uint32_t i = 0; i < c->items.length; i++) {
        const struct tg__item *item = tg__item_at(c, i);
        tg__putf(s, "%s[%d,%u,%u,%u,%u,%d,%d,%d]", i ? "," : "", item->kind, item->ref, item->cluster, item->column,
                 item->row, item->kind == TG__BOX ? 0 : item->width, item->kind == TG__BOX ? 0 : item->height,
                 item->body);
    }
    tg__put(s, "],\n\"wires\":[");
    for (uint32_t i = 0; i < c->wires.length; i++) {
        const struct tg__wire *w = tg__wire_at(c, i);
        tg__putf(s, "%s[%u,%u,%u,%u,%u,%u]", i ? "," : "", w->source, w->cluster, w->from, w->to, w->first, w->bends);
    }
    tg__put(s, "]}");
}
