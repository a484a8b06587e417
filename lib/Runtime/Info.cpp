//===- Info.cpp - facts about the runtime, for `doctor` -------------------===//
//
// Decides which facts are told, as one JSON object.
//
//===----------------------------------------------------------------------===//

#include "Call.h"
#include "CpuFeatures.h"
#include "Topology.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

using namespace weft::rt;

size_t weft_runtime_info(char *text, size_t size) {
  std::string json;
  auto list = [&](const auto &items, auto &&print) {
    json += '[';
    for (size_t i = 0; i < items.size(); ++i) {
      json += i ? ", " : "";
      print(items[i]);
    }
    json += ']';
  };
#if defined(__x86_64__)
  json += "{\"machine\": \"x86-64\"";
#else
  json += "{\"machine\": \"aarch64\"";
#endif
  json += ", \"cpu_features\": ";
  list(cpuFeatures(), [&](const char *name) { json += '"' + std::string(name) + '"'; });
  json += ", \"threads\": " + std::to_string(weft_num_threads());
  // Whether WEFT_NUM_THREADS decides is told by comparing with the next two.
  json += ", \"allowed_cores\": ";
  list(allowedCores(), [&](int core) { json += std::to_string(core); });
  double quota = cgroupQuota();
  char number[32];
  snprintf(number, sizeof number, "%.3f", quota);
  json += ", \"cpu_quota\": " + (quota > 0 ? std::string(number) : std::string("null"));
  json += ", \"workers_started\": " + std::to_string(numWorkers());
  WeftPoolStats stats;
  weft_pool_stats(&stats);
  json += ", \"pool\": {\"live_bytes\": " + std::to_string(stats.live_bytes);
  json += ", \"live_buffers\": " + std::to_string(stats.live_buffers);
  json += ", \"pooled_bytes\": " + std::to_string(stats.pooled_bytes);
  json += ", \"pool_limit\": " + std::to_string(stats.pool_limit);
  json += ", \"hits\": " + std::to_string(stats.hits) + ", \"misses\": " + std::to_string(stats.misses) + "}}";
  if (size) {
    size_t n = std::min(size - 1, json.size());
    memcpy(text, json.data(), n);
    text[n] = 0;
  }
  return json.size();
}
