"use strict";

/* The circuit at a moment: what is already computed, what is computed now, what is not yet; which gradients have come. */
const Scene = (() => ({ keys: [], show() {}, choose() {} }))();
