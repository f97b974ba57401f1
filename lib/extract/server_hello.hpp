// The session id in a TLS ServerHello: the handshake message that a server sends first (RFC 5246, section 7.4.1.3;
// RFC 8446, section 4.1.3). Read from the connection's first byte to the message's last, whatever follows it. Any
// thread.
//
// Limits and what is malformed: as of a ClientHello, and bytes behind the extensions.
#pragma once

#include "extract/client_hello.hpp"

namespace limpet::extract {

/// The id of the session that this server has begun or taken up. Absent where it is empty, and where the server selects
/// TLS 1.3 (extension supported_versions; RFC 8446, section 4.2.1): there it repeats what the client has said.
[[nodiscard]] Value given_session_id(std::string_view bytes, HelloScratch& scratch) noexcept;

}  // namespace limpet::extract
