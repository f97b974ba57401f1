// The keys of the daemon and of sizes.
#include "model/rows.hpp"

namespace limpet::model {

using namespace rows;

namespace {

constexpr std::array<std::string_view, 2> idle_words{"poll", "sleep"};

}  // namespace

const Section& limpetd_section() {
  static const Section result = section<Daemon>(
      "limpetd",
      {value<Daemon, &Daemon::socket>(
           restart(text("socket", "Unix socket of the daemon, which limpetctl connects to."))),
       value<Daemon, &Daemon::state_dir>(
           restart(text("state_dir", "Directory of what the command line set, such as the state of backends."))),
       value<Daemon, &Daemon::tables>(
           restart(text("tables", "Directory of the flow and record tables: hugetlbfs or tmpfs; a disk is refused."))),
       value<Daemon, &Daemon::secret_file>(restart(text(
           "secret_file", "File of 32 bytes, made at first start; must be equal on all nodes that share clients."))),
       value<Daemon, &Daemon::workers>(
           restart(many(Many::list, number("workers", 0, 1023, "The CPU of each worker; repeats are allowed.")))),
       value<Daemon, &Daemon::idle>(restart(
           word("idle", idle_words, "What a worker without packets does: poll on, or sleep at most 100 us a turn."))),
       value<Daemon, &Daemon::time_devices>(
           restart(row(Kind::boolean, "time_devices",
                       "Workers time each call of a device, for `show workers`; it costs some cycles a call."))),
       value<Daemon, &Daemon::eal>(
           restart(many(Many::list, text("eal", "Arguments for DPDK's environment layer, one a string."))))});
  return result;
}

const Section& limits_section() {
  static const Section result = section<Limits>(
      "limits",
      {value<Limits, &Limits::flows_max>(restart(number("flows_max", 64, 1'000'000'000, "Flows of one worker."))),
       value<Limits, &Limits::records_max>(
           restart(number("records_max", 64, 4'000'000'000, "Persistence records of the node."))),
       value<Limits, &Limits::held_max_bytes>(restart({.name = "held_max",
                                                       .kind = Kind::size,
                                                       .min = 0,
                                                       .max = 1ULL << 40,
                                                       .help = "Memory for packets that wait."})),
       value<Limits, &Limits::fragments_max>(restart(number(
           "fragments_max", 64, 1'000'000, "Datagrams of one worker whose fragments are under way at one time."))),
       value<Limits, &Limits::fragments_held_max>(restart(
           number("fragments_held_max", 0, 65536, "Fragments of one worker that wait for their datagram's first."))),
       value<Limits, &Limits::fragment_timeout_ms>(restart(duration(
           "fragment_timeout", 100, 60 * second, "How long fragments wait, and a datagram's are looked for."))),
       value<Limits, &Limits::delayed_max>(restart(
           number("delayed_max", 64, 1'000'000,
                  "Connections of one worker that wait for what their client says, or for their backend; they hold as "
                  "many packets together, and as many responses are in hand at one time."))),
       value<Limits, &Limits::icmp_errors_max>(
           restart(number("icmp_errors_max", 0, 1'000'000, "ICMP errors that one worker makes in a second."))),
       value<Limits, &Limits::embryonic_max>(
           restart(number("embryonic_max", 0, 1'000'000'000,
                          "Flows of one worker whose client has not shown its address yet, which is what a SYN flood "
                          "makes; they displace each other only. 0: a sixteenth of flows_max."))),
       value<Limits, &Limits::sources_max>(
           restart(number("sources_max", 64, 1'000'000'000,
                          "Sources of one worker that limits.per_source of all services can tell apart at a time.")))});
  return result;
}

}  // namespace limpet::model
