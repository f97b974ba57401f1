#include "scan_cases.hpp"

#include <fmt/format.h>

#include <stdexcept>
#include <utility>

#include "extract/client_hello.hpp"
#include "extract/http_request.hpp"
#include "extract/universal.hpp"
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
  return value_or_throw(match::Database::compile(std::span(&pattern, 1), match::Mode::block, match::Report::all));
}

match::Scratch scratch_for(const match::Database& database) {
  const match::Database* all[] = {&database};
  return value_or_throw(match::Scratch::create(all));
}

/// A browser's request of so many bytes: the same lines in each, and cookies as many as it takes; the one sought comes
/// last of them, in the last but one field.
std::string browser_head(std::size_t size_bytes) {
  const std::string before =
      "GET /index.html?sid=42 HTTP/1.1\r\nHost: www.example.com\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\n"
      "Accept: text/html,*/*;q=0.8\r\nAccept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate, "
      "br\r\nCookie: ";
  const std::string after = fmt::format("SID={}\r\nX-Session: {}\r\n\r\n", key, key);
  std::string cookies;
  while (before.size() + cookies.size() + after.size() < size_bytes) {
    const std::size_t left = size_bytes - before.size() - cookies.size() - after.size();
    std::string pair = fmt::format("c{}={}", cookies.size(), std::string(40, 'v'));
    if (left < pair.size() + 40) {  // the last one fills up
      pair = "c=" + std::string(left > 4 ? left - 4 : 0, 'v');
    }
    cookies += pair + "; ";
  }
  std::string head = before + cookies + after;
  if (head.size() != size_bytes) {
    throw std::runtime_error(fmt::format("a head of {} bytes has {}", size_bytes, head.size()));
  }
  return head;
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

std::vector<ScanCase> scan_cases() {
  using namespace extract;
  std::vector<ScanCase> cases;
  const auto cookie_pattern = std::make_shared<Sought>("[;: ]SID=");
  const auto field_pattern = std::make_shared<Sought>("\\nX-Session:");
  for (const std::size_t size : {329u, 1107u, 3791u}) {
    const std::string head = browser_head(size);
    cases.emplace_back(
        fmt::format("l7.scan.cookie.{}", size), head, [](auto bytes) { return cookie(read_request(bytes), "SID"); },
        key, cookie_pattern);
    cases.emplace_back(
        fmt::format("l7.scan.header.{}", size), head,
        [](auto bytes) { return header(read_request(bytes), "x-session"); }, key, field_pattern);
  }
  const auto universal_pattern = std::make_shared<Sought>("; SID=");
  const Universal rule{0, ByteSet("; \r\n"), 64};
  cases.emplace_back(
      "l7.scan.universal.1107", browser_head(1107),
      [=](auto bytes) {
        return universal(rule, universal_pattern->database(), universal_pattern->scratch(), bytes, Rest::may_come);
      },
      key);
  const std::string hello = test::unhex(test::resumed_tls13);
  cases.emplace_back(
      "l7.scan.sni", hello, [](auto bytes) { return hello_value(bytes, &sni); }, "web.example");
  cases.emplace_back(
      "l7.scan.ticket", hello, [](auto bytes) { return hello_value(bytes, &ticket_key_name); },
      test::unhex(test::seen_key_name));
  return cases;
}

}  // namespace limpet::perf
