// Received frames about which the device has something to say: a checksum that it found wrong or that its host has not
// written yet, a VLAN tag that it took out. Only on ports whose device can (see offloads.hpp). Workers' threads.
#pragma once

#include <rte_mbuf.h>

namespace limpet::nic {

/// Whether the TCP or UDP checksum is wrong, over all segments. False where there is none, or none that can be told.
[[nodiscard]] bool l4_checksum_is_wrong(const rte_mbuf* mbuf) noexcept;

/// Writes the TCP or UDP checksum, where there is to be one.
void write_l4_checksum(rte_mbuf* mbuf) noexcept;

/// Puts a tag that the device took out back where it was, and a checksum where a virtual machine's host vouches for the
/// data and left it out. False: the frame has to be dropped as its checksum is wrong; a device that says so is not
/// believed, as some take UDP without a checksum for wrong.
[[nodiscard]] bool put_right(rte_mbuf* mbuf) noexcept;

}  // namespace limpet::nic
