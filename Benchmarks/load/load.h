/* What the programs that put load on servers share: time, memory, the corpus, and the histogram of latencies. */
#pragma once
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef unsigned long long u64;

/* Its name, for its errors. */
static const char *program = "";

__attribute__((noreturn, format(printf, 1, 2))) static inline void fail(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fprintf(stderr, "%s: ", program);
  vfprintf(stderr, format, arguments);
  fprintf(stderr, "\n");
  va_end(arguments);
  exit(1);
}

static inline void *allocate(void *old, size_t size) {
  void *memory = realloc(old, size);
  if (!memory) fail("out of memory: %zu bytes", size);
  return memory;
}

static inline u64 now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (u64)time.tv_sec * 1000000000 + time.tv_nsec;
}

/* ---- The corpus: what `logs bench corpus` writes ---- */

/* The fields of a line, with tabs between them: time in ns, level, source, message. */
enum { field_time, field_level, field_source, field_message, field_count };

struct field { const char *text; size_t length; };

/* Calls `take` for each line, and at most `count_max` times. */
static inline void read_corpus(const char *path, long count_max, void (*take)(const struct field *fields)) {
  FILE *file = fopen(path, "r");
  if (!file) fail("cannot read %s: %s", path, strerror(errno));
  char *line = NULL;
  size_t size = 0;
  ssize_t length;
  long count = 0;
  while (count < count_max && (length = getline(&line, &size, file)) > 0) {
    if (line[length - 1] == '\n') length--;
    struct field fields[field_count] = {{line, length}};
    for (int index = 0; index + 1 < field_count; index++) {
      const char *text = fields[index].text, *tab = memchr(text, '\t', line + length - text);
      if (!tab) fail("line %ld of %s has no four fields with tabs between them", count + 1, path);
      fields[index].length = tab - text;
      fields[index + 1] = (struct field){tab + 1, line + length - tab - 1};
    }
    take(fields);
    count++;
  }
  if (count == 0) fail("there are no lines in %s", path);
  free(line);
  fclose(file);
}

/* ---- Latencies: buckets as wide as 1/128 of their values ---- */

static struct { u64 buckets[7424], count, max; } histogram;

static inline void clear_latencies(void) { memset(&histogram, 0, sizeof histogram); }

static inline void record(u64 value, u64 count) {
  unsigned dropped = value < 128 ? 0 : 56 - __builtin_clzll(value);
  histogram.buckets[value < 128 ? value : ((u64)dropped << 7) + (value >> dropped)] += count;
  histogram.count += count;
  if (value > histogram.max) histogram.max = value;
}

static inline double percentile_ms(double share) {
  u64 rank = (u64)(share * histogram.count + 0.999999), seen = 0;
  for (unsigned bucket = 0; bucket < 7424; bucket++) {
    seen += histogram.buckets[bucket];
    if (seen < rank || seen == 0) continue;
    unsigned dropped = bucket < 128 ? 0 : (bucket >> 7) - 1;
    u64 last = (((u64)bucket - ((u64)dropped << 7)) << dropped) | ((1ull << dropped) - 1);
    return (last < histogram.max ? last : histogram.max) / 1e6;
  }
  return histogram.max / 1e6;
}

static inline void print_latencies(void) {
  printf("\"latency_ms\":{\"p50\":%.6f,\"p90\":%.6f,\"p99\":%.6f,\"p999\":%.6f,\"max\":%.6f},", percentile_ms(0.5),
         percentile_ms(0.9), percentile_ms(0.99), percentile_ms(0.999), histogram.max / 1e6);
}
