#include "extract/server_hello.hpp"

#include "extract/handshake.hpp"

namespace limpet::extract {
namespace {

using handshake::Extension;
using handshake::Vector;

constexpr std::size_t cipher_suite_bytes = 2, compression_method_bytes = 1;

/// A value where the extension is there: TLS 1.2 and older have none of that type in this message.
Value supported_versions(Vector& body) noexcept {
  return handshake::find_in_extensions(body, [](Extension type, Vector& data) noexcept -> Value {
    const Value none = data.none();
    return type == Extension::supported_versions && none.found == Found::absent ? Value{Found::value} : none;
  });
}

}  // namespace

Value given_session_id(std::string_view bytes, HelloScratch& scratch) noexcept {
  handshake::Message message(bytes);
  Vector body(message, handshake::read_body_size(message, handshake::Kind::server_hello));
  handshake::skip_to_session_id(body);
  const Value id = handshake::read_session_id(body, scratch);
  if (id.found != Found::value) {
    return id;
  }
  body.skip(cipher_suite_bytes + compression_method_bytes);
  const Found selects = supported_versions(body).found;
  if (selects != Found::absent) {
    return {selects == Found::value ? Found::absent : selects};
  }
  return body.more() ? body.broken() : id;
}

}  // namespace limpet::extract
