/* Pooling: what windows see, reduced. Public operators only. */
#include "compose.h"

tg_node tg_max_pool2d(tg_node x, int64_t height, int64_t width, tg_window how) {
    char text[300];
    for (int i = 0; i < 2 && !tg_is_nil(x); i++) {
        const int64_t taps = i ? width : height, padding = how.padding[i], dilation = how.dilation[i];
        if (taps > 0 && padding > 0 && dilation > 0 && (padding - 1) / dilation >= taps - 1)
            return tg_fail(x.graph, TG_ARGUMENT, "max_pool2d: padding %lld fills a window of %lld over %s",
                           (long long)padding, (long long)taps, tg__described(x, text, sizeof text));
    }
    tg_composite_open(x.graph, "max_pool2d", NULL);
    const tg_node seen = tg_windows(x, height, width, how, -(double)INFINITY);
    return tg__closed(tg_max(seen, tg_axis(2)));
}

tg_node tg_avg_pool2d(tg_node x, int64_t height, int64_t width, tg_window how) {
    tg_composite_open(x.graph, "avg_pool2d", NULL);
    const tg_node seen = tg_windows(x, height, width, how, 0);
    if (tg_is_nil(seen)) return tg__closed(seen);
    const tg_node share = tg_scalar_like(x, 1 / (double)tg_dims(seen).dim[2]);
    return tg__closed(tg_mul(tg_sum(seen, tg_axis(2)), share));
}
