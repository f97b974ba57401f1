// Keys in a TLS ClientHello: the handshake message that a client sends first (RFC 8446, section 4.1.2; RFC 5246,
// section 7.4.1.2), in one record or spread over several (RFC 8446, section 5.1). Each function reads from the
// connection's first byte and only as far as its answer needs. Any thread.
//
// Limits: a message of hello_bytes_max, in hello_records_max records. A record of no bytes, or of another type before
// the message is whole, and lengths that do not fit into each other are malformed.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "extract/found.hpp"

namespace limpet::extract {

inline constexpr std::size_t hello_bytes_max = 32768;
inline constexpr unsigned hello_records_max = 64;

/// Where a value goes whose bytes lie in two records; any other is a view of the input.
using HelloScratch = std::array<char, 256>;

/// The first host name of the extension server_name (RFC 6066, section 3), in the case it came in. Printable ASCII.
[[nodiscard]] Value sni(std::string_view bytes, HelloScratch& scratch) noexcept;

/// The session id, at most 32 bytes. Clients of TLS 1.3 send a random one unless they resume a session of TLS 1.2
/// (RFC 8446, section 4.1.2, legacy_session_id): it names a session only when it is known from a ServerHello
/// (server_hello.hpp).
[[nodiscard]] Value session_id(std::string_view bytes, HelloScratch& scratch) noexcept;

inline constexpr std::size_t ticket_key_name_bytes = 16;

/// The first 16 bytes of the ticket a client resumes with: the name of the key that sealed it (RFC 5077, section 4).
/// From session_ticket (35) in TLS 1.2, from the first identity of pre_shared_key (41; RFC 8446, section 4.2.11) in
/// TLS 1.3. Absent when there is no ticket or a shorter one.
[[nodiscard]] Value ticket_key_name(std::string_view bytes, HelloScratch& scratch) noexcept;

/// The first protocol of the extension ALPN (RFC 7301, section 3.1).
[[nodiscard]] Value alpn(std::string_view bytes, HelloScratch& scratch) noexcept;

}  // namespace limpet::extract
