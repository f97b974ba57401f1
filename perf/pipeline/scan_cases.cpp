#include "scan_cases.hpp"

#include <fmt/format.h>

#include <stdexcept>
#include <utility>

#include "extract/client_hello.hpp"
#include "extract/cookie_token.hpp"
#include "extract/http_request.hpp"
#include "extract/http_response.hpp"
#include "extract/mqtt.hpp"
#include "extract/rdp.hpp"
#include "extract/universal.hpp"
#include "support/first_words.hpp"
#include "unit/extract/hellos.hpp"

namespace limpet::perf {
namespace {

constexpr std::size_t buffers = 32;
constexpr std::string_view key = "9f3c6b8a2d.b2";

template <class T>
T value_or_throw(Result<T> result) {
  if (!result) {
    throw std::runtime_error(result.error().text);
  }
  return std::move(*result);
}

match::Database compiled(const std::string& regex) {
  const match::Pattern pattern{0, regex, false, true, true};
  return value_or_throw(match::Database::compile(std::span(&pattern, 1)));
}

match::Scratch scratch_for(const match::Database& database) {
  const match::Database* all[] = {&database};
  return value_or_throw(match::Scratch::create(all));
}

/// A head of so many bytes, with pairs as many as it takes between these, each `between` the next.
std::string filled_head(std::size_t size_bytes, const std::string& before, std::string_view between,
                        const std::string& after) {
  std::string pairs;
  while (before.size() + pairs.size() + after.size() < size_bytes) {
    const std::size_t left = size_bytes - before.size() - pairs.size() - after.size();
    std::string pair = fmt::format("c{}={}", pairs.size(), std::string(40, 'v'));
    if (left < pair.size() + 40) {  // the last one fills up
      const std::size_t least = 2 + between.size();
      pair = "c=" + std::string(left > least ? left - least : 0, 'v');
    }
    pairs += pair.append(between);
  }
  std::string head = before + pairs + after;
  if (head.size() != size_bytes) {
    throw std::runtime_error(fmt::format("a head of {} bytes has {}", size_bytes, head.size()));
  }
  return head;
}

const std::string browser =
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\nAccept: text/html,*/*;q=0.8\r\nAccept-Language: "
    "en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br\r\n";

/// A browser's request: the cookie sought comes last of them, in the last field but `last`.
std::string browser_head(std::size_t size_bytes, std::string_view last) {
  const std::string before = "GET /index.html?sid=42 HTTP/1.1\r\n" +
                             std::string(last.starts_with("Host") ? "" : "Host: www.example.com\r\n") + browser +
                             "Cookie: ";
  return filled_head(size_bytes, before, "; ", fmt::format("SID={}\r\n{}\r\n\r\n", key, last));
}

/// One whose URL is as long as it takes.
std::string url_head(std::size_t size_bytes, const std::string& begin, std::string_view between,
                     const std::string& end) {
  return filled_head(size_bytes, "GET " + begin, between,
                     end + " HTTP/1.1\r\nHost: www.example.com\r\n" + browser + "\r\n");
}

/// A server's response, the cookie sought the last field.
std::string response_head(std::size_t size_bytes) {
  return filled_head(size_bytes, "HTTP/1.1 200 OK\r\nServer: nginx\r\nSet-Cookie: ", "\r\nSet-Cookie: ",
                     fmt::format("SID={}; Path=/; HttpOnly\r\n\r\n", key));
}

extract::Value hello_value(std::string_view bytes,
                           extract::Value (*read)(std::string_view, extract::HelloScratch&) noexcept) {
  static extract::HelloScratch scratch;
  return read(bytes, scratch);
}

}  // namespace

Sought::Sought(const std::string& regex) : database_(compiled(regex)), scratch_(scratch_for(database_)) {}

ScanCase::ScanCase(std::string name, const std::string& bytes, Read read, std::string_view expected,
                   std::shared_ptr<Sought> usual)
    : name_(std::move(name)), buffers_(buffers, bytes), read_(std::move(read)), usual_(std::move(usual)) {
  if (read_(buffers_.front()) != extract::value_of(expected) || (usual_ && !usual_->first_end(buffers_.front()))) {
    throw std::runtime_error(name_ + ": not found");
  }
}

void ScanCase::run(std::uint64_t heads) const {
  for (std::uint64_t i = 0; i < heads; ++i) {
    const extract::Value found = read_(buffers_[i % buffers]);
    asm volatile("" : : "r"(found.bytes.data()) : "memory");
  }
}

void ScanCase::run_usual(std::uint64_t heads) const {
  for (std::uint64_t i = 0; i < heads; ++i) {
    const auto found = usual_->first_end(buffers_[i % buffers]);
    asm volatile("" : : "r"(found.value_or(0)) : "memory");
  }
}

namespace {

using namespace extract;

/// By size.
void add_heads(std::vector<ScanCase>& cases) {
  const auto cookie_pattern = std::make_shared<Sought>("[;: ]SID=");
  const auto field_pattern = std::make_shared<Sought>("\\nX-Session:");
  const auto after = std::make_shared<Sought>("; SID=");
  const Universal rule{0, ByteSet("; \r\n"), 64};
  for (const std::size_t size : {329u, 1107u, 3791u}) {
    const auto add = [&](std::string_view method, const std::string& head, ScanCase::Read read,
                         std::string_view expected, std::shared_ptr<Sought> usual = nullptr) {
      cases.emplace_back(fmt::format("l7.scan.{}.{}", method, size), head, std::move(read), expected, std::move(usual));
    };
    const std::string head = browser_head(size, fmt::format("X-Session: {}", key));
    add(
        "cookie", head, [](auto bytes) { return cookie(read_request(bytes), "SID"); }, key, cookie_pattern);
    add(
        "header", head, [](auto bytes) { return header(read_request(bytes), "x-session"); }, key, field_pattern);
    add(
        "universal", head,
        [=](auto bytes) { return universal(rule, after->database(), after->scratch(), bytes, Rest::may_come); }, key);
    add(
        "host", browser_head(size, "Host: www.example.org"), [](auto bytes) { return host(read_request(bytes)); },
        "www.example.org");
    add(
        "x_forwarded_for", browser_head(size, "X-Forwarded-For: 203.0.113.7, 10.0.0.2, 10.0.0.1"),
        [](auto bytes) {
          const net::Prefix ours{net::IpAddress::v4(0x0a000000), 8};
          const Address client =
              x_forwarded_for(read_request(bytes), [&](const auto& by) { return ours.contains(by); });
          return client.address == net::IpAddress::v4(0xcb007107) ? value_of("it") : Value{};
        },
        "it");
    add(
        "url_param", url_head(size, "/index.html?", "&", fmt::format("SID={}", key)),
        [](auto bytes) { return url_param(read_request(bytes), "SID"); }, key);
    const std::string url = url_head(size, "/", "/", "index.html");
    add(
        "path", url, [](auto bytes) { return path(read_request(bytes)); }, url.substr(4, url.find(' ', 4) - 4));
    add(
        "set_cookie", response_head(size), [](auto bytes) { return set_cookie(read_response(bytes), "SID"); }, key);
  }
}

void add_hellos(std::vector<ScanCase>& cases) {
  const std::string hello = extract::test::unhex(extract::test::resumed_tls13);
  cases.emplace_back(
      "l7.scan.sni", hello, [](auto bytes) { return hello_value(bytes, &sni); }, "web.example");
  cases.emplace_back(
      "l7.scan.ticket", hello, [](auto bytes) { return hello_value(bytes, &ticket_key_name); },
      extract::test::unhex(extract::test::seen_key_name));
  cases.emplace_back(
      "l7.scan.session_id", hello, [](auto bytes) { return hello_value(bytes, &session_id); }, hello.substr(44, 32));
}

/// Other protocols' first words, and what Limpet itself has said before.
void add_others(std::vector<ScanCase>& cases) {
  cases.emplace_back("l7.scan.rdp_mstshash", limpet::test::rdp_request("Cookie: mstshash=somebody\r\n"), &rdp_mstshash,
                     "somebody");
  cases.emplace_back(
      "l7.scan.rdp_msts", limpet::test::rdp_request("Cookie: msts=189934090.15629.0000\r\n"),
      [](auto bytes) { return rdp_msts(bytes).found == Found::value ? value_of("it") : Value{}; }, "it");
  cases.emplace_back("l7.scan.mqtt_client_id", limpet::test::mqtt_connect(key), &mqtt_client_id, key);
  const hash::Secret secret{};
  const CookieEpochs epochs{cookie_epoch(secret, "cookie/web", 2), cookie_epoch(secret, "cookie/web", 1),
                            cookie_epoch(secret, "cookie/web", 3)};
  std::string token(cookie_token_bytes, ' ');
  write_cookie_token(epochs.current, {7, 9}, 11, std::span<char, cookie_token_bytes>(token));
  cases.emplace_back(
      "l7.scan.token", token, [=](auto bytes) { return read_cookie_token(epochs, bytes) ? value_of("it") : Value{}; },
      "it");
}

}  // namespace

std::vector<ScanCase> scan_cases() {
  std::vector<ScanCase> cases;
  add_heads(cases);
  add_hellos(cases);
  add_others(cases);
  return cases;
}

}  // namespace limpet::perf
