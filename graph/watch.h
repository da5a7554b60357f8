/* Memory that many values or rows share is one block to AddressSanitizer. In a build with it, memory that is
 * not in use, and the gap after each value, is poisoned: an access to it is reported. In other builds these do nothing. */
#ifndef TG_WATCH_H
#define TG_WATCH_H

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TG_WATCHED_ 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) && !defined(TG_WATCHED_)
#define TG_WATCHED_ 1
#endif

#ifdef TG_WATCHED_
#include <sanitizer/asan_interface.h>
#define tg__hide(p, bytes) __asan_poison_memory_region(p, bytes)
#define tg__show(p, bytes) __asan_unpoison_memory_region(p, bytes)
enum { TG__GAP = 8 }; /* between two values */
#else
#define tg__hide(p, bytes) ((void)(p), (void)(bytes))
#define tg__show(p, bytes) ((void)(p), (void)(bytes))
enum { TG__GAP = 0 };
#endif

/* The rows of a table's chunk, the most chunks that a table asks for at once, and the bytes of an arena's block. In a
 * build that looks for faults they are small: every few steps ask the allocator, so a test that refuses each request in
 * turn reaches almost every step that can run out of memory. */
#if defined(TG_WATCHED_) || defined(TAPEGRAD_SMALL_CHUNKS)
enum { TG__CHUNK = 16, TG__CHUNKS = 1, TG__ARENA = 256 };
#else
enum { TG__CHUNK = 1024, TG__CHUNKS = 1024, TG__ARENA = 16384 };
#endif

#endif
