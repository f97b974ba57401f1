#include "restart/header.hpp"

#include <cstddef>
#include <cstring>
#include <fstream>
#include <string>

namespace limpet::restart {
namespace {

constexpr std::array<char, 8> magic = {'l', 'i', 'm', 'p', 'e', 't', 0, 0};

std::uint64_t checksum_of(const Header& header) noexcept {
  return checksum(std::as_bytes(std::span(&header, 1)).first(offsetof(Header, checksum)));
}

std::uint8_t nibble(char c) noexcept {
  return static_cast<std::uint8_t>(c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : 0);
}

}  // namespace

bool operator==(const Geometry& one, const Geometry& other) noexcept {
  return one.records.narrow_records == other.records.narrow_records &&
         one.records.wide_records == other.records.wide_records &&
         one.flows.narrow_entries == other.flows.narrow_entries && one.flows.wide_entries == other.flows.wide_entries &&
         one.flows.embryonic_permille == other.flows.embryonic_permille && one.workers == other.workers &&
         one.key_id == other.key_id && one.spliced_bytes == other.spliced_bytes;
}

BootId boot_id() {
  BootId id{};
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string text;
  file >> text;
  std::size_t digits = 0;
  for (const char c : text) {
    if (c != '-' && digits < 2 * id.size()) {
      std::uint8_t& byte = id[digits++ / 2];
      byte = static_cast<std::uint8_t>(byte << 4 | nibble(c));
    }
  }
  return id;
}

std::uint64_t checksum(std::span<const std::byte> bytes) noexcept {
  std::uint64_t sum = 0xcbf29ce484222325ULL;
  for (const std::byte byte : bytes) {
    sum = (sum ^ static_cast<std::uint64_t>(byte)) * 0x100000001b3ULL;
  }
  return sum;
}

Header make_header(Kind kind, const Geometry& geometry, const BootId& boot, std::uint64_t set_id, std::uint32_t worker,
                   std::uint64_t size_bytes, std::uint32_t layout) {
  Header header{};
  header.magic = magic;
  header.layout = layout;
  header.kind = kind;
  header.boot = boot;
  header.set_id = set_id;
  header.record_narrow = geometry.records.narrow_records;
  header.record_wide = geometry.records.wide_records;
  header.flow_narrow = geometry.flows.narrow_entries;
  header.flow_wide = geometry.flows.wide_entries;
  header.key_id = geometry.key_id;
  header.workers = static_cast<std::uint16_t>(geometry.workers);
  header.flow_embryonic_permille = geometry.flows.embryonic_permille;
  header.worker = worker;
  header.size_bytes = size_bytes;
  header.checksum = checksum_of(header);
  return header;
}

void write_header(std::span<std::byte> file, const Header& header) {
  std::memcpy(file.data(), &header, sizeof header);
}

Result<Header> read_header(std::span<const std::byte> file, Kind kind, const BootId& boot) {
  Header header{};
  if (file.size() < header_bytes) {
    return fail("is too short");
  }
  std::memcpy(&header, file.data(), sizeof header);
  if (header.magic != magic) {
    return fail("is no file of Limpet's");
  }
  if (header.layout < layout_oldest || header.layout > layout_now) {
    return fail("has layout {}, but this version reads {} to {}", header.layout, layout_oldest, layout_now);
  }
  if (header.checksum != checksum_of(header) || header.kind != kind) {
    return fail("has a damaged header");
  }
  if (header.boot != boot) {
    return fail("is from before the machine was booted");
  }
  if (header.size_bytes > file.size() - header_bytes) {
    return fail("is cut short: {} bytes, expected {}", file.size(), header.size_bytes + header_bytes);
  }
  return header;
}

}  // namespace limpet::restart
