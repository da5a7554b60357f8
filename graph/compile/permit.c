/* Whether this process may compile and load code at all, and for how long a compiler may run. */
#include "jit.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#if defined(__linux__)
#include <sys/auxv.h>
#endif

/* The environment says which compiler runs and where objects are kept. A program that has more rights than the user who
 * started it must not let that user choose its code. The kernel knows of all such programs, those with file
 * capabilities too, whose user ids are equal; elsewhere the ids have to do. */
static bool is_privileged(void) {
#if defined(__linux__)
    if (getauxval(AT_SECURE)) return true;
#endif
    return getuid() != geteuid() || getgid() != getegid();
}

static bool is_static(void) {
#if defined(__linux__)
    return getauxval(AT_BASE) == 0; /* no loader brought it here */
#else
    return false;
#endif
}

bool tg__may_compile(struct tg__reason *r) {
    const char *jit = getenv("TAPEGRAD_JIT");
    if (is_privileged())
        tg__because(r, "a program with more rights than its user (setuid, setgid, file capabilities) compiles nothing");
    else if (jit && strcmp(jit, "0") == 0)
        tg__because(r, "TAPEGRAD_JIT=0 in the environment: nothing is compiled");
    else if (is_static())
        tg__because(r, "a program that is linked statically cannot load anything");
    else
        return true;
    return false;
}

/* Long enough for every compiler that makes progress: large tapes take minutes. It is there for those that hang. */
enum { SECONDS = 10 * 60, SECONDS_MORE = 60, BYTES_EACH = 100000 };

bool tg__compile_seconds(size_t length, double *seconds, struct tg__reason *r) {
    const char *own = getenv("TAPEGRAD_CC_SECONDS");
    *seconds = SECONDS + SECONDS_MORE * ((double)length / BYTES_EACH);
    if (!own || !*own) return true;
    const size_t digits = strspn(own, "0123456789");
    if (own[digits] || digits > 9) {
        tg__because(r, "TAPEGRAD_CC_SECONDS is '%s': a whole number of seconds is needed (0: no limit)", own);
        return false;
    }
    *seconds = strtol(own, NULL, 10) ? (double)strtol(own, NULL, 10) : INFINITY;
    return true;
}
