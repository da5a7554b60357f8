/* What the tests' headers ask of Criterion, for fuzz targets, which do without it. Messages are left out. */
#ifndef TESTS_FUZZ_CRITERION_H
#define TESTS_FUZZ_CRITERION_H

#include "../target.h"

#define FUZZ_IS_(truth, ...)    require(truth, "%s", "an assertion of the tests")
#define FUZZ_EQUAL_(a, b, ...)  FUZZ_IS_((a) == (b), "")
#define cr_assert(...)          FUZZ_IS_(__VA_ARGS__, "")
#define cr_assert_eq(...)       FUZZ_EQUAL_(__VA_ARGS__, "")
#define cr_assert_not_null(...) FUZZ_IS_((__VA_ARGS__) != NULL, "")

#endif
