// A host for one program of float32 arrays, used by tests of the entry: every service of ABI.h in its plainest form.
// Usage: host <argument>...; an argument is <sizes joined by x>=<values joined by commas, or a count
// from 1 if left out>; one of i32 starts with "i". Prints each result and the bytes of the arena, or the failure.
// STOP_AFTER=n in the environment: the nth poll says stop.
#include "weft/Runtime/ABI.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { maxValues = 4096, maxArguments = 8 };

struct WeftCall {
  float *results[maxArguments];
  int64_t elements[maxArguments];
  int numResults, polls, stopAfter;
  char *arena;
  int64_t arenaBytes;
};

int32_t weft_entry(WeftCall *call, const WeftArg *args);

// Memory that shows what reads it before it was written: NaNs.
static void *poisoned(int64_t bytes) {
  char *p = aligned_alloc(64, (size_t)(bytes + 127) / 64 * 64);
  memset(p, 0xff, (size_t)bytes + 1);
  return p;
}

char *weft_rt_arena(WeftCall *call, int64_t bytes) {
  call->arenaBytes = bytes;
  return call->arena = poisoned(bytes);
}

void *weft_rt_result(WeftCall *call, int32_t index, int64_t bytes, int32_t rank, const int64_t *shape) {
  int64_t elements = 1;
  for (int32_t d = 0; d < rank; ++d)
    elements *= shape[d];
  if (elements * 4 != bytes)
    abort();
  if (index >= call->numResults)
    call->numResults = index + 1;
  call->elements[index] = elements;
  return call->results[index] = poisoned(bytes);
}

int32_t weft_rt_poll(WeftCall *call) { return ++call->polls == call->stopAfter ? 5020 : 0; }

int32_t weft_rt_fail(WeftCall *call, int32_t code, int64_t where, int64_t expected, int64_t got) {
  (void)call;
  printf("fail %d where %lld expected %lld got %lld\n", code, (long long)where, (long long)expected, (long long)got);
  return code;
}

char *weft_rt_push(WeftCall *call, int64_t bytes) {
  (void)call;
  return poisoned(bytes);
}

void weft_rt_pop(WeftCall *call) { (void)call; }

char *weft_rt_scratch(WeftCall *call, int64_t bytes) {
  (void)call;
  return poisoned(bytes);
}

void weft_rt_parallel(WeftCall *call, WeftParallelBody body, void *closure, int64_t n, int64_t grain, int64_t cost) {
  (void)grain;
  (void)cost;
  body(call, closure, 0, n);
}

// In no order that a program may lean on: the last part first, every other time.
void weft_rt_beside(WeftCall *call, WeftParallelBody body, void *closure, int64_t n, int64_t *times, int64_t shared) {
  static int round = 0;
  int backwards = round++ % 2 == 0;
  (void)shared;
  for (int64_t k = 0; k < n; ++k) {
    int64_t part = backwards ? n - 1 - k : k;
    body(call, closure, part, part + 1);
    times[part] += 1;
  }
}

static WeftArg parse(char *text) {
  int integer = *text == 'i';
  text += integer;
  int64_t *shape = malloc(8 * sizeof *shape), elements = 1;
  for (int d = 0; *text && *text != '='; ++d) {
    shape[d] = strtoll(text, &text, 10);
    elements *= shape[d];
    text += *text == 'x';
  }
  text += *text == '=';
  WeftArg arg = {poisoned(4 * elements), shape};
  for (int64_t i = 0; i < elements; ++i) {
    float value = *text ? strtof(text, &text) : (float)(i + 1);
    text += *text == ',';
    if (integer)
      ((int32_t *)arg.data)[i] = (int32_t)value;
    else
      ((float *)arg.data)[i] = value;
  }
  return arg;
}

int main(int argc, char **argv) {
  WeftCall call = {0};
  WeftArg args[maxArguments];
  const char *stop = getenv("STOP_AFTER");
  call.stopAfter = stop ? atoi(stop) : 0;
  if (argc - 1 > maxArguments)
    return 2;
  for (int i = 1; i < argc; ++i)
    args[i - 1] = parse(argv[i]);
  int32_t status = weft_entry(&call, args);
  if (call.arenaBytes && (unsigned char)call.arena[call.arenaBytes] != 0xff)
    printf("wrote past the arena\n");
  if (status) {
    printf("status %d after %d polls\n", status, call.polls);
    return 0;
  }
  for (int r = 0; r < call.numResults; ++r) {
    printf("result %d:", r);
    for (int64_t i = 0; i < call.elements[r]; ++i)
      printf(" %g", call.results[r][i]);
    printf("\n");
  }
  printf("arena %lld bytes, %d polls\n", (long long)call.arenaBytes, call.polls);
  return 0;
}
