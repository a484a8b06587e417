//===- Topology.cpp - affinity and control-group quota --------------------===//
//
// Decides where the limits are read: the affinity mask from the kernel, the
// quota from cgroup v2 (cpu.max) or v1 (cpu.cfs_quota_us). In a container the
// path in /proc/self/cgroup may be the host's and not exist here, so each
// parent up to the mount point is tried; the least limit counts.
//
//===----------------------------------------------------------------------===//

#include "Topology.h"
#include "weft/Runtime/Runtime.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <sched.h>

using namespace weft::rt;

namespace {

constexpr int kMaxThreads = 256;

/// The contents of a small file, empty if it cannot be read.
std::string readFile(const std::string &path) {
  std::string text;
  if (FILE *file = fopen(path.c_str(), "re")) {
    char chunk[4096];
    for (size_t n; (n = fread(chunk, 1, sizeof chunk, file)) > 0 && text.size() < (1 << 20);)
      text.append(chunk, n);
    fclose(file);
  }
  return text;
}

double quotaV2(const std::string &folder) {
  long long quota, period; // "max 100000" without a limit
  if (sscanf(readFile(folder + "/cpu.max").c_str(), "%lld %lld", &quota, &period) == 2 && quota > 0 && period > 0)
    return double(quota) / double(period);
  return 0;
}

double quotaV1(const std::string &folder) {
  long long quota = atoll(readFile(folder + "/cpu.cfs_quota_us").c_str()); // -1 without a limit
  long long period = atoll(readFile(folder + "/cpu.cfs_period_us").c_str());
  return quota > 0 && period > 0 ? double(quota) / double(period) : 0;
}

double least(double a, double b) { return a == 0 ? b : b == 0 ? a : std::min(a, b); }

/// The least limit of `path` and its parents below the mount point `mount`.
double quotaOf(const std::string &mount, std::string path, double (*read)(const std::string &)) {
  double quota = 0;
  for (;;) {
    while (!path.empty() && path.back() == '/')
      path.pop_back();
    quota = least(quota, read(mount + path));
    if (path.empty())
      return quota;
    path.resize(path.find_last_of('/') == std::string::npos ? 0 : path.find_last_of('/'));
  }
}

} // namespace

std::vector<int> weft::rt::allowedCores() {
  std::vector<int> cores;
  for (int count = 1024; count <= 1 << 18; count *= 4) { // the kernel's mask may be larger than cpu_set_t
    cpu_set_t *set = CPU_ALLOC(count);
    if (!set)
      break;
    size_t size = CPU_ALLOC_SIZE(count);
    bool ok = sched_getaffinity(0, size, set) == 0;
    for (int i = 0; ok && i < count; ++i)
      if (CPU_ISSET_S(i, size, set))
        cores.push_back(i);
    CPU_FREE(set);
    if (ok)
      break;
  }
  return cores;
}

double weft::rt::cgroupQuota(const std::string &root) {
  double quota = 0;
  std::string text = readFile(root + "/proc/self/cgroup");
  for (size_t at = 0; at < text.size();) {
    size_t end = std::min(text.find('\n', at), text.size());
    std::string line = text.substr(at, end - at); // "4:cpu,cpuacct:/path", or "0::/path" for v2
    at = end + 1;
    size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos)
      continue;
    std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",", path = line.substr(second + 1);
    if (controllers == ",,") {
      quota = least(quota, quotaOf(root + "/sys/fs/cgroup", path, quotaV2));
      quota = least(quota, quotaOf(root + "/sys/fs/cgroup/unified", path, quotaV2));
    } else if (controllers.find(",cpu,") != std::string::npos) {
      quota = least(quota, quotaOf(root + "/sys/fs/cgroup/cpu", path, quotaV1));
      quota = least(quota, quotaOf(root + "/sys/fs/cgroup/cpu,cpuacct", path, quotaV1));
    }
  }
  return quota;
}

int weft::rt::chooseThreads(const char *threadsVariable, int cores, double quota) {
  if (threadsVariable) {
    char *end;
    long value = strtol(threadsVariable, &end, 10);
    if (end != threadsVariable && *end == 0 && value > 0)
      return int(std::min<long>(value, kMaxThreads));
  }
  int threads = std::max(cores, 1);
  if (quota > 0)
    threads = std::min(threads, std::max(1, int(std::ceil(std::min(quota, 1e6)))));
  return std::min(threads, kMaxThreads);
}

int32_t weft_num_threads(void) {
  static std::atomic<int> cached{0};
  int threads = cached.load(std::memory_order_relaxed);
  if (threads == 0) {
    threads = chooseThreads(getenv("WEFT_NUM_THREADS"), int(allowedCores().size()), cgroupQuota());
    cached.store(threads, std::memory_order_relaxed);
  }
  return threads;
}
