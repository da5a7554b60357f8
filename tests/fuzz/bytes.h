/* The bytes that a target is given, read as a sequence of choices. Where they end every choice is the first one. */
#ifndef TESTS_FUZZ_BYTES_H
#define TESTS_FUZZ_BYTES_H

#include "target.h"

struct bytes {
    const uint8_t *at;
    size_t left;
};

static inline unsigned next_byte(struct bytes *b) {
    if (!b->left) return 0;
    b->left--;
    return *b->at++;
}

static inline size_t choose(struct bytes *b, size_t n) {
    const unsigned high = n > 256 ? next_byte(b) << 8 : 0;
    return (high | next_byte(b)) % n;
}

/* Random bytes, for targets that take any sequence of choices. */
static inline size_t random_choices(uint64_t seed, uint8_t *bytes, size_t least, size_t most) {
    uint64_t state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    const size_t count = least + random_below(&state, most - least);
    for (size_t i = 0; i < count; i++) bytes[i] = (uint8_t)(random_bits(&state) >> 40);
    return count;
}

#endif
