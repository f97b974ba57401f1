// TCP resets (RFC 9293, section 3.10.7): a segment turned into the reset that answers it. Pure; any thread.
#pragma once

#include "l3/segment.hpp"

namespace limpet::l3 {

/// The reset that answers the segment, as answer_segment() has it. Not for resets. 0: impossible or forbidden.
[[nodiscard]] std::size_t reset_in_place(const Buffer& buffer, const Parsed& parsed, const Mac& own) noexcept;

}  // namespace limpet::l3
