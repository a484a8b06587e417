//===- Topology.h - which cores this process may use ----------------------===//
//
// Decides the default number of threads.
//
//===----------------------------------------------------------------------===//

#ifndef WEFT_LIB_RUNTIME_TOPOLOGY_H
#define WEFT_LIB_RUNTIME_TOPOLOGY_H

#include <string>
#include <vector>

namespace weft::rt {

/// Core numbers that the calling thread's affinity mask allows, ascending.
std::vector<int> allowedCores();

/// CPUs' worth of time that the control groups allow (the least over the group
/// and its parents), or 0 without a limit. `root` stands before /proc and /sys, for tests.
double cgroupQuota(const std::string &root = "");

/// WEFT_NUM_THREADS if it is a positive number, else the smaller of the number
/// of allowed cores and the quota rounded up; at least 1. `threadsVariable` is
/// the variable's value or NULL.
int chooseThreads(const char *threadsVariable, int cores, double quota);

} // namespace weft::rt

#endif // WEFT_LIB_RUNTIME_TOPOLOGY_H
