// Decides the facts of each target.
#include "weft/Codegen/Target.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/TargetParser/Host.h"

namespace weft {

static Target x86(bool avx512, bool avx2) {
  Target t;
  t.triple = "x86_64-unknown-linux-gnu";
  t.vectorBytes = avx512 ? 64 : avx2 ? 32 : 16;
  t.vectorRegisters = avx512 ? 32 : 16;
  t.cheapMaskedStore = avx512;
  t.flopsPerNs = avx512 ? 60 : avx2 ? 40 : 10;
  return t;
}

static void addFeatures(Target &t, std::initializer_list<const char *> names) {
  for (const char *name : names)
    t.features.push_back(std::string("+") + name);
}

Target hostTarget() {
  auto host = llvm::sys::getHostCPUFeatures();
  auto has = [&](llvm::StringRef name) { return host.lookup(name); };
  bool avx2 = has("avx2") && has("fma") && has("f16c");
  bool avx512 = avx2 && has("avx512f") && has("avx512bw") && has("avx512vl") && has("avx512dq");
  Target t = x86(avx512, avx2);
  t.triple = llvm::sys::getProcessTriple();
  t.cpu = llvm::sys::getHostCPUName().str();
  for (auto &feature : host)
    t.features.push_back((feature.second ? "+" : "-") + feature.first().str());
  return t;
}

Target targetByName(const std::string &name) {
  if (name.empty() || name == "host")
    return hostTarget();
  if (name == "x86-64-v3" || name == "x86-64-v4") {
    Target t = x86(name == "x86-64-v4", true);
    t.cpu = name;
    addFeatures(t, {"avx2", "fma", "f16c", "bmi", "bmi2"});
    if (name == "x86-64-v4")
      addFeatures(t, {"avx512f", "avx512bw", "avx512vl", "avx512dq", "avx512cd"});
    return t;
  }
  if (name == "aarch64") {
    Target t;
    t.triple = "aarch64-unknown-linux-gnu";
    t.cpu = "generic";
    t.features = {"+neon"};
    t.vectorRegisters = 32;
    return t;
  }
  return Target();
}

std::vector<std::string> Target::requiredFeatures() const {
  // Only what code generation leans on; tuning features are not requirements.
  std::vector<std::string> needed;
  for (const char *name : {"avx2", "fma", "f16c", "avx512f", "avx512bw", "avx512vl", "avx512dq"})
    for (const std::string &feature : features)
      if (feature == std::string("+") + name)
        needed.push_back(name);
  return needed;
}

} // namespace weft
