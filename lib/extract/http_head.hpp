// The head of an HTTP/1 message: first line and fields, read as strictly as RFC 9112, sections 2 to 5, lets a recipient
// be, one field at a time and only as far as an answer needs; what comes behind it is not judged. Any thread.
//
// | what comes                                           | answer                                                    |
// | ---------------------------------------------------- | --------------------------------------------------------- |
// | an empty line before a request                       | passed over, once (section 2.2)                           |
// | the preface of HTTP/2 ("PRI * HTTP/2.0")             | absent: a message, but none whose head can be read        |
// | any other version than HTTP/1.x, or none             | malformed                                                 |
// | more than one space, or a tab, in a request line     | malformed (section 3)                                     |
// | bytes above 0x7f in target, reason or field values   | taken as they are (obs-text)                              |
// | CR without LF, LF without CR, NUL, any other control | malformed, wherever in the head as far as it is read      |
// |   character but a tab in a field's value             |                                                           |
// | whitespace before a colon, an empty or odd name      | malformed (section 5.1)                                   |
// | a field folded over lines (obs-fold, section 5.2)    | malformed when that field is asked for, else passed over  |
// | a field that comes twice                             | the first counts; all Cookie and X-Forwarded-For are read |
// | more than head_bytes_max or head_fields_max          | malformed                                                 |
// | status line without the space before no reason       | taken: servers send it                                    |
// | an upgrade (WebSocket), CONNECT                      | a head like any other                                     |
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "extract/found.hpp"

namespace limpet::extract {

inline constexpr std::size_t head_bytes_max = 32768;
inline constexpr unsigned head_fields_max = 256;
inline constexpr std::size_t method_bytes_max = 32;

/// A head whose first line has been read: `found` is `value` when it is whole and right.
struct Head {
  Found found = Found::incomplete;
  std::string_view bytes{};   // from the connection's (or message's) first byte on, at most head_bytes_max
  std::size_t fields_at = 0;  // right behind the first line: where a field may be put in
  std::string_view method{};  // of a request
  std::string_view target{};
  std::uint16_t status = 0;  // of a response
};

/// RFC 9112, section 3.
[[nodiscard]] Head read_request(std::string_view bytes) noexcept;
/// RFC 9112, section 4. Status 100 to 999.
[[nodiscard]] Head read_response(std::string_view bytes) noexcept;

/// Not an interim response: no other follows for the same request (RFC 9110, section 15.2). False for 101, too,
/// behind which comes another protocol.
[[nodiscard]] constexpr bool is_final(const Head& response) noexcept {
  return response.status >= 200;
}

struct Field {
  std::string_view name;
  std::string_view value;  // without whitespace around it; with all its lines when folded
  bool folded = false;
};

/// The fields of a head in order. RFC 9112, section 5.
class Fields {
 public:
  explicit Fields(const Head& head) noexcept : bytes_(head.bytes), at_(head.fields_at), state_(head.found) {}
  /// `value`: `field` is the next one; `absent`: there are no more, and the head ends at position(). A field is known
  /// only when the first byte behind its line is there.
  [[nodiscard]] Found next(Field& field) noexcept;
  /// Bytes of the head that have been read.
  [[nodiscard]] std::size_t position() const noexcept { return at_; }

 private:
  Found read_end() noexcept;
  Found read_field(Field& field) noexcept;
  std::string_view bytes_;
  std::size_t at_;
  Found state_;
  unsigned count_ = 0;
};

/// Where the head ends, its empty line included: its bytes up to there, when it is whole.
[[nodiscard]] Value whole_head(const Head& head) noexcept;

/// The first field of that name (case does not matter), without whitespace around its value.
[[nodiscard]] Value header(const Head& head, std::string_view name) noexcept;

/// The part of a value between delimiters, counted from 0, without whitespace around it; absent when there are fewer.
/// What is no value stays what it is. `part(header(head, "authorization"), ' ', 1)` is a bearer's token.
[[nodiscard]] Value part(const Value& value, char delimiter, unsigned index) noexcept;

}  // namespace limpet::extract
