// Strong indices: a backend slot is not a listener slot, and neither is an int.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace limpet {

template <class Tag, class T = std::uint32_t>
class Id {
 public:
  using value_type = T;
  static constexpr T none_value = static_cast<T>(~T{0});

  constexpr Id() noexcept = default;
  explicit constexpr Id(T value) noexcept : value_(value) {}
  [[nodiscard]] constexpr T value() const noexcept { return value_; }
  [[nodiscard]] constexpr bool valid() const noexcept { return value_ != none_value; }
  friend constexpr auto operator<=>(Id, Id) noexcept = default;

 private:
  T value_ = none_value;
};

/// One listen address of a service (VIP, protocol, port). At most 65,536: half of a narrow flow key.
using ListenerSlot = Id<struct ListenerTag, std::uint32_t>;
/// One backend of one pool, kept by name ("pool/backend") over plans and restarts. 20 bits.
using BackendSlot = Id<struct BackendTag, std::uint32_t>;
/// One address:port/protocol that backends answer from; several backends may share it. 20 bits.
using EndpointSlot = Id<struct EndpointTag, std::uint32_t>;
/// An interface of the plan: a NIC port, or a VLAN on it.
using InterfaceIndex = Id<struct InterfaceTag, std::uint16_t>;
/// A NIC port, in the order of the configuration's names.
using PortIndex = Id<struct PortTag, std::uint16_t>;

inline constexpr std::uint32_t listener_slots_max = 1u << 16;
inline constexpr std::uint32_t backend_slots_max = 1u << 20;

}  // namespace limpet

template <class Tag, class T>
struct std::hash<limpet::Id<Tag, T>> {
  std::size_t operator()(limpet::Id<Tag, T> id) const noexcept { return std::hash<T>{}(id.value()); }
};
