// Any bytes as the head of a request and of a response: each answer holds when more comes, views lie inside, and where
// a head is whole, a plain search through its lines finds the same field and the same cookie.
#include <array>
#include <optional>
#include <vector>

#include "extract/http_request.hpp"
#include "extract/http_response.hpp"
#include "extract/text.hpp"
#include "reader.hpp"

namespace {

using namespace limpet;
using namespace limpet::extract;

std::vector<std::string_view> split(std::string_view text, std::string_view border) {
  std::vector<std::string_view> parts;
  for (std::size_t end = text.find(border); end != std::string_view::npos; end = text.find(border)) {
    parts.push_back(text.substr(0, end));
    text.remove_prefix(end + border.size());
  }
  parts.push_back(text);
  return parts;
}

/// The values of all lines with that name; nothing when one of them goes on in the next line.
std::optional<std::vector<std::string_view>> plain_values(std::string_view head, std::string_view name) {
  std::vector<std::string_view> values;
  const auto lines = split(head, "\r\n");
  for (std::size_t i = 0; i + 1 < lines.size(); ++i) {
    const std::size_t colon = lines[i].find(':');
    if (colon != std::string_view::npos && same_nocase(lines[i].substr(0, colon), name)) {
      if (lines[i + 1].starts_with(' ') || lines[i + 1].starts_with('\t')) {
        return std::nullopt;
      }
      values.push_back(trimmed(lines[i].substr(colon + 1)));
    }
  }
  return values;
}

void check_fields(const Head& head, std::string_view whole, std::string_view cookie_name) {
  const std::string_view fields = whole.substr(head.fields_at);
  if (const auto values = plain_values(fields, "host")) {
    LIMPET_ASSERT(header(head, "Host") == value_of(values->empty() ? std::string_view{} : values->front()));
  }
  const auto values = plain_values(fields, "cookie");
  for (const std::string_view pairs : values.value_or(std::vector<std::string_view>{})) {
    for (const std::string_view pair : split(pairs, ";")) {
      const std::size_t equals = pair.find('=');
      if (equals == std::string_view::npos || trimmed(pair.substr(0, equals)) != cookie_name) {
        continue;
      }
      std::string_view value = trimmed(pair.substr(equals + 1));
      if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
        value = value.substr(1, value.size() - 2);
      }
      LIMPET_ASSERT(cookie(head, cookie_name) == value_of(value));
      return;
    }
  }
  LIMPET_ASSERT(!values || cookie(head, cookie_name).found == Found::absent);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::Input input(data, size);
  const auto ask = [&](auto&& read) { return input.ask_view([&](auto bytes) { return read(read_request(bytes)); }); };
  ask([](const Head& head) { return header(head, "Host"); });
  ask([](const Head& head) { return part(header(head, "authorization"), ' ', 1); });
  ask([](const Head& head) { return cookie(head, "SID"); });
  ask([](const Head& head) { return url_param(head, "sid"); });
  ask([](const Head& head) { return path_prefix(head, 4); });
  ask([](const Head& head) { return path_segment(head, 1); });
  ask([](const Head& head) { return host(head); });
  const net::Prefix trusted = *net::Prefix::parse("10.0.0.0/8");
  input.ask([&](auto bytes) {
    return x_forwarded_for(read_request(bytes), [&](const net::IpAddress& one) { return trusted.contains(one); });
  });
  const Value whole = ask([](const Head& head) { return whole_head(head); });
  if (whole.found == Found::value) {
    LIMPET_ASSERT(whole.bytes.ends_with("\r\n\r\n"));
    check_fields(read_request(input.whole()), whole.bytes, "SID");
  }
  input.ask_view([](auto bytes) { return set_cookie(read_response(bytes), "SID"); });
  input.ask_view([](auto bytes) { return header(read_response(bytes), "Mcp-Session-Id"); });
  const Head response = read_response(input.whole());
  LIMPET_ASSERT((response.found == Found::value) == (response.status >= 100 && response.fields_at > 0));
  return 0;
}
