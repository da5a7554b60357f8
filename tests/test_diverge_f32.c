/* First divergence for arrays that were computed in f32 and are laid beside an f64 tape, whose roundoff is not theirs:
 * right work agrees, whatever the data, and every classic mistake is named at its step. */
typedef float real;
#define DTYPE TG_F32
#define TOLERANCE 2e-5
#include "diverge_student.h"

TestSuite(diverge_f32, .timeout = 300);

Test(diverge_f32, right_work_agrees) { right_work_agrees(); }
Test(diverge_f32, mistakes_are_named) { mistakes_are_named(); }
