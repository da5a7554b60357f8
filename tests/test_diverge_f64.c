/* First divergence for arrays that were computed in f64: right work agrees, whatever the data, and every classic mistake
 * is named at its step. */
typedef double real;
#define DTYPE TG_F64
#define TOLERANCE 1e-12
#include "diverge_student.h"

TestSuite(diverge_f64, .timeout = 300);

Test(diverge_f64, right_work_agrees) { right_work_agrees(); }
Test(diverge_f64, mistakes_are_named) { mistakes_are_named(); }
