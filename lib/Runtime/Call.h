//===- Call.h - the state of one call in flight ---------------------------===//
//
// Decides what a WeftCall and a WeftProgram hold. Calls are kept by their
// program for reuse, arena included, so that a call allocates nothing.
//
//===----------------------------------------------------------------------===//

#ifndef WEFT_LIB_RUNTIME_CALL_H
#define WEFT_LIB_RUNTIME_CALL_H

#include "Loader.h"
#include "Sync.h"
#include "weft/Runtime/Runtime.h"

#include <string>

struct WeftKept {
  enum State { Empty, Written, Ready }; ///< Written: by a call in flight
  std::atomic<int32_t> state{Empty};
  WeftBuffer *memory = nullptr;
};

struct WeftCall {
  /// 0, or the code of the first failure: also the stop flag that all threads see.
  std::atomic<int32_t> status{0};
  int32_t threads = 0;              ///< as in the options
  bool usedPool = false;            ///< it keeps the workers awake until it ends
  std::atomic<int64_t> lastPoll{0}; ///< ticks
  const void *owner = nullptr;      ///< threadToken() of the calling thread
  WeftPollCallback poll = nullptr;
  void *pollUser = nullptr;
  WeftEffectCallback effect = nullptr;
  void *effectUser = nullptr;
  WeftResult *results = nullptr;
  WeftBuffer **donated = nullptr;
  int32_t numResults = 0;

  WeftBuffer *arena = nullptr;
  bool arenaInUse = false;
  std::vector<WeftBuffer *> outgrown; ///< arenas that a larger request replaced in this call

  std::vector<WeftBuffer *> frames; ///< of weft_rt_push, by depth; null where none was had yet
  size_t depth = 0;                 ///< how many are pushed

  WeftKept *kept = nullptr; ///< as in the options
  bool writesKept = false;

  // Written by the thread whose failure came first, read after the entry returned.
  int64_t where = 0, expected = 0, got = 0;
  std::string message; ///< of a check

  WeftCall *next = nullptr;
  WeftCall() = default;
  WeftCall(const WeftCall &) = delete;
  ~WeftCall();
};

struct WeftProgram {
  WeftEntry entry = nullptr;
  int32_t numResults = 0;
  /// The sizes of arguments that are numbers, which each call checks; the entry checks the others.
  struct Size {
    int32_t argument, dimension;
    int64_t size;
  };
  std::vector<Size> sizes;
  /// One idle call at hand, more in a list.
  alignas(64) std::atomic<WeftCall *> idle{nullptr};
  weft::rt::SpinLock lock;
  WeftCall *moreIdle = nullptr;

  weft::rt::LoadedCode code;
  std::vector<weft::rt::ValueType> args, results;
  std::string metadata;
};

namespace weft::rt {

/// A different address for each thread.
const void *threadToken();

/// How deep in parallel bodies and poll callbacks this thread is; each depth has
/// its own scratch, and only depth 0 uses the pool.
int &threadDepth();

/// Ends the use of the pool by a call.
void leavePool(WeftCall *call);

/// Threads started so far, besides those of the host; for the facts.
int numWorkers();

} // namespace weft::rt

#endif // WEFT_LIB_RUNTIME_CALL_H
