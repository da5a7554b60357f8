/* How many columns of a terminal a character takes up: what the C library's wcwidth says in a UTF-8 locale, whatever the
 * locale of the program, for new characters come with every Unicode and only the C library is kept up to date. */
#define _XOPEN_SOURCE 700 /* wcwidth */
#include "inspect.h"

#include <wchar.h>

locale_t tg__letters_open(void) {
    static const char *const names[] = {"C.UTF-8", "", "en_US.UTF-8"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const locale_t letters = newlocale(LC_CTYPE_MASK, names[i], (locale_t)0);
        if (letters && tg__char_width(letters, "あ", strlen("あ")) == 2) return letters;
        if (letters) freelocale(letters);
    }
    return (locale_t)0;
}

void tg__letters_close(locale_t letters) {
    if (letters) freelocale(letters);
}

static int width_in(locale_t letters, const char *s, size_t length) {
    const locale_t own = uselocale(letters);
    mbstate_t state = {0};
    wchar_t c;
    const int width = mbrtowc(&c, s, length, &state) == length ? wcwidth(c) : 1;
    uselocale(own);
    return width < 0 ? 1 : width;
}

static uint32_t code_point(const unsigned char *s, size_t length) {
    uint32_t c = length == 1 ? s[0] : s[0] & (0xffu >> (length + 1));
    for (size_t i = 1; i < length; i++) c = c << 6 | (s[i] & 0x3f);
    return c;
}

/* Where no UTF-8 locale is installed: the large blocks. */
static int rough_width(uint32_t c) {
    static const uint32_t wide[][2] = {{0x1100, 0x115f}, {0x2e80, 0x303e}, {0x3041, 0xa4cf},   {0xac00, 0xd7a3},
                                       {0xf900, 0xfaff}, {0xff01, 0xff60}, {0x1f300, 0x1f64f}, {0x20000, 0x3fffd}};
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++)
        if (c >= wide[i][0] && c <= wide[i][1]) return 2;
    return c < 0x300 || c > 0x36f; /* combining diacritical marks */
}

int tg__char_width(locale_t letters, const char *s, size_t length) {
    if (length == 1) return 1;
    return letters ? width_in(letters, s, length) : rough_width(code_point((const unsigned char *)s, length));
}
