// Messages with which a TLS connection begins, and what they are made of.
#pragma once

#include <string>
#include <string_view>

namespace limpet::test::tls {

inline std::string number(std::size_t value, unsigned size_bytes) {
  std::string bytes;
  while (size_bytes-- > 0) {
    bytes += static_cast<char>(value >> 8 * size_bytes);
  }
  return bytes;
}
/// With its length in front.
inline std::string vector_of(unsigned length_bytes, const std::string& bytes) {
  return number(bytes.size(), length_bytes) + bytes;
}
inline std::string extension(unsigned type, const std::string& data) {
  return number(type, 2) + vector_of(2, data);
}
inline std::string record(std::string_view bytes) {
  return "\x16\x03\x01" + vector_of(2, std::string(bytes));
}
/// With the list of its extensions, or without one.
inline std::string client_message(const std::string& extensions, const std::string& id = "") {
  return '\x01' + vector_of(3, "\x03\x03" + std::string(32, 'r') + vector_of(1, id) + vector_of(2, "\x13\x01") +
                                   vector_of(1, std::string(1, '\0')) + extensions);
}
inline std::string server_message(const std::string& extensions, const std::string& id = "") {
  return '\x02' +
         vector_of(3, "\x03\x03" + std::string(32, 'R') + vector_of(1, id) + std::string("\xc0\x30\0", 3) + extensions);
}
/// The record's message again, in records of these sizes, the last as long as need be.
inline std::string in_records(std::string_view one, std::initializer_list<std::size_t> sizes) {
  std::string_view message = one.substr(5);
  std::string bytes;
  for (const std::size_t size : sizes) {
    bytes += record(message.substr(0, size));
    message.remove_prefix(size);
  }
  return bytes + record(message);
}

inline std::string client_hello(const std::string& extensions, const std::string& id = "") {
  return record(client_message(vector_of(2, extensions), id));
}
inline std::string server_hello(const std::string& extensions, const std::string& id) {
  return record(server_message(vector_of(2, extensions), id));
}
/// The server selects TLS 1.3 (RFC 8446, section 4.2.1).
inline const std::string selects_tls13 = extension(43, "\x03\x04");

}  // namespace limpet::test::tls
