#include "restart/names.hpp"

#include <array>
#include <atomic>
#include <cstring>
#include <string>
#include <vector>

#include "base/assert.hpp"
#include "restart/header.hpp"

namespace limpet::restart {
namespace {

constexpr std::size_t line_bytes = 64;

struct HalfHeader {
  std::uint64_t version;
  std::uint64_t size_bytes;
  std::uint64_t checksum;
};
struct HolderHeader {
  std::uint32_t slot;
  std::uint16_t name_bytes;
  std::uint16_t rests;
};
static_assert(sizeof(HalfHeader) == 24 && sizeof(HolderHeader) == 8);

template <class T>
void append(std::vector<std::byte>& bytes, const T& value) {
  const auto view = std::as_bytes(std::span(&value, 1));
  bytes.insert(bytes.end(), view.begin(), view.end());
}

template <class Slots>
auto maps_of(Slots& slots) {
  return std::array{&slots.listeners, &slots.backends, &slots.endpoints, &slots.scopes};
}

std::vector<std::byte> encode(const plan::Slots& slots) {
  std::vector<std::byte> bytes;
  for (const plan::SlotMap* map : maps_of(slots)) {
    append(bytes, map->holders());
    map->each([&](const std::string& name, std::uint32_t slot, bool rests) {
      LIMPET_ASSERT(name.size() <= UINT16_MAX);
      append(bytes, HolderHeader{slot, static_cast<std::uint16_t>(name.size()), static_cast<std::uint16_t>(rests)});
      const auto text = std::as_bytes(std::span(name));
      bytes.insert(bytes.end(), text.begin(), text.end());
    });
  }
  return bytes;
}

/// Takes values from the front; once something is missing it stays failed.
class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : rest_(bytes) {}
  template <class T>
  T take() {
    T value{};
    if (const auto view = take_bytes(sizeof value); view.size() == sizeof value) {
      std::memcpy(&value, view.data(), sizeof value);
    }
    return value;
  }
  std::span<const std::byte> take_bytes(std::size_t size) {
    failed_ = failed_ || size > rest_.size();
    if (failed_) {
      return {};
    }
    const auto view = rest_.first(size);
    rest_ = rest_.subspan(size);
    return view;
  }
  [[nodiscard]] bool failed() const noexcept { return failed_; }
  [[nodiscard]] bool done() const noexcept { return !failed_ && rest_.empty(); }

 private:
  std::span<const std::byte> rest_;
  bool failed_ = false;
};

bool decode(Reader& reader, plan::SlotMap& map) {
  const auto holders = reader.take<std::uint64_t>();
  for (std::uint64_t i = 0; i < holders && !reader.failed(); ++i) {
    const auto holder = reader.take<HolderHeader>();
    const auto text = reader.take_bytes(holder.name_bytes);
    if (reader.failed() || holder.name_bytes == 0 ||
        !map.restore(holder.slot, std::string(reinterpret_cast<const char*>(text.data()), text.size()),
                     holder.rests != 0)) {
      return false;
    }
  }
  map.restored();
  return !reader.failed();
}

std::size_t half_bytes(std::size_t area_bytes) {
  return area_bytes < line_bytes ? 0 : (area_bytes - line_bytes) / 2 / line_bytes * line_bytes;
}

template <class Byte>
std::span<Byte> half_of(std::span<Byte> area, std::uint64_t version) {
  const std::size_t size = half_bytes(area.size());
  return area.subspan(line_bytes + (version & 1) * size, size);
}

}  // namespace

std::size_t names_bytes_wanted(const plan::Slots& slots) {
  constexpr std::size_t least = 16 * 1024;
  return line_bytes + 2 * (least + 2 * (encode(slots).size() + sizeof(HalfHeader)));
}

bool write_names(std::span<std::byte> area, const plan::Slots& slots) {
  const std::vector<std::byte> bytes = encode(slots);
  if (area.size() < line_bytes || bytes.size() + sizeof(HalfHeader) > half_bytes(area.size())) {
    return false;
  }
  std::atomic_ref in_force(*static_cast<std::uint64_t*>(static_cast<void*>(area.data())));
  const std::uint64_t version = in_force.load(std::memory_order_relaxed) + 1;
  const auto half = half_of(area, version);
  const HalfHeader header{version, bytes.size(), checksum(bytes)};
  std::memcpy(half.data(), &header, sizeof header);
  std::memcpy(half.data() + sizeof header, bytes.data(), bytes.size());
  in_force.store(version, std::memory_order_release);
  return true;
}

Result<plan::Slots> read_names(std::span<const std::byte> area, std::uint32_t backends_max) {
  if (area.size() < line_bytes) {
    return fail("is too short");
  }
  std::uint64_t version = 0;
  std::memcpy(&version, area.data(), sizeof version);
  const auto half = half_of(area, version);
  Reader reader(half);
  const auto header = reader.take<HalfHeader>();
  const auto bytes = reader.take_bytes(header.size_bytes);
  if (reader.failed() || header.version != version || header.checksum != checksum(bytes)) {
    return fail("has damaged names");
  }
  plan::Slots slots(backends_max);
  Reader names(bytes);
  for (plan::SlotMap* map : maps_of(slots)) {
    if (!decode(names, *map)) {
      return fail("has names that make no sense");
    }
  }
  if (!names.done()) {
    return fail("has names that make no sense");
  }
  return slots;
}

}  // namespace limpet::restart
