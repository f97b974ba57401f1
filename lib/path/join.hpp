// Small segments of one connection put together in one packet: who writes byte by byte sends more packets than may be
// held. Worker's thread only.
#pragma once

#include "path/awaited.hpp"

namespace limpet::path {

/// The data of a packet go behind those of another one of its connection, `first`, which begins before it and reaches
/// at least to where it begins; what both have comes once. False: they don't touch, one of them says more than data or
/// lies in several parts, `next` is damaged, there is no room, or it would be more than every host takes in a segment;
/// all is as it was.
[[nodiscard]] bool join(Packet& first, Segment& its, const Packet& next, const Segment& nexts) noexcept;

}  // namespace limpet::path
