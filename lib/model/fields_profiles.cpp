// The keys of persistence profiles.
#include "model/rows.hpp"

namespace limpet::model {

using namespace rows;

namespace {

constexpr std::array<std::string_view, 19> profile_type_words{
    "source_ip", "source_ip_port", "destination_ip",  "source_destination", "five_tuple",
    "none",      "cookie",         "header",          "url_param",          "path",
    "host",      "tls_sni",        "tls_session_id",  "tls_ticket",         "rdp_mstshash",
    "rdp_msts",  "mqtt_client_id", "x_forwarded_for", "universal"};
constexpr std::array<std::string_view, 5> by_words{"record", "route", "hash", "rewrite", "insert"};
constexpr std::array<std::string_view, 4> same_site_words{"lax", "strict", "none", "unset"};
constexpr std::array<std::string_view, 3> on_down_words{"reselect", "reset", "hold"};
constexpr std::array<std::string_view, 2> on_drain_words{"keep", "expire"};
constexpr std::array<std::string_view, 2> on_return_words{"stay", "return"};
constexpr std::array<std::string_view, 3> on_full_words{"algorithm", "evict_oldest", "refuse"};
constexpr std::array<std::string_view, 2> heavy_key_words{"stay", "split"};
constexpr std::array<std::string_view, 3> scope_words{"service", "pool", "global"};

const Section& set_cookie_section() {
  static const Section result = section<SetCookie>(
      "profiles.NAME.set_cookie",
      {value<SetCookie, &SetCookie::path>(text("path", "Path attribute.")),
       value<SetCookie, &SetCookie::domain>(text("domain", "Domain attribute; without it none.")),
       value<SetCookie, &SetCookie::max_age_ms>(
           duration("max_age", 0, 3650 * day, "Max-Age attribute; 0s: none, the cookie ends with the browser.")),
       value<SetCookie, &SetCookie::secure>(row(Kind::boolean, "secure", "Secure attribute.")),
       value<SetCookie, &SetCookie::http_only>(row(Kind::boolean, "http_only", "HttpOnly attribute.")),
       value<SetCookie, &SetCookie::same_site>(word("same_site", same_site_words, "SameSite attribute."))});
  return result;
}

}  // namespace

const Section& profile_section() {
  static const Section result = section<Profile>(
      "profiles.NAME",
      {value<Profile, &Profile::type>(required(word("type", profile_type_words, "What identifies a session."))),
       value<Profile, &Profile::name>(text("name", "cookie, header, url_param: its name.")),
       value<Profile, &Profile::by>(word(
           "by", by_words,
           "cookie and all that follow it in `type`: a record remembers the backend of each value; the value names "
           "the backend (route); or it is hashed. cookie alone: a token of Limpet's own names the backend, which takes "
           "the place of 28 equal characters that a backend gives the cookie (rewrite), or is put into the first "
           "response that lacks it (insert).")),
       value<Profile, &Profile::delimiter>(
           text("delimiter",
                "route: the backend's name follows the last of these characters; without one the value is "
                "the name. tls_ticket: the name is that of the ticket's key, without zeros at its end. "
                "With `part`: what stands between a header's parts.")),
       value<Profile, &Profile::learn>(
           row(Kind::boolean, "learn",
               "cookie, header, by record: what a response gives the cookie, or has in the header, is remembered. "
               "tls_session_id always learns, from the ServerHello.")),
       value<Profile, &Profile::close_on_conflict>(
           row(Kind::boolean, "close_on_conflict",
               "route, rewrite, insert: a later request on a connection that names another backend, which can take it, "
               "resets the connection; the client asks again on a new one.")),
       table<Profile, &Profile::set_cookie>(
           row(Kind::table, "set_cookie", "insert: attributes of the cookie (RFC 6265, section 4.1.2)."),
           set_cookie_section()),
       value<Profile, &Profile::part>(
           number("part", 0, 255,
                  "header: the key is this part of the value, counted from 1, between delimiters; path: this segment, "
                  "between slashes. 0: all of it.")),
       value<Profile, &Profile::prefix_bytes>(
           number("prefix_bytes", 0, 4096, "path: the key is its first bytes, so many; 0: all of it.")),
       value<Profile, &Profile::trusted>(
           many(Many::list, row(Kind::prefix, "trusted",
                                "x_forwarded_for: proxies whose word counts. The key is the nearest address that is "
                                "not one of theirs, of connections that come from one of them."))),
       value<Profile, &Profile::after>(
           text("after", "universal: a regular expression; the value begins where its first and shortest match ends.")),
       value<Profile, &Profile::until>(
           text("until",
                "universal: the bytes that end the value, each for itself; \\s is white space, \\r, \\n, \\t, "
                "\\xNN and \\\\ are single bytes. Without any the value has max_bytes.")),
       value<Profile, &Profile::max_bytes>(
           number("max_bytes", 1, 4096, "universal: a value is cut behind so many bytes.")),
       value<Profile, &Profile::prefix4>(number("prefix4", 1, 32, "Bits of an IPv4 client address that make the key.")),
       value<Profile, &Profile::prefix6>(
           number("prefix6", 1, 128, "Bits of an IPv6 client address that make the key.")),
       value<Profile, &Profile::idle_timeout_ms>(duration(
           "idle_timeout", second, 365 * day, "A record ends after this time without a packet of its session.")),
       value<Profile, &Profile::on_down>(
           word("on_down", on_down_words,
                "When the record's backend is down: choose another, reset new flows, or hold them.")),
       value<Profile, &Profile::on_drain>(
           word("on_drain", on_drain_words, "When the record's backend drains: keep the session, or let it move.")),
       value<Profile, &Profile::on_return>(
           word("on_return", on_return_words,
                "When the backend that a session had to leave for being down is up again: stay, or return to it.")),
       value<Profile, &Profile::scope>(
           word("scope", scope_words, "Who shares the records: one service, all services of the pool, or all.")),
       value<Profile, &Profile::max_life_ms>(
           duration("max_life", 0, 3650 * day, "A record ends at this age, used or not; 0s: never.")),
       value<Profile, &Profile::max_records>(
           number("max_records", 0, 4'000'000'000, "Records at most; 0: as many as the table holds.")),
       value<Profile, &Profile::on_full>(
           word("on_full", on_full_words,
                "When no record can be had: go by rendezvous alone, put out the oldest, or refuse the session.")),
       value<Profile, &Profile::max_imbalance>(
           {.name = "max_imbalance",
            .kind = Kind::ratio,
            .min = 0,
            .max = 1'000'000,
            .help = "A backend with more than this multiple of its fair share of connections gets no first contacts, "
                    "1.0 and up; 0: no cap."}),
       value<Profile, &Profile::heavy_key>(
           word("heavy_key", heavy_key_words,
                "A key that exceeds the cap, or half of it on a backend above it: it stays, or its new connections are "
                "split over backends.")),
       value<Profile, &Profile::override_limits>(
           row(Kind::boolean, "override_limits", "A session with a record may exceed its backend's max_connections.")),
       value<Profile, &Profile::backup>(
           row(Kind::name, "backup", "Profile to ask when this one finds no key in a packet."))});
  return result;
}

std::string_view by_name(By by) noexcept {
  return by_words[static_cast<std::size_t>(by)];
}

}  // namespace limpet::model
