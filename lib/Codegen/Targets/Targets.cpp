// Decides the facts of each target.
#include "weft/Codegen/Target.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/TargetParser/Host.h"
#include <algorithm>
#include <unistd.h>

using llvm::StringRef;

namespace weft {

static Target x86(bool avx512, bool avx2) {
  Target t;
  t.triple = "x86_64-unknown-linux-gnu";
  t.vectorBytes = avx512 ? 64 : avx2 ? 32 : 16;
  t.vectorRegisters = avx512 ? 32 : 16;
  t.cheapMaskedStore = avx512;
  t.scales = avx512;
  t.hasMaximum = false;
  t.lookup = avx512 ? Target::Lookup::sixteen : avx2 ? Target::Lookup::eight : Target::Lookup::none;
  t.streams = true;
  t.flopsPerNs = avx512 ? 60 : avx2 ? 40 : 10;
  t.dotWords = avx2;
  return t;
}

static bool has(const Target &t, StringRef feature) { return llvm::is_contained(t.features, ("+" + feature).str()); }

static void addDots(Target &t) {
  t.dotBytes = has(t, t.vectorBytes == 64 ? "avx512vnni" : "avxvnni");
  t.dotHalves = t.vectorBytes == 64 && has(t, "avx512bf16");
}

static void addFeatures(Target &t, std::initializer_list<const char *> names) {
  for (const char *name : names)
    t.features.push_back(std::string("+") + name);
}

/// What Intel's servers are told by, measured on one (Xeon, family 6, model 207).
static void tuneForMesh(Target &t) {
  t.farLastCache = true;
  t.soonSteps = 8;
  t.widensPanels = true;
}

/// The caches of this machine's cores. A virtual machine may show the last one of the whole socket: cut.
static void measureCaches(Target &t) {
  auto known = [](int name, int64_t usual, int64_t least, int64_t most) {
    int64_t bytes = sysconf(name);
    return bytes <= 0 ? usual : std::clamp(bytes, least, most);
  };
  t.l1Bytes = known(_SC_LEVEL1_DCACHE_SIZE, t.l1Bytes, 16 << 10, 128 << 10);
  t.l2Bytes = known(_SC_LEVEL2_CACHE_SIZE, t.l2Bytes, 256 << 10, 4 << 20);
  t.l3Bytes = known(_SC_LEVEL3_CACHE_SIZE, t.l3Bytes, 4 << 20, 32 << 20);
}

static Target measureHost() {
  auto host = llvm::sys::getHostCPUFeatures();
  auto known = [&](StringRef name) { return host.lookup(name); };
  bool avx2 = known("avx2") && known("fma") && known("f16c");
  bool avx512 = avx2 && known("avx512f") && known("avx512bw") && known("avx512vl") && known("avx512dq");
  Target t = x86(avx512, avx2);
  t.triple = llvm::sys::getProcessTriple();
  measureCaches(t);
  namespace vendor = llvm::sys::detail::x86;
  if (vendor::getVendorSignature() == vendor::VendorSignatures::GENUINE_INTEL)
    tuneForMesh(t);
  t.cpu = llvm::sys::getHostCPUName().str();
  for (auto &feature : host)
    t.features.push_back((feature.second ? "+" : "-") + feature.first().str());
  addDots(t);
  return t;
}

Target hostTarget() {
  static const Target host = measureHost(); // every pass of every kernel asks
  return host;
}

static Target level(StringRef name) {
  if (name == "x86-64-v3" || name == "x86-64-v4") {
    Target t = x86(name == "x86-64-v4", true);
    t.cpu = name.str();
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
    t.repeatRegisters = 6;
    t.lookup = Target::Lookup::bytes;
    return t;
  }
  return Target();
}

Target targetByName(const std::string &name) {
  if (name.empty() || name == "host")
    return hostTarget();
  auto [first, features] = StringRef(name).split('+');
  Target t = level(first);
  llvm::SmallVector<StringRef> more;
  features.split(more, '+', -1, /*KeepEmpty=*/false);
  for (StringRef feature : more)
    if (feature == "mesh")
      tuneForMesh(t);
    else
      t.features.push_back(("+" + feature).str());
  addDots(t);
  return t;
}

std::vector<std::string> Target::requiredFeatures() const {
  // Only what code generation leans on; tuning features are not requirements.
  std::vector<std::string> needed;
  for (const char *name :
       {"avx2", "fma", "f16c", "avx512f", "avx512bw", "avx512vl", "avx512dq", "avx512vnni", "avx512bf16"})
    if (has(*this, name))
      needed.push_back(name);
  if (dotBytes && vectorBytes == 32)
    needed.push_back("avxvnni");
  return needed;
}

} // namespace weft
