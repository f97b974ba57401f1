// Bounded reading of TLS handshake messages, in one record or spread over several (RFC 8446, section 5.1). Inside
// extract only.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "extract/client_hello.hpp"

namespace limpet::extract::handshake {

inline constexpr std::size_t record_header_bytes = 5;      // type, version, length (RFC 8446, section 5.1)
inline constexpr std::size_t record_bytes_max = 1u << 14;  // of a plaintext record
inline constexpr std::uint32_t handshake_record = 22, major_version = 3;
inline constexpr std::size_t random_bytes = 32, session_id_bytes_max = 32;

enum class Kind : std::uint32_t { client_hello = 1, server_hello = 2 };
enum class Extension : std::uint32_t {
  server_name = 0,
  alpn = 16,
  session_ticket = 35,
  pre_shared_key = 41,
  supported_versions = 43
};

/// The bytes of a handshake message, over the borders of records. What fails, fails for good: all later reads give
/// zeros and empty views, and state() says why.
class Message {
 public:
  explicit Message(std::string_view records) noexcept : rest_(records) {}

  [[nodiscard]] Found state() const noexcept { return state_; }
  [[nodiscard]] bool good() const noexcept { return state_ == Found::value; }
  /// Bytes read so far: what lengths are compared with.
  [[nodiscard]] std::size_t position() const noexcept { return position_; }
  void fail() noexcept { state_ = good() ? Found::malformed : state_; }

  std::uint32_t number(unsigned size_bytes) noexcept {
    std::uint32_t value = 0;
    if (good() && size_bytes <= std::min(in_record_, rest_.size())) {
      for (unsigned i = 0; i < size_bytes; ++i) {
        value = value << 8 | static_cast<unsigned char>(rest_[i]);
      }
      step(size_bytes);
      return value;
    }
    for (; size_bytes > 0 && open_record(); --size_bytes) {
      value = value << 8 | static_cast<unsigned char>(rest_.front());
      step(1);
    }
    return good() ? value : 0;
  }
  void skip(std::size_t size_bytes) noexcept {
    if (good() && size_bytes <= std::min(in_record_, rest_.size())) {
      return step(size_bytes);
    }
    while (size_bytes > 0 && open_record()) {
      const std::size_t here = std::min({size_bytes, in_record_, rest_.size()});
      step(here);
      size_bytes -= here;
    }
  }
  /// A view of the bytes, or their copy in `scratch`, which has room for them.
  std::string_view view(std::size_t size_bytes, HelloScratch& scratch) noexcept {
    if (size_bytes == 0 || !open_record()) {
      return {};
    }
    if (size_bytes <= std::min(in_record_, rest_.size())) {
      const std::string_view bytes = rest_.substr(0, size_bytes);
      step(size_bytes);
      return bytes;
    }
    std::size_t copied = 0;
    while (copied < size_bytes && open_record()) {
      const std::size_t here = std::min({size_bytes - copied, in_record_, rest_.size()});
      rest_.copy(scratch.data() + copied, here);
      step(here);
      copied += here;
    }
    return good() ? std::string_view(scratch.data(), size_bytes) : std::string_view{};
  }

 private:
  void step(std::size_t size_bytes) noexcept {
    rest_.remove_prefix(size_bytes);
    in_record_ -= size_bytes;
    position_ += size_bytes;
  }
  /// Whether there is a byte to read.
  bool open_record() noexcept {
    if (good() && in_record_ == 0) {
      state_ = read_header();
    }
    if (good() && rest_.empty()) {
      state_ = Found::incomplete;
    }
    return good();
  }
  /// The version of a record says nothing (RFC 8446, section 5.1), but that there is one.
  Found read_header() noexcept {
    const auto byte = [&](std::size_t at) { return static_cast<std::uint32_t>(static_cast<unsigned char>(rest_[at])); };
    if (records_ == hello_records_max || (!rest_.empty() && byte(0) != handshake_record) ||
        (rest_.size() > 1 && byte(1) != major_version)) {
      return Found::malformed;
    }
    if (rest_.size() < record_header_bytes) {
      return Found::incomplete;
    }
    in_record_ = byte(3) << 8 | byte(4);
    if (in_record_ == 0 || in_record_ > record_bytes_max) {
      return Found::malformed;
    }
    ++records_;
    rest_.remove_prefix(record_header_bytes);
    return Found::value;
  }

  std::string_view rest_;
  std::size_t in_record_ = 0;  // of the record at hand, of which not all may be there
  std::size_t position_ = 0;
  unsigned records_ = 0;
  Found state_ = Found::value;
};

/// What a vector of the message may hold: where it ends. All reads of it are through here.
class Vector {
 public:
  Vector(Message& message, std::size_t size_bytes) noexcept
      : message_(message), end_(message.position() + size_bytes) {}
  /// With its length in front, inside another vector.
  Vector(Vector& outer, unsigned length_bytes) noexcept : message_(outer.message_), end_(outer.message_.position()) {
    const std::uint32_t size_bytes = outer.number(length_bytes);
    outer.require(size_bytes);
    end_ = message_.position() + (message_.good() ? size_bytes : 0);
  }

  [[nodiscard]] std::size_t left() const noexcept { return end_ - message_.position(); }
  [[nodiscard]] bool more() const noexcept { return message_.good() && left() > 0; }

  std::uint32_t number(unsigned size_bytes) noexcept {
    require(size_bytes);
    return message_.number(size_bytes);
  }
  void skip(std::size_t size_bytes) noexcept {
    require(size_bytes);
    message_.skip(size_bytes);
  }
  void skip_rest() noexcept { message_.skip(left()); }
  std::string_view view(std::size_t size_bytes, HelloScratch& scratch) noexcept {
    require(size_bytes);
    return message_.view(size_bytes, scratch);
  }
  Value value(std::size_t size_bytes, HelloScratch& scratch) noexcept {
    const std::string_view bytes = view(size_bytes, scratch);
    return message_.good() ? value_of(bytes) : Value{message_.state()};
  }
  /// The answer when what was looked for is not there.
  [[nodiscard]] Value none() const noexcept { return {message_.good() ? Found::absent : message_.state()}; }
  Value broken() noexcept {
    message_.fail();
    return {message_.state()};
  }

 private:
  void require(std::size_t size_bytes) noexcept {
    if (message_.good() && size_bytes > left()) {
      message_.fail();
    }
  }
  Message& message_;
  std::size_t end_;
};

/// The body of such a message behind its header; what is another, or too long, is malformed.
inline std::size_t read_body_size(Message& message, Kind kind) noexcept {
  if (static_cast<Kind>(message.number(1)) != kind) {
    message.fail();
  }
  const std::size_t size_bytes = message.number(3);
  if (size_bytes > hello_bytes_max) {
    message.fail();
  }
  return message.good() ? size_bytes : 0;
}

/// Both hellos begin alike.
inline void skip_to_session_id(Vector& body) noexcept {
  if (body.number(1) != major_version) {
    body.broken();
  }
  body.skip(1 + random_bytes);
}

inline Value read_session_id(Vector& body, HelloScratch& scratch) noexcept {
  Vector id(body, 1);
  return id.left() > session_id_bytes_max ? id.broken() : id.value(id.left(), scratch);
}

/// Calls `read(type, data)` for each extension until it gives an answer other than absent.
template <class Read>
Value find_in_extensions(Vector& body, Read&& read) noexcept {
  if (!body.more()) {
    return body.none();
  }
  Vector extensions(body, 2);
  while (extensions.more()) {
    const auto type = static_cast<Extension>(extensions.number(2));
    Vector data(extensions, 2);
    if (const Value found = read(type, data); found.found != Found::absent) {
      return found;
    }
    data.skip_rest();
  }
  return extensions.none();
}

}  // namespace limpet::extract::handshake
