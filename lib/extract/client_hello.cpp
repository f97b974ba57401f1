#include "extract/client_hello.hpp"

#include <algorithm>
#include <utility>

#include "extract/handshake.hpp"

namespace limpet::extract {
namespace {

using handshake::Extension;
using handshake::Message;
using handshake::Vector;

template <class Read>
Value find_in_extensions(std::string_view bytes, Read&& read) noexcept {
  Message message(bytes);
  Vector body(message, handshake::read_body_size(message, handshake::Kind::client_hello));
  handshake::skip_to_session_id(body);
  Vector(body, 1).skip_rest();  // session id
  Vector(body, 2).skip_rest();  // cipher suites
  Vector(body, 1).skip_rest();  // compression methods
  return handshake::find_in_extensions(body, std::forward<Read>(read));
}

bool is_printable(std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

}  // namespace

Value sni(std::string_view bytes, HelloScratch& scratch) noexcept {
  return find_in_extensions(bytes, [&](Extension type, Vector& data) noexcept -> Value {
    if (type != Extension::server_name || !data.more()) {
      return data.none();
    }
    constexpr std::uint32_t host_name = 0;
    constexpr std::size_t name_bytes_max = 255;
    Vector names(data, 2);
    while (names.more()) {
      const std::uint32_t kind = names.number(1);
      Vector name(names, 2);
      if (kind == host_name) {
        const Value found = name.left() > name_bytes_max ? name.broken() : name.value(name.left(), scratch);
        return is_printable(found.bytes) ? found : name.broken();
      }
      name.skip_rest();
    }
    return names.none();
  });
}

Value session_id(std::string_view bytes, HelloScratch& scratch) noexcept {
  Message message(bytes);
  Vector body(message, handshake::read_body_size(message, handshake::Kind::client_hello));
  handshake::skip_to_session_id(body);
  return handshake::read_session_id(body, scratch);
}

Value ticket_key_name(std::string_view bytes, HelloScratch& scratch) noexcept {
  return find_in_extensions(bytes, [&](Extension type, Vector& data) noexcept -> Value {
    if (type == Extension::session_ticket) {
      return data.left() < ticket_key_name_bytes ? data.none() : data.value(ticket_key_name_bytes, scratch);
    }
    if (type != Extension::pre_shared_key) {
      return data.none();
    }
    Vector identities(data, 2);
    Vector identity(identities, 2);
    return identity.left() < ticket_key_name_bytes ? identity.none() : identity.value(ticket_key_name_bytes, scratch);
  });
}

Value alpn(std::string_view bytes, HelloScratch& scratch) noexcept {
  return find_in_extensions(bytes, [&](Extension type, Vector& data) noexcept -> Value {
    if (type != Extension::alpn) {
      return data.none();
    }
    Vector protocols(data, 2);
    Vector protocol(protocols, 1);
    return protocol.left() == 0 ? protocol.broken() : protocol.value(protocol.left(), scratch);
  });
}

}  // namespace limpet::extract
