/* Why something could not be done, in one line that a person can act on. The first reason given is the one kept. */
#include "jit.h"

void tg__because(struct tg__reason *r, const char *format, ...) {
    if (r->text[0]) return;
    va_list args;
    va_start(args, format);
    vsnprintf(r->text, sizeof r->text, format, args);
    va_end(args);
}

void tg__because_of(struct tg__reason *r, int error, const char *format, ...) {
    if (r->text[0]) return;
    char text[128];
    va_list args;
    va_start(args, format);
    vsnprintf(r->text, sizeof r->text - sizeof text, format, args);
    va_end(args);
    if (strerror_r(error, text, sizeof text) != 0) snprintf(text, sizeof text, "error %d", error);
    const size_t n = strlen(r->text);
    snprintf(r->text + n, sizeof r->text - n, ": %s", text);
}
