//===- Call.cpp - the services of native code, and weft_call --------------===//
//
// Decides the path of a call: take an idle WeftCall of the program, run the
// entry, hand over the results, put the WeftCall back. A call that succeeds
// takes two atomic exchanges, plus what its results and arena need.
//
//===----------------------------------------------------------------------===//

#include "Call.h"
#include "FloatMode.h"
#include "weft/Runtime/Effect.h"
#include "weft/Runtime/Linalg.h"

#include <algorithm>
#include <cstring>
#include <new>

using namespace weft::rt;

namespace {

/// Scratch blocks of a thread, one per depth (see ABI.h). A handful is enough:
/// one for the entry, one for a parallel body, and so on for a nested call made
/// by a poll callback.
constexpr int kMaxDepth = 8;

struct ThreadState {
  int depth = 0;
  WeftBuffer *scratch[kMaxDepth] = {};
  ~ThreadState() {
    for (WeftBuffer *&block : scratch) {
      weft_buffer_release(block);
      block = nullptr;
    }
  }
};

thread_local ThreadState tState;
thread_local int tDepth = 0; // apart from ThreadState: reading it needs no lazy construction

WeftCall *takeCall(WeftProgram *program) {
  if (WeftCall *call = program->idle.exchange(nullptr, std::memory_order_acquire))
    return call;
  // Only tried: after a fork the lock may belong to a thread that is gone.
  if (program->lock.tryLock()) {
    WeftCall *call = program->moreIdle;
    if (call)
      program->moreIdle = call->next;
    program->lock.unlock();
    if (call)
      return call;
  }
  auto *call = new (std::nothrow) WeftCall;
  if (call)
    call->numResults = program->numResults;
  return call;
}

void returnCall(WeftProgram *program, WeftCall *call) {
  WeftCall *expected = nullptr;
  if (program->idle.compare_exchange_strong(expected, call, std::memory_order_release, std::memory_order_relaxed))
    return;
  if (!program->lock.tryLock()) {
    delete call;
    return;
  }
  call->next = program->moreIdle;
  program->moreIdle = call;
  program->lock.unlock();
}

/// Says what went wrong in the words of a host that knows no source lines; one
/// that does has where, expected and got.
void describe(const WeftCall &call, int32_t code, WeftError *err) {
  if (!err)
    return;
  long long where = call.where, expected = call.expected, got = call.got;
  switch (code) {
  case WEFT_ERR_INTERRUPTED:
    weft_error_set(err, code, "the call was interrupted");
    break;
  case WEFT_ERR_NO_MEMORY:
    weft_error_set(err, code, "no memory for %lld bytes", expected);
    break;
  case WEFT_ERR_SHAPE:
    weft_error_set(err, code, "argument %lld, dimension %lld: expected %lld, got %lld", where >> 8, where & 255,
                   expected, got);
    break;
  case WEFT_ERR_NATIVE:
    weft_error_set(err, code, "native code broke its contract with the runtime (result %lld: expected %lld, got %lld)",
                   where, expected, got);
    break;
  case WEFT_ERR_CHECK:
  case WEFT_ERR_IO:
  case WEFT_ERR_USAGE:
    weft_error_set(err, code, "%s", call.message.c_str());
    break;
  default:
    weft_error_set(err, code, "%s (place %lld): expected %lld, got %lld", weft_status_name(code), where, expected, got);
  }
  err->where = where;
  err->expected = expected;
  err->got = got;
}

int32_t finishFailed(WeftCall *call, int32_t code, WeftError *err) {
  for (int32_t i = 0; i < call->numResults; ++i) {
    weft_buffer_release(call->results[i].buffer);
    call->results[i].buffer = nullptr;
  }
  describe(*call, code, err);
  call->where = call->expected = call->got = 0;
  call->message.clear();
  call->status.store(0, std::memory_order_relaxed);
  return code;
}

void releaseDonated(WeftBuffer **donated, int32_t count) {
  for (int32_t i = 0; donated && i < count; ++i) {
    weft_buffer_release(donated[i]);
    donated[i] = nullptr;
  }
}

int32_t pollSlow(WeftCall *call, int64_t now) {
  if (call->owner != threadToken())
    return 0; // workers only see the flag: the callback belongs to the caller's thread
  int64_t last = call->lastPoll.exchange(now, std::memory_order_relaxed);
  if (last == 0 || !call->poll)
    return 0; // the first poll of a call only starts the clock
  // The callback may call programs on this thread; they must not take our scratch.
  ++tDepth;
  int32_t stop = call->poll(call->pollUser);
  --tDepth;
  return stop ? weft_rt_fail(call, WEFT_ERR_INTERRUPTED, 0, 0, 0) : 0;
}

} // namespace

WeftKept *weft_kept_create(void) { return new (std::nothrow) WeftKept; }

void weft_kept_free(WeftKept *kept) {
  if (kept)
    weft_buffer_release(kept->memory);
  delete kept;
}

WeftCall::~WeftCall() { weft_buffer_release(arena); }

const void *weft::rt::threadToken() { return &tDepth; }
int &weft::rt::threadDepth() { return tDepth; }

char *weft_rt_arena(WeftCall *call, int64_t bytes) {
  if (!call->arena || call->arena->bytes < bytes) {
    // Freed before the new one is had, unless this call already uses it.
    if (call->arenaInUse)
      call->outgrown.push_back(call->arena);
    else
      weft_buffer_drop(call->arena);
    call->arena = weft_buffer_alloc(bytes);
    if (!call->arena) {
      call->arenaInUse = false;
      weft_rt_fail(call, WEFT_ERR_NO_MEMORY, 0, bytes, 0);
      return nullptr;
    }
  }
  call->arenaInUse = true;
  return static_cast<char *>(call->arena->data);
}

void *weft_rt_result(WeftCall *call, int32_t index, int64_t bytes, int32_t rank, const int64_t *shape) {
  if (index < 0 || index >= call->numResults || rank < 0 || rank > WEFT_MAX_RANK) {
    weft_rt_fail(call, WEFT_ERR_NATIVE, index, call->numResults, rank);
    return nullptr;
  }
  WeftResult &result = call->results[index];
  weft_buffer_release(result.buffer); // a second request for the same result
  result.buffer = nullptr;
  WeftBuffer *donated = call->donated ? call->donated[index] : nullptr;
  if (donated && donated->bytes >= bytes) {
    call->donated[index] = nullptr;
    weft_buffer_renew(donated);
    result.buffer = donated;
  } else {
    result.buffer = weft_buffer_alloc(bytes);
  }
  if (!result.buffer) {
    weft_rt_fail(call, WEFT_ERR_NO_MEMORY, index, bytes, 0);
    return nullptr;
  }
  result.rank = rank;
  for (int32_t i = 0; i < rank; ++i)
    result.shape[i] = shape[i];
  return result.buffer->data;
}

char *weft_rt_push(WeftCall *call, int64_t bytes) {
  if (call->depth == call->frames.size())
    call->frames.push_back(nullptr);
  WeftBuffer *&block = call->frames[call->depth++];
  if (!block || block->bytes < bytes) {
    // Half as much again as before, so that slowly growing requests are few allocations.
    int64_t more = block ? std::max(bytes, block->bytes + block->bytes / 2) : bytes;
    weft_buffer_release(block);
    block = weft_buffer_alloc(more);
    if (!block && more > bytes)
      block = weft_buffer_alloc(bytes);
    if (!block) {
      weft_rt_fail(call, WEFT_ERR_NO_MEMORY, 0, bytes, 0);
      return nullptr;
    }
  }
  return static_cast<char *>(block->data);
}

void weft_rt_pop(WeftCall *call) { --call->depth; }

char *weft_rt_kept(WeftCall *call, int64_t bytes, int32_t *isNew) {
  *isNew = 1;
  WeftKept *kept = call->kept;
  int32_t empty = WeftKept::Empty;
  if (kept && kept->state.load(std::memory_order_acquire) == WeftKept::Ready && kept->memory->bytes >= bytes) {
    *isNew = 0;
    return static_cast<char *>(kept->memory->data);
  }
  if (kept && kept->state.compare_exchange_strong(empty, WeftKept::Written, std::memory_order_acquire)) {
    call->writesKept = true; // weft_rt_keep says that it is whole, the end of the call that it never was
    if ((kept->memory = weft_buffer_alloc(bytes)))
      return static_cast<char *>(kept->memory->data);
    weft_rt_fail(call, WEFT_ERR_NO_MEMORY, 0, bytes, 0);
    return nullptr;
  }
  return weft_rt_push(call, bytes); // for this call alone, while another one writes what is kept
}

void weft_rt_keep(WeftCall *call) {
  if (!call->writesKept || call->status.load(std::memory_order_acquire))
    return;
  call->kept->state.store(WeftKept::Ready, std::memory_order_release);
  call->writesKept = false;
}

char *weft_rt_scratch(WeftCall *call, int64_t bytes) {
  int depth = tDepth;
  if (depth >= kMaxDepth) {
    weft_rt_fail(call, WEFT_ERR_NATIVE, -1, kMaxDepth, depth);
    return nullptr;
  }
  WeftBuffer *&block = tState.scratch[depth];
  if (!block || block->bytes < bytes) {
    weft_buffer_drop(block); // a thread's scratch is as large as what asked for most, and no larger
    block = weft_buffer_alloc(bytes);
    if (!block) {
      weft_rt_fail(call, WEFT_ERR_NO_MEMORY, -1, bytes, 0);
      return nullptr;
    }
  }
  return static_cast<char *>(block->data);
}

int32_t weft_rt_poll(WeftCall *call) {
  if (int32_t status = call->status.load(std::memory_order_relaxed))
    return status;
  int64_t now = ticks();
  if (now - call->lastPoll.load(std::memory_order_relaxed) < pollTicks())
    return 0;
  return pollSlow(call, now);
}

int32_t weft_rt_effect(WeftCall *call, const char *text, const WeftArg *values) {
  if (call->effect) {
    ++tDepth; // the host may call programs; they must not take our scratch
    int32_t stop = call->effect(call->effectUser, text, values);
    --tDepth;
    return stop ? weft_rt_fail(call, WEFT_ERR_INTERRUPTED, 0, 0, 0) : 0;
  }
  EffectSite site = EffectSite::parse(text);
  std::string message;
  if (performEffect(site, values, message))
    return 0;
  int32_t code = site.kind == "check" ? WEFT_ERR_CHECK : WEFT_ERR_USAGE;
  if (!call->status.load(std::memory_order_acquire))
    call->message = (site.where.empty() ? "" : site.where + ": ") + message;
  return weft_rt_fail(call, code, 0, 0, 0);
}

int32_t weft_rt_linalg(WeftCall *call, int64_t format, const WeftArg *values) {
  std::string why;
  WeftLinalgFn library = openLinalg(why);
  if (!library) {
    int32_t none = 0; // only the first failure writes
    if (call->status.compare_exchange_strong(none, WEFT_ERR_IO, std::memory_order_acq_rel))
      call->message = "the factorisations cannot be opened: " + why;
    return WEFT_ERR_IO;
  }
  LinalgCall work(format, values);
  struct Closure {
    WeftLinalgFn library;
    const LinalgCall &work;
  } closure{library, work};
  auto body = [](WeftCall *call, void *data, int64_t begin, int64_t end) {
    auto &closure = *static_cast<Closure *>(data);
    if (!closure.work.run(closure.library, begin, end))
      weft_rt_fail(call, WEFT_ERR_NO_MEMORY, 0, 0, 0);
  };
  constexpr int64_t kChunkNs = 20000; // what a thread takes at a time
  int64_t n = work.numMatrices(), ns = work.nanoseconds();
  int64_t cost = int64_t(std::min(double(n) * double(ns), 1e18));
  weft_rt_parallel(call, body, &closure, n, std::max<int64_t>(1, kChunkNs / ns), cost);
  return weft_rt_poll(call);
}

int32_t weft_rt_fail(WeftCall *call, int32_t code, int64_t where, int64_t expected, int64_t got) {
  if (code == 0)
    code = WEFT_ERR_NATIVE;
  int32_t none = 0;
  if (call->status.compare_exchange_strong(none, code, std::memory_order_acq_rel)) {
    call->where = where;
    call->expected = expected;
    call->got = got;
  }
  return code;
}

static int32_t checkSizes(const WeftProgram *program, const WeftArg *args, WeftCall *call) {
  for (const WeftProgram::Size &want : program->sizes)
    if (int64_t size = args[want.argument].shape[want.dimension]; size != want.size)
      return weft_rt_fail(call, WEFT_ERR_SHAPE, want.argument * 256 + want.dimension, want.size, size);
  return 0;
}

WEFT_CALLS_NATIVE_CODE int32_t weft_call(WeftProgram *program, const WeftArg *args, WeftResult *results,
                                         const WeftCallOptions *options, WeftError *err) {
  WeftBuffer **donated = options ? options->donated : nullptr;
  WeftCall *call = takeCall(program);
  if (!call) {
    releaseDonated(donated, program->numResults);
    return weft_error_set(err, WEFT_ERR_NO_MEMORY, "no memory for a call");
  }
  call->results = results;
  for (int32_t i = 0; i < call->numResults; ++i)
    results[i].buffer = nullptr;
  call->donated = donated;
  call->threads = options ? options->threads : 0;
  call->poll = options ? options->poll : nullptr;
  call->pollUser = options ? options->poll_user : nullptr;
  call->effect = options ? options->effect : nullptr;
  call->effectUser = options ? options->effect_user : nullptr;
  call->kept = options ? options->kept : nullptr;
  call->lastPoll.store(0, std::memory_order_relaxed);
  call->owner = threadToken();

  int32_t code = checkSizes(program, args, call);
  if (!code) {
    DefaultFloatMode mode;
    code = program->entry(call, args);
  }

  // What was recorded first counts, also if the entry overlooked it.
  if (int32_t status = call->status.load(std::memory_order_acquire))
    code = status;
  for (int32_t i = 0; code == 0 && i < call->numResults; ++i)
    if (!results[i].buffer)
      code = weft_rt_fail(call, WEFT_ERR_NATIVE, i, 1, 0);
  if (code)
    finishFailed(call, code, err);
  if (donated)
    releaseDonated(donated, call->numResults);
  if (call->usedPool)
    leavePool(call);
  call->arenaInUse = false;
  for (WeftBuffer *arena : call->outgrown)
    weft_buffer_release(arena);
  call->outgrown.clear();
  if (call->writesKept) {
    weft_buffer_release(call->kept->memory);
    call->kept->memory = nullptr;
    call->kept->state.store(WeftKept::Empty, std::memory_order_release);
    call->writesKept = false;
  }
  call->kept = nullptr;
  for (WeftBuffer *frame : call->frames) // to the pool: how much a call needs depends on its data
    weft_buffer_release(frame);
  call->frames.clear();
  call->depth = 0;
  returnCall(program, call);
  return code;
}
