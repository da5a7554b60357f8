/* Files that are nearly good: some bytes changed, left out, doubled or cut off. */
#ifndef TESTS_FUZZ_DAMAGE_H
#define TESTS_FUZZ_DAMAGE_H

#include "target.h"

static inline uint64_t state_of(uint64_t seed) { return seed * UINT64_C(0x9e3779b97f4a7c15) + 1; }

static inline size_t damage_once(uint64_t *state, uint8_t *bytes, size_t count) {
    static const uint8_t odd[] = {0, 1, 0x7f, 0x80, 0xff, ',', '\n', '\'', '(', '-', '0', '9'};
    if (count == 0) return 0;
    const size_t at = random_below(state, count), rest = count - at, n = 1 + random_below(state, rest < 16 ? rest : 16);
    switch (random_below(state, 6)) {
    case 0: bytes[at] ^= (uint8_t)(1u << random_below(state, 8)); return count;
    case 1: bytes[at] = odd[random_below(state, sizeof odd)]; return count;
    case 2: memset(bytes + at, random_below(state, 2) ? 0xff : 0, n); return count;
    case 3: memmove(bytes + at, bytes + at + n, rest - n); return count - n;
    case 4:
        if (count + n > EXAMPLE_ROOM) return count;
        memmove(bytes + at + n, bytes + at, rest);
        return count + n;
    default: return random_below(state, 4) ? count : at;
    }
}

/* One in four stays whole. */
static inline size_t damage(uint64_t *state, uint8_t *bytes, size_t count) {
    for (size_t times = random_below(state, 4); times > 0; times--) count = damage_once(state, bytes, count);
    return count;
}

#endif
