/* uthash over the graph's allocator: include this instead of uthash.h, and have the graph at hand as `g`.
 * An insertion that found no memory leaves the element out, with hh.tbl NULL. */
#ifndef TG_HASH_H
#define TG_HASH_H

#include "graph.h"

#define HASH_NONFATAL_OOM     1
#define uthash_malloc(bytes)  tg__alloc(g, bytes)
#define uthash_free(p, bytes) tg__release(g, p, bytes)

#include <uthash.h>

#endif
