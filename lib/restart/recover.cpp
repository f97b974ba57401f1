#include "restart/recover.hpp"

#include <cstring>
#include <optional>

#include "restart/names.hpp"

namespace limpet::restart {
namespace {

// Records of another thread's clock may be a little ahead.
constexpr std::uint32_t clock_slack_s = 2;

std::vector<bool> held(const plan::SlotMap& map) {
  std::vector<bool> slots(map.extent());
  map.each([&](const std::string&, std::uint32_t slot, bool) { slots[slot] = true; });
  return slots;
}

flow::Known known_flows(const plan::Slots& slots, Millis now_ms) {
  return {held(slots.listeners), held(slots.backends), held(slots.endpoints), Tick16(now_ms)};
}

record::Known known_records(const plan::Slots& slots, Millis now_ms) {
  return {held(slots.backends), held(slots.scopes), static_cast<std::uint32_t>(now_ms / 1000) + clock_slack_s};
}

/// Flow entries keep time in 16 bits: after a long pause their ages say nothing.
bool flows_are_too_old(const Old& old, Millis now_ms) {
  return now_ms / 1000 > old.alive_s + flow_timeout_max_ms / 1000;
}

std::optional<unsigned> worker_of(const hash::Owner& owner, const plan::Slots&, const flow::NarrowKey& key,
                                  const flow::NarrowEntry&) {
  return owner.owner(net::IpAddress::v4(key.client));
}
/// Nothing: of full NAT, and its answers would no longer come to the worker that its client's packets come to. A local
/// port that rests belongs to the worker that could use it.
std::optional<unsigned> worker_of(const hash::Owner& owner, const plan::Slots& slots, const flow::WideKey& key,
                                  const flow::WideEntry& entry) {
  if (key.direction == flow::Direction::forward || (entry.flags() & flow::flag::local) == 0) {
    return owner.owner(key.client);
  }
  const std::string& name = slots.endpoints.name(key.slot);  // "192.0.2.1:80/6"
  auto endpoint = net::Endpoint::parse(std::string_view(name).substr(0, name.rfind('/')));
  if (!endpoint) {
    return std::nullopt;
  }
  endpoint->l4_port = endpoint->l4_port != 0 ? endpoint->l4_port : key.server_port;
  const unsigned answers = owner.owner_of_answer(*endpoint, {key.client, key.client_port});
  const bool rests = (entry.flags() & flow::flag::rests) != 0;
  return rests || answers == owner.owner(entry.carried().vip) ? std::optional(answers) : std::nullopt;
}

template <class F>
void walk_all(const flow::Table& table, F&& f) {
  for (flow::Cursor cursor; !cursor.done;) {
    cursor = table.walk(cursor, 1u << 20, f);
  }
}

std::span<std::byte> table_of(std::span<std::byte> file) {
  return file.subspan(header_bytes);
}

/// The header of one file of the set that `first` belongs to.
Result<Header> read_member(std::span<const std::byte> file, Kind kind, const BootId& boot, const Header& first,
                           std::uint32_t worker, std::size_t size_bytes) {
  auto header = read_header(file, kind, boot);
  if (header && (header->set_id != first.set_id || !(header->geometry() == first.geometry()) ||
                 header->layout != first.layout || header->worker != worker)) {
    return fail("belongs to other tables");
  }
  if (header && header->size_bytes + header_bytes != size_bytes) {
    return fail("has a damaged header");
  }
  return header;
}

/// Records whose places are the same are copied as they lie: that loses none, however full the table.
record::Recovered refill_records(const Fresh& fresh, const Files& files, const Old& old, const record::Table& from,
                                 const record::Known& known) {
  Geometry same = fresh.geometry;
  same.records = old.geometry.records;
  same.key_id = old.geometry.key_id;
  if (old.layout != layout_now || !(same == fresh.geometry)) {
    return record::refill(fresh.tables.records, from, known, old.layout < 2);
  }
  std::memcpy(table_of(fresh.files.records).data(), table_of(files.records).data(),
              record::Table::bytes_needed(same.records));
  return record::adopt(fresh.tables.records, known);
}

/// Of a spliced connection's session, its record's.
bool has_places(std::uint32_t layout) {
  return layout >= 6;
}

tl::unexpected<Error> of_file(const std::string& name, const Error& error) {
  return fail("{} {}", name, error.text);
}

/// Bytes of one worker's; 0: there are no such files.
Result<std::uint64_t> read_spliced(const Files& files, const BootId& boot, const Header& names) {
  std::uint64_t size_bytes = 0;
  if (!files.spliced.empty() && files.spliced.size() != names.workers) {
    return fail("spliced{} is missing", files.spliced.size());
  }
  for (std::uint32_t i = 0; i < files.spliced.size(); ++i) {
    const std::string name = fmt::format("spliced{}", i);
    const auto first = read_header(files.spliced[0], Kind::spliced, boot);
    size_bytes = first ? first->size_bytes : 0;
    const auto header = read_member(files.spliced[i], Kind::spliced, boot, names, i, size_bytes + header_bytes);
    if (!header) {
      return of_file(name, header.error());
    }
    if (!splice::Table::is_size(size_bytes, has_places(names.layout))) {
      return fail("{} has a damaged header", name);
    }
  }
  return size_bytes;
}

constexpr unsigned scale_max = 14;  // of windows (RFC 7323, section 2.3)

/// Joined, and by what can be. What was put into a response that its client may want once more is not remembered.
bool accepts(const flow::Known& known, const splice::Entry& entry) {
  return entry.phase == splice::Phase::spliced && !entry.replying && !entry.owned &&
         entry.listener < known.listeners.size() && known.listeners[entry.listener] && entry.shift_in <= scale_max &&
         entry.back_by <= scale_max && !(entry.stamped && entry.edited);
}

/// An entry as it lay in layout 4.
struct EntryBefore {
  net::IpAddress client;
  std::uint16_t client_port, listener;
  std::uint32_t difference, waiting;
  splice::Phase phase;
  std::int8_t shift_in, shift_out;
  bool blanks_sack : 1, asked_anew : 1, owned : 1, edited : 1, requested : 1, owes_cookie : 1, unread : 1, replying : 1;
};
static_assert(sizeof(EntryBefore) == sizeof(splice::Entry) && std::is_trivially_copyable_v<EntryBefore>);

splice::Entry converted(const splice::Entry& entry) {
  EntryBefore before;
  std::memcpy(static_cast<void*>(&before), &entry, sizeof before);
  const bool is_one = before.phase == splice::Phase::spliced && before.shift_in >= 0;
  return splice::Entry{.client = before.client,
                       .client_port = before.client_port,
                       .listener = before.listener,
                       .difference = before.difference,
                       .waiting = before.waiting,
                       .phase = is_one ? splice::Phase::spliced : splice::Phase::none,
                       .shift_in = static_cast<std::uint32_t>(before.shift_in) & 0xf,
                       .blanks_sack = before.blanks_sack,
                       .asked_anew = before.asked_anew,
                       .back_by = static_cast<std::uint32_t>(std::abs(int{before.shift_out})) & 0xf,
                       .back_right = before.shift_out < 0,
                       .owned = before.owned,
                       .edited = before.edited,
                       .requested = before.requested,
                       .own_mark = splice::Entry::mark_of(before.waiting) & 0xfff,
                       .owes_cookie = before.owes_cookie,
                       .unread = before.unread,
                       .replying = before.replying};
}

std::uint64_t adopt_spliced(std::vector<splice::Table>& tables, const flow::Known& known) {
  std::uint64_t kept = 0;
  for (splice::Table& table : tables) {
    table.adopt([&](const splice::Entry& entry) { return accepts(known, entry); });
    kept += table.used();
  }
  return kept;
}

/// Where the record that lay there lies now.
std::uint32_t place_now(const record::Table& now, const record::Table& before, std::uint32_t place) {
  const auto key = before.key_at(place);
  return key ? now.place_of(*key, now.hash(*key)) : record::Table::nowhere;
}

/// Each to its client's owner. Without files for them nothing is kept. Records are there already.
std::uint64_t refill_spliced(const Fresh& fresh, Tables& from, const Old& old, const flow::Known& known,
                             const hash::Owner& owner) {
  std::vector<splice::Table>& to = fresh.tables.spliced;
  std::uint64_t kept = 0;
  for (splice::Table& table : from.spliced) {
    table.each([&](const splice::Entry& there) {
      const splice::Entry entry = old.layout < 5 ? converted(there) : there;
      const bool kept_now = !to.empty() && accepts(known, entry) &&
                            to[owner.owner(entry.client)].restore(
                                entry, place_now(fresh.tables.records, from.records, table.record_of(there)));
      kept += kept_now ? 1u : 0u;
    });
  }
  return kept;
}

}  // namespace

Keys keys_of(const hash::Secret& secret) {
  return {hash::derive_key(secret, "records"), hash::derive_key(secret, "flows"),
          hash::derive_key(secret, "name of the key").a};
}

std::size_t records_file_bytes(const Geometry& geometry) noexcept {
  return header_bytes + record::Table::bytes_needed(geometry.records);
}

std::size_t flows_file_bytes(const Geometry& geometry) noexcept {
  return header_bytes + flow::Table::bytes_needed(geometry.flows);
}

std::size_t spliced_file_bytes(const Geometry& geometry) noexcept {
  return header_bytes + geometry.spliced_bytes;
}

std::size_t names_file_bytes(const plan::Slots& slots) {
  return header_bytes + names_bytes_wanted(slots);
}

Result<Old> read(const Files& files, const BootId& boot, std::uint32_t backends_max) {
  const auto names = read_header(files.names, Kind::names, boot);
  if (!names) {
    return of_file("names", names.error());
  }
  Geometry geometry = names->geometry();
  if (!record::Table::possible(geometry.records) || !flow::Table::possible(geometry.flows) ||
      geometry.workers != files.flows.size()) {
    return fail("names has a damaged header");
  }
  if (auto spliced = read_spliced(files, boot, *names); spliced) {
    geometry.spliced_bytes = *spliced;
  } else {
    return tl::unexpected(spliced.error());
  }
  if (auto records = read_member(files.records, Kind::records, boot, *names, 0, records_file_bytes(geometry));
      !records) {
    return of_file("records", records.error());
  }
  for (std::uint32_t i = 0; i < files.flows.size(); ++i) {
    if (auto flows = read_member(files.flows[i], Kind::flows, boot, *names, i, flows_file_bytes(geometry)); !flows) {
      return of_file(fmt::format("flows{}", i), flows.error());
    }
  }
  auto slots = read_names(table_of(files.names), backends_max);
  if (!slots) {
    return of_file("names", slots.error());
  }
  return Old{names->layout, geometry, names->set_id, names->alive_s, std::move(*slots)};
}

Result<void> begin(const Files& files, const Geometry& geometry, const BootId& boot, std::uint64_t set_id,
                   const plan::Slots& slots) {
  if (!write_names(table_of(files.names), slots)) {
    return fail("no room for the names of services and backends");
  }
  const auto sign = [&](std::span<std::byte> file, Kind kind, std::uint32_t worker, std::size_t size_bytes) {
    write_header(file, make_header(kind, geometry, boot, set_id, worker, size_bytes - header_bytes));
  };
  sign(files.records, Kind::records, 0, records_file_bytes(geometry));
  for (std::uint32_t i = 0; i < files.flows.size(); ++i) {
    sign(files.flows[i], Kind::flows, i, flows_file_bytes(geometry));
  }
  for (std::uint32_t i = 0; i < files.spliced.size(); ++i) {
    sign(files.spliced[i], Kind::spliced, i, spliced_file_bytes(geometry));
  }
  sign(files.names, Kind::names, 0, files.names.size());
  return {};
}

void begin_larger_names(std::span<std::byte> larger, std::span<const std::byte> old_names, const plan::Slots& slots) {
  Header before{};
  std::memcpy(&before, old_names.data(), sizeof before);
  auto header =
      make_header(Kind::names, before.geometry(), before.boot, before.set_id, 0, larger.size() - header_bytes);
  header.alive_s = before.alive_s;
  write_header(larger, header);
  LIMPET_ASSERT(write_names(larger.subspan(header_bytes), slots));
}

Result<Tables> tables_in(const Files& files, const Geometry& geometry, const Keys& keys, std::uint32_t layout) {
  auto records = record::Table::create(table_of(files.records), geometry.records, keys.records);
  if (!records) {
    return tl::unexpected(records.error());
  }
  Tables tables{std::move(*records), {}, {}};
  for (const auto& file : files.flows) {
    auto flows = flow::Table::create(table_of(file), geometry.flows, keys.flows);
    if (!flows) {
      return tl::unexpected(flows.error());
    }
    tables.flows.push_back(std::move(*flows));
  }
  for (const auto& file : files.spliced) {
    tables.spliced.emplace_back(table_of(file).first(geometry.spliced_bytes), keys.flows, has_places(layout));
  }
  return tables;
}

Report adopt(Tables& tables, const Old& old, Millis now_ms) {
  flow::Known known = known_flows(old.slots, now_ms);
  if (flows_are_too_old(old, now_ms)) {
    known.listeners.clear();  // accepts none
  }
  Report report;
  for (flow::Table& flows : tables.flows) {
    const auto done = flow::adopt(flows, known);
    report.flow_entries += done.kept;
    report.flow_entries_dropped += done.dropped;
  }
  report.spliced = adopt_spliced(tables.spliced, known);
  const auto done = record::adopt(tables.records, known_records(old.slots, now_ms));
  report.records = done.kept;
  report.records_dropped = done.dropped;
  return report;
}

Result<Report> refill(const Fresh& fresh, const Files& files, const Old& old, const hash::Owner& owner, Millis now_ms) {
  auto from = tables_in(files, old.geometry, {}, old.layout);
  if (!from) {
    return tl::unexpected(from.error());
  }
  Tables& tables = fresh.tables;
  Report report;
  const flow::Known known = known_flows(old.slots, now_ms);
  std::uint64_t seen = 0;
  for (const flow::Table& flows : from->flows) {
    if (flows_are_too_old(old, now_ms)) {
      break;
    }
    walk_all(flows, [&](const auto& key, const auto& entry) {
      ++seen;
      if (const auto worker = worker_of(owner, old.slots, key, entry)) {
        flow::restore(tables.flows[*worker], known, key, entry);
      }
    });
  }
  for (flow::Table& flows : tables.flows) {
    report.flow_entries += flow::adopt(flows, known).kept;  // ends those whose other half found no room
  }
  report.flow_entries_dropped = seen - report.flow_entries;
  const auto done = refill_records(fresh, files, old, from->records, known_records(old.slots, now_ms));
  report.records = done.kept;
  report.records_dropped = done.dropped;
  report.spliced = flows_are_too_old(old, now_ms) ? 0 : refill_spliced(fresh, *from, old, known, owner);
  return report;
}

}  // namespace limpet::restart
