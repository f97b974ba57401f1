#include "extract/http_head.hpp"

#include "extract/http_text.hpp"

namespace limpet::extract {
namespace {

constexpr std::string_view version_1 = "HTTP/1.";
constexpr std::size_t version_bytes = version_1.size() + 1;

bool is_version_1(std::string_view text) noexcept {
  return text.size() == version_bytes && text.starts_with(version_1) && is_digit(text.back());
}

Head begin(std::string_view bytes) noexcept {
  Head head;
  head.bytes = bytes.substr(0, head_bytes_max);
  return head;
}

/// What a head is that has come to the end of its bytes.
Found at_end(std::string_view bytes) noexcept {
  return bytes.size() < head_bytes_max ? Found::incomplete : Found::malformed;
}

Head& end(Head& head, Found found) noexcept {
  head.found = found == Found::incomplete ? at_end(head.bytes) : found;
  return head;
}

/// What a request line is: `line` is all behind the method and its space.
Found read_request_line(Head& head, std::string_view line) noexcept {
  const std::size_t space = line.find(' ');
  if (space == std::string_view::npos || space == 0) {
    return Found::malformed;
  }
  head.target = line.substr(0, space);
  const std::string_view version = line.substr(space + 1);
  if (head.method == "PRI" && head.target == "*" && version == "HTTP/2.0") {
    return Found::absent;
  }
  return is_version_1(version) && head.target.find('\t') == std::string_view::npos ? Found::value : Found::malformed;
}

}  // namespace

Head read_request(std::string_view bytes) noexcept {
  Head head = begin(bytes);
  std::size_t at = 0;
  if (head.bytes.starts_with("\r\n")) {
    at = 2;
  } else if (head.bytes == "\r") {
    return end(head, Found::incomplete);
  }
  const std::size_t method_end = token_end(head.bytes.substr(0, at + method_bytes_max + 1), at);
  if (method_end == head.bytes.size() && method_end - at <= method_bytes_max) {
    return end(head, Found::incomplete);
  }
  if (method_end == at || method_end - at > method_bytes_max || head.bytes[method_end] != ' ') {
    return end(head, Found::malformed);
  }
  const Line line = read_line(head.bytes, method_end + 1);
  if (line.found != Found::value) {
    return end(head, line.found);
  }
  head.method = head.bytes.substr(at, method_end - at);
  head.fields_at = line.next;
  return end(head, read_request_line(head, head.bytes.substr(method_end + 1, line.end - method_end - 1)));
}

Head read_response(std::string_view bytes) noexcept {
  Head head = begin(bytes);
  if (!head.bytes.substr(0, version_1.size()).starts_with(version_1.substr(0, head.bytes.size()))) {
    return end(head, Found::malformed);
  }
  const Line line = read_line(head.bytes, 0);
  if (line.found != Found::value) {
    return end(head, line.found);
  }
  const std::string_view text = head.bytes.substr(0, line.end);
  constexpr std::size_t status_at = version_bytes + 1, status_end = status_at + 3;
  if (text.size() < status_end || !is_version_1(text.substr(0, version_bytes)) || text[version_bytes] != ' ' ||
      (text.size() > status_end && text[status_end] != ' ')) {
    return end(head, Found::malformed);
  }
  unsigned status = 0;
  for (const char c : text.substr(status_at, 3)) {
    if (!is_digit(c)) {
      return end(head, Found::malformed);
    }
    status = status * 10 + static_cast<unsigned>(c - '0');
  }
  head.status = static_cast<std::uint16_t>(status);
  head.fields_at = line.next;
  return end(head, status >= 100 ? Found::value : Found::malformed);
}

Found Fields::next(Field& field) noexcept {
  if (state_ == Found::value) {
    if (at_ == bytes_.size()) {
      state_ = at_end(bytes_);
    } else {
      state_ = bytes_[at_] == '\r' ? read_end() : read_field(field);
    }
    if (state_ == Found::incomplete) {
      state_ = at_end(bytes_);
    }
  }
  return state_;
}

Found Fields::read_end() noexcept {
  if (at_ + 1 == bytes_.size()) {
    return Found::incomplete;
  }
  if (bytes_[at_ + 1] != '\n') {
    return Found::malformed;
  }
  at_ += 2;
  return Found::absent;
}

Found Fields::read_field(Field& field) noexcept {
  if (count_ == head_fields_max) {
    return Found::malformed;
  }
  ++count_;
  const std::size_t colon = token_end(bytes_, at_);
  if (colon == bytes_.size()) {
    return Found::incomplete;
  }
  if (colon == at_ || bytes_[colon] != ':') {
    return Found::malformed;
  }
  Line line = read_line(bytes_, colon + 1);
  field.folded = false;
  while (line.found == Found::value) {
    if (line.next == bytes_.size()) {
      return Found::incomplete;
    }
    if (bytes_[line.next] != ' ' && bytes_[line.next] != '\t') {
      break;
    }
    field.folded = true;
    line = read_line(bytes_, line.next);
  }
  if (line.found == Found::value) {
    field.name = bytes_.substr(at_, colon - at_);
    field.value = trimmed(bytes_.substr(colon + 1, line.end - colon - 1));
    at_ = line.next;
  }
  return line.found;
}

Value whole_head(const Head& head) noexcept {
  Fields fields(head);
  Field field;
  Found found = fields.next(field);
  while (found == Found::value) {
    found = fields.next(field);
  }
  if (head.found == Found::value && found == Found::absent) {
    return {Found::value, head.bytes.substr(0, fields.position())};
  }
  return {found};
}

Value header(const Head& head, std::string_view name) noexcept {
  Fields fields(head);
  Field field;
  Found found = fields.next(field);
  for (; found == Found::value; found = fields.next(field)) {
    if (same_nocase(field.name, name)) {
      return field.folded ? Value{Found::malformed} : value_of(field.value);
    }
  }
  return {found};
}

Value part(const Value& value, char delimiter, unsigned index) noexcept {
  if (value.found != Found::value) {
    return value;
  }
  std::string_view rest = value.bytes;
  for (; index > 0; --index) {
    const std::size_t at = rest.find(delimiter);
    if (at == std::string_view::npos) {
      return {};
    }
    rest.remove_prefix(at + 1);
  }
  return value_of(trimmed(rest.substr(0, rest.find(delimiter))));
}

}  // namespace limpet::extract
