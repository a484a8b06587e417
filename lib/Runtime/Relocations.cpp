//===- Relocations.cpp - the relocation types of both machines ------------===//
//
// Decides which relocation types are accepted and what each writes. Numbers and
// formulas: the System V ABI's AMD64 supplement, table 4.9, and "ELF for the Arm
// 64-bit Architecture", section 5.7. Code is emitted as PIC in the small model
// with hidden symbols, which yields only these; anything else is refused.
//
//===----------------------------------------------------------------------===//

#include "Loader.h"

#include <cstring>
#include <elf.h>

using namespace weft::rt;

// <elf.h> of older systems lacks the relaxable forms.
#ifndef R_X86_64_GOTPCRELX
#define R_X86_64_GOTPCRELX 41
#endif
#ifndef R_X86_64_REX_GOTPCRELX
#define R_X86_64_REX_GOTPCRELX 42
#endif

namespace {

struct RelocType {
  uint32_t machine, type;
  RelocKind kind;
  int bytes; ///< that it writes
  const char *name;
};

constexpr RelocType kTypes[] = {
    {EM_X86_64, R_X86_64_NONE, RelocKind::none, 0, "R_X86_64_NONE"},
    {EM_X86_64, R_X86_64_64, RelocKind::direct, 8, "R_X86_64_64"},
    {EM_X86_64, R_X86_64_PC32, RelocKind::near, 4, "R_X86_64_PC32"},
    {EM_X86_64, R_X86_64_PLT32, RelocKind::near, 4, "R_X86_64_PLT32"},
    {EM_X86_64, R_X86_64_PC64, RelocKind::near, 8, "R_X86_64_PC64"},
    {EM_X86_64, R_X86_64_GOTPCREL, RelocKind::got, 4, "R_X86_64_GOTPCREL"},
    {EM_X86_64, R_X86_64_GOTPCRELX, RelocKind::got, 4, "R_X86_64_GOTPCRELX"},
    {EM_X86_64, R_X86_64_REX_GOTPCRELX, RelocKind::got, 4, "R_X86_64_REX_GOTPCRELX"},
    {EM_AARCH64, R_AARCH64_NONE, RelocKind::none, 0, "R_AARCH64_NONE"},
    {EM_AARCH64, R_AARCH64_ABS64, RelocKind::direct, 8, "R_AARCH64_ABS64"},
    {EM_AARCH64, R_AARCH64_PREL32, RelocKind::near, 4, "R_AARCH64_PREL32"},
    {EM_AARCH64, R_AARCH64_ADR_PREL_PG_HI21, RelocKind::near, 4, "R_AARCH64_ADR_PREL_PG_HI21"},
    {EM_AARCH64, R_AARCH64_ADD_ABS_LO12_NC, RelocKind::near, 4, "R_AARCH64_ADD_ABS_LO12_NC"},
    {EM_AARCH64, R_AARCH64_LDST8_ABS_LO12_NC, RelocKind::near, 4, "R_AARCH64_LDST8_ABS_LO12_NC"},
    {EM_AARCH64, R_AARCH64_LDST16_ABS_LO12_NC, RelocKind::near, 4, "R_AARCH64_LDST16_ABS_LO12_NC"},
    {EM_AARCH64, R_AARCH64_LDST32_ABS_LO12_NC, RelocKind::near, 4, "R_AARCH64_LDST32_ABS_LO12_NC"},
    {EM_AARCH64, R_AARCH64_LDST64_ABS_LO12_NC, RelocKind::near, 4, "R_AARCH64_LDST64_ABS_LO12_NC"},
    {EM_AARCH64, R_AARCH64_LDST128_ABS_LO12_NC, RelocKind::near, 4, "R_AARCH64_LDST128_ABS_LO12_NC"},
    {EM_AARCH64, R_AARCH64_ADR_GOT_PAGE, RelocKind::got, 4, "R_AARCH64_ADR_GOT_PAGE"},
    {EM_AARCH64, R_AARCH64_LD64_GOT_LO12_NC, RelocKind::got, 4, "R_AARCH64_LD64_GOT_LO12_NC"},
    {EM_AARCH64, R_AARCH64_CALL26, RelocKind::near, 4, "R_AARCH64_CALL26"},
    {EM_AARCH64, R_AARCH64_JUMP26, RelocKind::near, 4, "R_AARCH64_JUMP26"},
};

const RelocType *find(uint32_t machine, uint32_t type) {
  for (const RelocType &t : kTypes)
    if (t.machine == machine && t.type == type)
      return &t;
  return nullptr;
}

bool fits(int64_t value, int bits) {
  return value >= -(int64_t(1) << (bits - 1)) && value < (int64_t(1) << (bits - 1));
}

void put32(unsigned char *place, uint32_t value) { memcpy(place, &value, 4); }
void put64(unsigned char *place, uint64_t value) { memcpy(place, &value, 8); }

bool applyX86(uint32_t type, unsigned char *place, uint64_t target) {
  int64_t delta = int64_t(target - uint64_t(uintptr_t(place)));
  switch (type) {
  case R_X86_64_64:
    put64(place, target);
    return true;
  case R_X86_64_PC64:
    put64(place, uint64_t(delta));
    return true;
  default: // the others are 32-bit distances
    put32(place, uint32_t(delta));
    return fits(delta, 32);
  }
}

bool applyAArch64(uint32_t type, unsigned char *place, uint64_t target) {
  int64_t delta = int64_t(target - uint64_t(uintptr_t(place)));
  uint32_t insn;
  memcpy(&insn, place, 4);
  // Loads and stores scale their 12-bit offset by the access size.
  auto lo12 = [&](int scale) {
    uint32_t low = target & 0xfff;
    put32(place, (insn & ~(0xfffu << 10)) | ((low >> scale) << 10));
    return (low & ((1u << scale) - 1)) == 0;
  };
  switch (type) {
  case R_AARCH64_ABS64:
    put64(place, target);
    return true;
  case R_AARCH64_PREL32:
    put32(place, uint32_t(delta));
    return fits(delta, 32);
  case R_AARCH64_ADR_PREL_PG_HI21:
  case R_AARCH64_ADR_GOT_PAGE: {
    int64_t pages = int64_t((target & ~uint64_t(0xfff)) - (uint64_t(uintptr_t(place)) & ~uint64_t(0xfff))) >> 12;
    uint32_t imm = uint32_t(pages);
    put32(place, (insn & ~(0x3u << 29 | 0x7ffffu << 5)) | (imm & 3) << 29 | ((imm >> 2) & 0x7ffff) << 5);
    return fits(pages, 21);
  }
  case R_AARCH64_CALL26:
  case R_AARCH64_JUMP26:
    put32(place, (insn & 0xfc000000u) | (uint32_t(delta >> 2) & 0x03ffffffu));
    return (delta & 3) == 0 && fits(delta, 28);
  case R_AARCH64_LDST16_ABS_LO12_NC:
    return lo12(1);
  case R_AARCH64_LDST32_ABS_LO12_NC:
    return lo12(2);
  case R_AARCH64_LDST64_ABS_LO12_NC:
  case R_AARCH64_LD64_GOT_LO12_NC:
    return lo12(3);
  case R_AARCH64_LDST128_ABS_LO12_NC:
    return lo12(4);
  default: // ADD_ABS_LO12_NC, LDST8_ABS_LO12_NC
    return lo12(0);
  }
}

} // namespace

RelocKind weft::rt::relocKind(uint32_t machine, uint32_t type) {
  const RelocType *t = find(machine, type);
  return t ? t->kind : RelocKind::unknown;
}

const char *weft::rt::relocName(uint32_t machine, uint32_t type) {
  const RelocType *t = find(machine, type);
  return t ? t->name : nullptr;
}

bool weft::rt::applyReloc(uint32_t machine, uint32_t type, const Patch &patch) {
  const RelocType *t = find(machine, type);
  if (!t || patch.room < uint64_t(t->bytes))
    return false;
  return machine == EM_X86_64 ? applyX86(type, patch.place, patch.target)
                              : applyAArch64(type, patch.place, patch.target);
}

void weft::rt::writeStub(uint32_t machine, unsigned char *place, uint64_t target) {
  if (machine == EM_X86_64) {
    const unsigned char jump[8] = {0xff, 0x25, 2, 0, 0, 0, 0xcc, 0xcc}; // jmp *[rip + 2]; int3; int3
    memcpy(place, jump, 8);
  } else {
    put32(place, 0x58000050);     // ldr x16, #8
    put32(place + 4, 0xd61f0200); // br x16
  }
  put64(place + 8, target);
}
