// A configuration that uses every section; shared by the tests of loading and printing.
#pragma once

#include <string_view>

namespace limpet::model {

inline constexpr std::string_view example = R"toml([limpetd]
socket = "/run/limpet/limpetd.sock"
state_dir = "/var/lib/limpet"       # small things: what the CLI set, dumps
tables = "/dev/hugepages/limpet"    # flows and records: hugetlbfs or tmpfs; a disk is refused
secret_file = "/etc/limpet/secret"  # 32 bytes, 0600, made at first start, equal on all nodes
workers = [0, 0, 1, 1]              # CPUs, one worker each, repeats allowed (EAL --lcores)
idle = "poll"                       # poll | sleep
eal = ["--no-pci", "--no-huge", "-m", "512"]
[limits]                            # all memory is taken at start
flows_max = 1000000                 # per worker
records_max = 4000000
held_max = "64MiB"

[ports.front]
device = "net_af_packet0,iface=front0"   # or a PCI address, "0000:3b:00.0"
mac = "02:00:00:00:00:01"           # optional; the device's own otherwise
addresses = ["192.0.2.1/24", "2001:db8:1::1/64"]
[ports.back]
device = "net_af_packet1,iface=back0"
addresses = ["198.51.100.1/24", "2001:db8:2::1/64"]
neighbors = { "198.51.100.11" = "02:00:00:00:00:11" }   # static entries, beside ARP/ND
routes = [{ to = "0.0.0.0/0", via = "198.51.100.254" }]
side = "backends"                   # clients | backends | both (default): a hint for RSS
# [ports.back.vlans.100] has a port's keys

[profiles.client]
type = "source_ip"
prefix4 = 32
prefix6 = 64
idle_timeout = "30m"

[pools.web]
algorithm = "rendezvous"
monitor = { type = "http", path = "/health", interval = "1s", timeout = "500ms", rise = 2, fall = 2 }
[pools.web.backends]
b1 = { address = "198.51.100.11:80", weight = 10 }
b2 = { address = ["198.51.100.12:80", "[2001:db8:2::12]:80"] }   # at most one per family

[services.web]
listen = "192.0.2.10:80/tcp"        # VIP or prefix; port or "*"; tcp | udp
forwarding = "nat"                  # nat | dr
pool = "web"
persist = ["client"]
)toml";

}  // namespace limpet::model
