//===- Loader.cpp - lays out, relocates and protects ELF objects ----------===//
//
// Decides how relocatable objects become code in memory: sections that the
// program needs are copied into one mapping, calls between objects are resolved
// by name, outside symbols come from the fixed table only. The bytes are
// untrusted: every offset, size and index is checked before use, and whatever
// is not understood is an error that names it.
//
//===----------------------------------------------------------------------===//

#include "Loader.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <elf.h>
#include <sys/mman.h>
#include <unistd.h>
#include <unordered_map>

using namespace weft::rt;

namespace {

// PC-relative code reaches 2 GiB (x86) and its calls 128 MiB (AArch64); a
// program near either is a mistake.
constexpr uint64_t kMaxBytes = uint64_t(1) << 30;
constexpr uint64_t kMaxAlign = 4096;
constexpr uint64_t kMaxName = 4096;       // of a symbol, so that hostile tables cost no time
constexpr uint32_t kShtCrel = 0x40000014; // compact relocations, newer than <elf.h>
constexpr uint64_t kNotLoaded = ~uint64_t(0);

/// An ELF section and, if loaded, its offset in the mapping.
struct Section {
  Elf64_Shdr header;
  uint64_t place = kNotLoaded;
  bool loaded() const { return place != kNotLoaded; }
};

class Object {
public:
  Object(const ObjectView &view, size_t index) : view(view), index(index) {}

  int32_t parse(uint32_t machine, WeftError *err);
  int32_t fail(WeftError *err, const char *what) const {
    return weft_error_set(err, WEFT_ERR_OBJECT, "object %zu (%.*s): %s", index,
                          int(std::min<size_t>(name().size(), 200)), name().data(), what);
  }
  std::string_view name() const { return view.symbol; }

  /// Record `i` of the table at `offset`, which was checked to lie within the object.
  template <typename T> void read(uint64_t offset, uint64_t i, T &out) const {
    memcpy(&out, view.data + offset + i * sizeof(T), sizeof(T));
  }
  bool within(uint64_t offset, uint64_t size) const { return offset <= view.size && size <= view.size - offset; }
  bool string(const Section &table, uint32_t at, std::string_view &out) const;

  const ObjectView &view;
  size_t index;
  std::vector<Section> sections;
  std::vector<Elf64_Sym> symbols;
  uint32_t symbolNames = 0; // index of the string table

private:
  int32_t parseSymbols(const Section &table, WeftError *err);
};

bool Object::string(const Section &table, uint32_t at, std::string_view &out) const {
  if (at >= table.header.sh_size)
    return false;
  auto *start = reinterpret_cast<const char *>(view.data + table.header.sh_offset + at);
  auto *end = static_cast<const char *>(memchr(start, 0, std::min(table.header.sh_size - at, kMaxName)));
  if (!end)
    return false;
  out = {start, size_t(end - start)};
  return true;
}

int32_t Object::parse(uint32_t machine, WeftError *err) {
  Elf64_Ehdr header;
  if (view.size < sizeof header)
    return fail(err, "too short for an ELF header");
  memcpy(&header, view.data, sizeof header);
  if (memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64 ||
      header.e_ident[EI_DATA] != ELFDATA2LSB || header.e_type != ET_REL)
    return fail(err, "not a little-endian ELF64 relocatable object");
  if (header.e_machine != machine)
    return weft_error_set(err, WEFT_ERR_MACHINE, "object %zu is for ELF machine %u, its image for %u", index,
                          header.e_machine, machine);
  if (header.e_shentsize != sizeof(Elf64_Shdr) || header.e_shnum == 0 ||
      !within(header.e_shoff, uint64_t(header.e_shnum) * sizeof(Elf64_Shdr)) || header.e_shstrndx >= header.e_shnum)
    return fail(err, "its section table does not fit");

  // Honest sections do not overlap; checking their sum bounds all later work by the size of the object.
  uint64_t sum = 0;
  sections.resize(header.e_shnum);
  for (size_t i = 0; i < sections.size(); ++i) {
    Elf64_Shdr &s = sections[i].header;
    read(header.e_shoff, i, s);
    if (s.sh_type != SHT_NOBITS && s.sh_type != SHT_NULL && !within(s.sh_offset, s.sh_size))
      return fail(err, "a section lies outside the object");
    if (s.sh_type != SHT_NOBITS && s.sh_type != SHT_NULL && (sum += s.sh_size) > view.size)
      return fail(err, "its sections overlap");
  }
  for (const Section &s : sections)
    if (s.header.sh_type == SHT_SYMTAB) {
      if (symbolNames)
        return fail(err, "two symbol tables");
      if (int32_t rc = parseSymbols(s, err))
        return rc;
    }
  return WEFT_OK;
}

int32_t Object::parseSymbols(const Section &table, WeftError *err) {
  if (table.header.sh_entsize != sizeof(Elf64_Sym) || table.header.sh_size % sizeof(Elf64_Sym) ||
      table.header.sh_link >= sections.size() || sections[table.header.sh_link].header.sh_type != SHT_STRTAB)
    return fail(err, "a malformed symbol table");
  symbolNames = table.header.sh_link;
  symbols.resize(table.header.sh_size / sizeof(Elf64_Sym));
  for (size_t i = 0; i < symbols.size(); ++i)
    read(table.header.sh_offset, i, symbols[i]);
  return WEFT_OK;
}

/// Which part of the mapping a section goes to.
enum class Part { none, code, constants, data };

class Loader {
public:
  Loader(uint32_t machine, LoadedCode &code, WeftError *err) : machine(machine), code(code), err(err) {}

  int32_t load(const std::vector<ObjectView> &views, bool wantFunctions);

private:
  int32_t classify(Object &object, Section &section, Part &part);
  int32_t layOut();
  int32_t place(Object &object, Section &section, uint64_t &end);
  int32_t defineSymbols();
  int32_t relocate(Object &object, const Section &table);
  int32_t resolve(Object &object, uint32_t index, RelocKind kind, uint64_t &value);
  int32_t findEntry();
  int32_t protect();
  void listFunctions();
  bool isCode(const Object &object, const Elf64_Sym &symbol) const;
  uint64_t addressOf(const Object &object, const Elf64_Sym &symbol) const {
    return uint64_t(uintptr_t(code.base)) + object.sections[symbol.st_shndx].place + symbol.st_value;
  }

  uint32_t machine;
  LoadedCode &code;
  WeftError *err;
  std::vector<Object> objects;
  struct Definition {
    uint64_t address;
    size_t object;
    bool weak, isCode;
  };
  std::unordered_map<std::string_view, Definition> definitions;
  uint64_t stubs = 0, got = 0;                  ///< offsets in the mapping
  uint64_t gotSlots = 0;                        ///< room in the GOT
  std::unordered_map<uint64_t, uint64_t> gotOf; ///< offset of the slot that holds an address
};

int32_t Loader::classify(Object &object, Section &section, Part &part) {
  const Elf64_Shdr &s = section.header;
  part = Part::none;
  if (!(s.sh_flags & SHF_ALLOC))
    return WEFT_OK;
  std::string_view name;
  Elf64_Ehdr header;
  object.read(0, 0, header);
  const Section &names = object.sections[header.e_shstrndx];
  if (names.header.sh_type != SHT_STRTAB || !object.string(names, s.sh_name, name))
    return object.fail(err, "a section has no name");
  // Nothing unwinds through native code, and notes are for linkers.
  if (name == ".eh_frame" || s.sh_type == SHT_NOTE)
    return WEFT_OK;
  if (s.sh_type != SHT_PROGBITS && s.sh_type != SHT_NOBITS) {
    char what[128];
    snprintf(what, sizeof what, "section %.*s of unsupported type %u", int(std::min<size_t>(name.size(), 64)),
             name.data(), s.sh_type);
    return object.fail(err, what);
  }
  if (s.sh_flags & (SHF_TLS | SHF_COMPRESSED))
    return object.fail(err, "thread-local or compressed sections are not supported");
  if ((s.sh_flags & SHF_WRITE) && (s.sh_flags & SHF_EXECINSTR))
    return object.fail(err, "a section is both writable and executable");
  part = s.sh_flags & SHF_WRITE ? Part::data : s.sh_flags & SHF_EXECINSTR ? Part::code : Part::constants;
  return WEFT_OK;
}

int32_t Loader::place(Object &object, Section &section, uint64_t &end) {
  uint64_t align = std::max<uint64_t>(section.header.sh_addralign, 1);
  if (align & (align - 1) || align > kMaxAlign)
    return object.fail(err, "a section's alignment is not a power of two up to 4096");
  end = (end + align - 1) / align * align;
  section.place = end;
  if (section.header.sh_size > kMaxBytes || (end += section.header.sh_size) > kMaxBytes)
    return object.fail(err, "the program is larger than 1 GiB");
  return WEFT_OK;
}

/// Places all sections: code, constants, stubs, GOT, then (on its own pages)
/// data; maps them and copies the bytes.
int32_t Loader::layOut() {
  uint64_t end = 0;
  uint64_t page = uint64_t(sysconf(_SC_PAGESIZE));
  for (Part wanted : {Part::code, Part::constants, Part::data}) {
    if (wanted == Part::data) {
      stubs = (end + 15) / 16 * 16;
      got = stubs + uint64_t(numRuntimeSymbols()) * kStubBytes;
      end = got + gotSlots * 8;
      end = (end + page - 1) / page * page;
      code.codeBytes = end;
    }
    for (Object &object : objects)
      for (Section &section : object.sections) {
        Part part;
        if (int32_t rc = classify(object, section, part))
          return rc;
        if (part == wanted)
          if (int32_t rc = place(object, section, end))
            return rc;
      }
  }
  if (end > kMaxBytes)
    return weft_error_set(err, WEFT_ERR_OBJECT, "the program is larger than 1 GiB");
  uint64_t total = (end + page - 1) / page * page;
  void *base = mmap(nullptr, total, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (base == MAP_FAILED)
    return weft_error_set(err, WEFT_ERR_NO_MEMORY, "no memory for %llu bytes of code", (unsigned long long)total);
  code.base = static_cast<unsigned char *>(base);
  code.totalBytes = total;
  for (Object &object : objects)
    for (Section &section : object.sections)
      if (section.loaded() && section.header.sh_type != SHT_NOBITS && section.header.sh_size)
        memcpy(code.base + section.place, object.view.data + section.header.sh_offset, section.header.sh_size);
  for (int i = 0; i < numRuntimeSymbols(); ++i)
    writeStub(machine, code.base + stubs + i * kStubBytes, uint64_t(uintptr_t(runtimeSymbolAddress(i))));
  return WEFT_OK;
}

bool Loader::isCode(const Object &object, const Elf64_Sym &symbol) const {
  const Section &section = object.sections[symbol.st_shndx];
  return (section.header.sh_flags & SHF_EXECINSTR) && symbol.st_value < section.header.sh_size;
}

/// Checks each symbol's section and enters the global ones into `definitions`.
int32_t Loader::defineSymbols() {
  for (Object &object : objects) {
    for (const Elf64_Sym &symbol : object.symbols) {
      int binding = ELF64_ST_BIND(symbol.st_info);
      if (binding == STB_LOCAL || symbol.st_shndx == SHN_UNDEF)
        continue;
      if (symbol.st_shndx >= object.sections.size())
        return object.fail(err, "a symbol is common, absolute or in no section");
      if (binding != STB_GLOBAL && binding != STB_WEAK)
        return object.fail(err, "a symbol has an unsupported binding");
      if (!object.sections[symbol.st_shndx].loaded())
        continue;
      std::string_view name;
      if (!object.string(object.sections[object.symbolNames], symbol.st_name, name))
        return object.fail(err, "a symbol has no name");
      Definition definition{addressOf(object, symbol), object.index, binding == STB_WEAK, isCode(object, symbol)};
      auto [it, isNew] = definitions.try_emplace(name, definition);
      if (isNew)
        continue;
      if (!definition.weak && !it->second.weak)
        return weft_error_set(err, WEFT_ERR_SYMBOL, "symbol '%.*s' is defined by objects %zu and %zu",
                              int(std::min<size_t>(name.size(), 200)), name.data(), it->second.object, object.index);
      if (it->second.weak && !definition.weak)
        it->second = definition;
    }
  }
  return WEFT_OK;
}

/// The address S of symbol `index` for a relocation of kind `kind`.
int32_t Loader::resolve(Object &object, uint32_t index, RelocKind kind, uint64_t &value) {
  if (index >= object.symbols.size())
    return object.fail(err, "a relocation names a symbol that is not there");
  const Elf64_Sym &symbol = object.symbols[index];
  if (ELF64_ST_TYPE(symbol.st_info) == STT_TLS || ELF64_ST_TYPE(symbol.st_info) == STT_GNU_IFUNC)
    return object.fail(err, "thread-local and indirect symbols are not supported");
  if (ELF64_ST_BIND(symbol.st_info) == STB_LOCAL && symbol.st_shndx != SHN_UNDEF) {
    if (symbol.st_shndx >= object.sections.size() || !object.sections[symbol.st_shndx].loaded())
      return object.fail(err, "a relocation refers to a section that is not loaded");
    value = addressOf(object, symbol);
    return WEFT_OK;
  }
  std::string_view name;
  if (!object.symbolNames || !object.string(object.sections[object.symbolNames], symbol.st_name, name))
    return object.fail(err, "a symbol has no name");
  auto found = definitions.find(name);
  if (found != definitions.end()) {
    value = found->second.address;
    return WEFT_OK;
  }
  int outside = findRuntimeSymbol(name);
  if (outside == kNoSymbol || symbol.st_shndx != SHN_UNDEF)
    return weft_error_set(err, WEFT_ERR_SYMBOL,
                          "object %zu (%.*s) needs symbol '%.*s', which the runtime does not have", object.index,
                          int(std::min<size_t>(object.name().size(), 120)), object.name().data(),
                          int(std::min<size_t>(name.size(), 200)), name.data());
  value = kind == RelocKind::near ? uint64_t(uintptr_t(code.base)) + stubs + outside * kStubBytes
                                  : uint64_t(uintptr_t(runtimeSymbolAddress(outside)));
  return WEFT_OK;
}

int32_t Loader::relocate(Object &object, const Section &table) {
  const Section &section = object.sections[table.header.sh_info];
  uint64_t count = table.header.sh_size / sizeof(Elf64_Rela);
  for (uint64_t i = 0; i < count; ++i) {
    Elf64_Rela rela;
    object.read(table.header.sh_offset, i, rela);
    uint32_t type = uint32_t(ELF64_R_TYPE(rela.r_info));
    RelocKind kind = relocKind(machine, type);
    if (kind == RelocKind::unknown)
      return weft_error_set(err, WEFT_ERR_RELOCATION,
                            "object %zu (%.*s): relocation type %u of ELF machine %u is unknown", object.index,
                            int(std::min<size_t>(object.name().size(), 200)), object.name().data(), type, machine);
    if (kind == RelocKind::none)
      continue;
    if (section.header.sh_type == SHT_NOBITS || rela.r_offset >= section.header.sh_size)
      return object.fail(err, "a relocation lies outside its section");
    uint64_t symbol;
    if (int32_t rc = resolve(object, uint32_t(ELF64_R_SYM(rela.r_info)), kind, symbol))
      return rc;
    if (kind == RelocKind::got) { // one slot for each symbol: AArch64 forms its address in two halves
      uint64_t slot = gotOf.try_emplace(symbol, got + 8 * gotOf.size()).first->second;
      memcpy(code.base + slot, &symbol, 8);
      symbol = uint64_t(uintptr_t(code.base)) + slot;
    }
    Patch patch{code.base + section.place + rela.r_offset, section.header.sh_size - rela.r_offset,
                symbol + uint64_t(rela.r_addend)};
    if (!applyReloc(machine, type, patch))
      return weft_error_set(err, WEFT_ERR_RELOCATION,
                            "object %zu (%.*s): %s at offset %llu is out of reach or misaligned", object.index,
                            int(std::min<size_t>(object.name().size(), 200)), object.name().data(),
                            relocName(machine, type), (unsigned long long)rela.r_offset);
  }
  return WEFT_OK;
}

/// Each object must define the function that the image says; the first is the entry.
int32_t Loader::findEntry() {
  for (const Object &object : objects) {
    auto found = definitions.find(object.name());
    if (found == definitions.end() || found->second.object != object.index || !found->second.isCode)
      return object.fail(err, "it does not define the function of that name");
    if (object.index == 0)
      code.entry = reinterpret_cast<void *>(uintptr_t(found->second.address));
  }
  return WEFT_OK;
}

int32_t Loader::protect() {
  if (mprotect(code.base, code.codeBytes, PROT_READ | PROT_EXEC) != 0)
    return weft_error_set(err, WEFT_ERR_NO_MEMORY, "the system does not let code be made executable (mprotect)");
  __builtin___clear_cache(reinterpret_cast<char *>(code.base), reinterpret_cast<char *>(code.base + code.codeBytes));
  return WEFT_OK;
}

void Loader::listFunctions() {
  for (const Object &object : objects)
    for (const Elf64_Sym &symbol : object.symbols) {
      std::string_view name;
      if (ELF64_ST_TYPE(symbol.st_info) != STT_FUNC || symbol.st_shndx == SHN_UNDEF ||
          symbol.st_shndx >= object.sections.size() || !object.sections[symbol.st_shndx].loaded() ||
          !isCode(object, symbol) || !object.string(object.sections[object.symbolNames], symbol.st_name, name))
        continue;
      uint64_t room = object.sections[symbol.st_shndx].header.sh_size - symbol.st_value;
      code.functions.push_back({name, reinterpret_cast<void *>(uintptr_t(addressOf(object, symbol))),
                                size_t(std::min<uint64_t>(symbol.st_size, room))});
    }
}

int32_t Loader::load(const std::vector<ObjectView> &views, bool wantFunctions) {
  objects.reserve(views.size());
  for (const ObjectView &view : views) {
    objects.emplace_back(view, objects.size());
    if (int32_t rc = objects.back().parse(machine, err))
      return rc;
  }
  // Slots of the GOT are counted before the layout, and the tables' shape is checked.
  for (Object &object : objects)
    for (const Section &table : object.sections) {
      uint32_t type = table.header.sh_type;
      if (type != SHT_RELA && type != SHT_REL && type != kShtCrel)
        continue;
      if (table.header.sh_info >= object.sections.size())
        return object.fail(err, "relocations of a section that is not there");
      if (type != SHT_RELA)
        continue;
      if (table.header.sh_entsize != sizeof(Elf64_Rela) || table.header.sh_size % sizeof(Elf64_Rela))
        return object.fail(err, "a malformed relocation table");
      for (uint64_t i = 0; i < table.header.sh_size / sizeof(Elf64_Rela); ++i) {
        Elf64_Rela rela;
        object.read(table.header.sh_offset, i, rela);
        gotSlots += relocKind(machine, uint32_t(ELF64_R_TYPE(rela.r_info))) == RelocKind::got;
      }
    }
  if (int32_t rc = layOut())
    return rc;
  if (int32_t rc = defineSymbols())
    return rc;
  for (Object &object : objects)
    for (const Section &table : object.sections) {
      uint32_t type = table.header.sh_type;
      bool isTable = type == SHT_RELA || type == SHT_REL || type == kShtCrel;
      if (!isTable || !object.sections[table.header.sh_info].loaded())
        continue;
      if (type != SHT_RELA)
        return object.fail(err, "relocations without addends, or compact ones, are not supported");
      if (int32_t rc = relocate(object, table))
        return rc;
    }
  if (int32_t rc = findEntry())
    return rc;
  if (wantFunctions)
    listFunctions();
  return protect();
}

} // namespace

LoadedCode::~LoadedCode() {
  if (base)
    munmap(base, totalBytes);
}

int32_t weft::rt::loadObjects(const std::vector<ObjectView> &objects, uint32_t machine, bool wantFunctions,
                              LoadedCode &code, WeftError *err) {
  if (machine != EM_X86_64 && machine != EM_AARCH64)
    return weft_error_set(err, WEFT_ERR_MACHINE, "ELF machine %u is not supported", machine);
  return Loader(machine, code, err).load(objects, wantFunctions);
}
