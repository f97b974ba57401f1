// What a wrong file gives: the exact place, and what was found and expected.
#include <gtest/gtest.h>

#include <string>

#include "model/load.hpp"

namespace limpet::model {
namespace {

struct Wrong {
  std::string_view name;
  std::string toml;
  std::vector<std::string> problems;
};

std::ostream& operator<<(std::ostream& out, const Wrong& row) {
  return out << row.name;
}

class File : public testing::TestWithParam<Wrong> {};

TEST_P(File, is_refused_with_its_problems) {
  const auto loaded = load_text(GetParam().toml, "f");
  EXPECT_FALSE(loaded.model);
  std::vector<std::string> texts;
  for (const auto& problem : loaded.problems) {
    texts.push_back(problem.text());
  }
  EXPECT_EQ(texts, GetParam().problems);
}

std::string name_of_row(const testing::TestParamInfo<Wrong>& info) {
  return std::string(info.param.name);
}

INSTANTIATE_TEST_SUITE_P(
    Syntax, File,
    testing::Values(
        Wrong{"unfinished",
              "[limpetd\n",
              {"f:1:9: found the end of the line, expected valid TOML (Error while parsing table header: "
               "expected ']', saw '\\n')"}},
        Wrong{"no_value",
              "\n[limits]\nflows_max =\n",
              {"f:3:12: found the end of the line, expected valid TOML (Error while parsing key-value "
               "pair: expected value, saw '\\n')"}},
        Wrong{"no_item",
              "[limpetd]\n\neal = [\"a\", }\nx = 1\n",
              {"f:3:13: found \"}\", expected valid TOML (no value or key where one must be)"}},
        Wrong{"no_name", "[.a]\n", {"f:1:1: found \"[.a]\", expected valid TOML (a table's header begins with a key)"}},
        Wrong{"twice",
              "[limits]\nflows_max = 64\nflows_max = 65\n",
              {"f:3:13: found \"65\", expected valid TOML (Error while parsing key-value pair: cannot "
               "redefine existing integer 'flows_max')"}},
        Wrong{"control",
              std::string("a = \"\0\"", 7),
              {"f:1:6: found \"\\x00\"\", expected valid TOML (Error while parsing string: unescaped "
               "control characters other than TAB (U+0009) are explicitly prohibited)"}},
        Wrong{"not_utf8",
              "a = \"\xff\xfe\"",
              {"f:1:5: found \"\"\xFF\xFE\"\", expected valid TOML (Encountered invalid utf-8 sequence)"}}),
    name_of_row);

INSTANTIATE_TEST_SUITE_P(
    Keys, File,
    testing::Values(
        Wrong{"misspelt_section",
              "[servces.web]\n",
              {"f:1:2: found \"servces\", expected a section of the file (did you mean \"services\"?)"}},
        Wrong{"misspelt_key",
              "[pools.web]\nalgoritm = \"rendezvous\"\n",
              {"f:2:1: found \"algoritm\", expected a key of [pools.web] (did you mean \"algorithm\"?)"}},
        Wrong{"strange_key",
              "[pools.web]\nzzz = 1\n",
              {"f:2:1: found \"zzz\", expected a key of [pools.web] (one of: algorithm, slow_start, min_active, "
               "passive, monitor, backends)"}},
        Wrong{
            "misspelt_nested",
            "[services.s]\nlisten = \"192.0.2.1:80/tcp\"\npool = \"p\"\ntimeouts = { establishd = \"1h\" "
            "}\n[pools.p]\n",
            {"f:4:14: found \"establishd\", expected a key of [services.s.timeouts] (did you mean \"established\"?)"}},
        Wrong{"all_at_once",
              "[limits]\nflow_max = 1\n[profiles.c]\ntype = \"source-ip\"\nprefix4 = 33\nidle_timeout = "
              "30\n[limpetd]\nidle = 'slep'\n",
              {"f:2:1: found \"flow_max\", expected a key of [limits] (did you mean \"flows_max\"?)",
               "f:4:8: found \"source-ip\", expected \"source_ip\", \"source_ip_port\", \"destination_ip\", "
               "\"source_destination\", \"five_tuple\", \"none\", \"cookie\", \"header\", "
               "\"url_param\", \"path\", \"host\", \"tls_sni\", \"tls_session_id\", \"tls_ticket\", "
               "\"rdp_mstshash\", \"rdp_msts\", \"mqtt_client_id\", \"x_forwarded_for\" or \"universal\" (did you mean "
               "\"source_ip\"?)",
               "f:5:11: found 33, expected an integer, 1 to 32",
               "f:6:16: found 30, expected a duration such as \"1h30m\" or \"500ms\", 1s to 365d (with a unit and in "
               "quotes)",
               "f:8:8: found \"slep\", expected \"poll\" or \"sleep\" (did you mean \"sleep\"?)"}},
        Wrong{"missing",
              "[ports.p]\n[services.s]\npool = \"web\"\n[pools.web.backends]\nb = { weight = 1 }\n",
              {"f:1:8: found no \"device\" in [ports.p], expected a text",
               "f:2:11: found no \"listen\" in [services.s], expected a listen address such as \"192.0.2.10:80/tcp\", "
               "\"[2001:db8::10]:*/udp\" or \"192.0.2.0/24:80/tcp\"; one or a list",
               "f:5:1: found no \"address\" in [pools.web.backends.b], expected an address, with or without a port, "
               "such as \"192.0.2.1:80\" or \"[2001:db8::1]:80\"; one or a list"}},
        Wrong{"bad_names",
              "[pools.\"a b\"]\n[ports.p.vlans.4095]\n[ports.q.vlans.007]\n[profiles.\"\"]\ntype = \"source_ip\"\n",
              {"f:1:8: found \"a b\", expected a name (1 to 63 of A-Z a-z 0-9 _ . -)",
               "f:2:8: found no \"device\" in [ports.p], expected a text",
               "f:2:16: found \"4095\", expected an integer, 1 to 4094",
               "f:3:8: found no \"device\" in [ports.q], expected a text",
               "f:3:16: found \"007\", expected an integer, 1 to 4094",
               "f:4:11: found \"\", expected a name (1 to 63 of A-Z a-z 0-9 _ . -)"}},
        Wrong{"vlan_keys",
              "[ports.p]\ndevice = \"d\"\n[ports.p.vlans.1]\nmac = \"02:00:00:00:00:01\"\n",
              {"f:4:1: found \"mac\", expected a key of [ports.p.vlans.1] (one of: addresses, neighbors, routes, side, "
               "transit)"}}),
    name_of_row);

INSTANTIATE_TEST_SUITE_P(
    Values, File,
    testing::Values(
        Wrong{"types",
              "limits = 5\nports = []\n[limpetd]\nsocket = 1\nworkers = 0\neal = [\"a\", 2, [], {}, 1.5, true, "
              "1979-05-27]\nidle = {}\n",
              {"f:1:10: found 5, expected a table", "f:2:9: found a list, expected tables by name",
               "f:4:10: found 1, expected a text", "f:5:11: found 0, expected a list; each an integer, 0 to 1023",
               "f:6:13: found 2, expected a text", "f:6:16: found a list, expected a text",
               "f:6:20: found a table, expected a text", "f:6:24: found 1.5, expected a text",
               "f:6:29: found true, expected a text", "f:6:35: found 1979-05-27, expected a text",
               "f:7:8: found a table, expected \"poll\" or \"sleep\""}},
        Wrong{"numbers",
              "[limits]\nflows_max = -1\nrecords_max = \"7\"\nheld_max = 64\n[limpetd]\nworkers = [0, 1024]\n",
              {"f:2:13: found -1, expected an integer, 64 to 1000000000",
               "f:3:15: found \"7\", expected an integer, 64 to 4000000000 (without quotes)",
               "f:4:12: found 64, expected a size such as \"64MiB\", 0B to 1TiB (with a unit and in quotes)",
               "f:6:15: found 1024, expected an integer, 0 to 1023"}},
        Wrong{
            "durations",
            "[profiles.c]\ntype = \"source_ip\"\nidle_timeout = \"0s\"\n[services.s]\nlisten = "
            "\"192.0.2.1:80/tcp\"\npool = \"p\"\ntimeouts = { embryonic = \"10h\", udp = \"5\" }\n[pools.p]\n",
            {"f:3:16: found \"0s\", expected a duration such as \"1h30m\" or \"500ms\", 1s to 365d",
             "f:7:26: found \"10h\", expected a duration such as \"1h30m\" or \"500ms\", 1s to 9h",
             "f:7:39: found \"5\", expected a duration such as \"1h30m\" or \"500ms\", 1s to 9h (units: d h m s ms)"}},
        Wrong{"addresses",
              "[ports.p]\ndevice = \"d\"\nmac = \"02:00:00:00:00\"\naddresses = [\"192.0.2.300/24\", "
              "\"192.0.2.1/33\"]\nneighbors = { \"x\" = \"02:00:00:00:00:01\", \"192.0.2.9\" = \"y\" }\nroutes = [{ to "
              "= \"0.0.0.0/0\", via = \"gateway\" }, 7]\n",
              {"f:3:7: found \"02:00:00:00:00\", expected a MAC address such as \"02:00:00:00:00:01\"",
               "f:4:14: found \"192.0.2.300/24\", expected an address and prefix length such as \"192.0.2.1/24\"",
               "f:4:32: found \"192.0.2.1/33\", expected an address and prefix length such as \"192.0.2.1/24\"",
               "f:5:15: found \"x\", expected an IP address",
               "f:5:56: found \"y\", expected a MAC address such as \"02:00:00:00:00:01\"",
               "f:6:37: found \"gateway\", expected an IP address", "f:6:50: found 7, expected a table"}},
        Wrong{"listen",
              "[services.s]\nlisten = [\"192.0.2.1:80\", \"192.0.2.2:80/sctp\"]\npool = \"p\"\n[pools.p]\n",
              {"f:2:11: found \"192.0.2.1:80\", expected a listen address such as \"192.0.2.10:80/tcp\", "
               "\"[2001:db8::10]:*/udp\" or \"192.0.2.0/24:80/tcp\"",
               "f:2:27: found \"192.0.2.2:80/sctp\", expected a listen address such as \"192.0.2.10:80/tcp\", "
               "\"[2001:db8::10]:*/udp\" or \"192.0.2.0/24:80/tcp\""}},
        Wrong{"empty_lists",
              "[limpetd]\nworkers = []\n[services.s]\nlisten = []\npool = \"p\"\n[pools.p.backends]\nb = { address = "
              "[] }\n",
              {"f:2:1: found 0 workers, expected 1 to 127",
               "f:4:10: found an empty list, expected a listen address such as \"192.0.2.10:80/tcp\", "
               "\"[2001:db8::10]:*/udp\" or \"192.0.2.0/24:80/tcp\"; one or a list",
               "f:7:17: found an empty list, expected an address, with or without a port, such as \"192.0.2.1:80\" or "
               "\"[2001:db8::1]:80\"; one or a list"}},
        Wrong{"texts",
              "[limpetd]\nsocket = \"\"\nsecret_file = \"a\\u0000b\"\n",
              {"f:2:10: found \"\", expected a text (1 to 4096 bytes)",
               "f:3:15: found \"a\\x00b\", expected a text (control characters are not allowed)"}}),
    name_of_row);

INSTANTIATE_TEST_SUITE_P(
    Whole, File,
    testing::Values(
        Wrong{"references",
              "[pools.web]\n[profiles.client]\ntype = \"source_ip\"\n[services.s]\nlisten = \"192.0.2.1:80/tcp\"\npool "
              "= \"wbe\"\npersist = [\"clint\", \"client\", \"client\"]\n",
              {"f:6:1: found \"wbe\", expected the name of a pool (did you mean \"web\"?)",
               "f:7:12: found \"clint\", expected the name of a profile (did you mean \"client\"?)",
               "f:7:31: found \"client\" again, expected each profile once"}},
        Wrong{"listens_twice",
              "[pools.p]\n[services.a]\nlisten = \"192.0.2.1:80/tcp\"\npool = \"p\"\n[services.b]\nlisten = "
              "[\"192.0.2.1:80/udp\", \"192.0.2.1:80/tcp\"]\npool = \"p\"\n",
              {"f:6:31: found \"192.0.2.1:80/tcp\" again, expected each listen address once (also services.a.listen)"}},
        Wrong{"backend_families",
              "[pools.p.backends]\nb = { address = [\"192.0.2.1:80\", \"192.0.2.2:80\"] }\nc = { address = "
              "[\"2001:db8::1\", \"2001:db8::2\"] }\nd = { address = \"192.0.2.1:80\" }\ne = { address = "
              "\"224.0.0.1:80\" }\n",
              {"f:2:7: found a second IPv4 address, expected at most one address per family",
               "f:3:7: found a second IPv6 address, expected at most one address per family",
               "f:4:7: found \"192.0.2.1:80\" again, expected one backend an address (also backend \"b\")",
               "f:5:7: found \"224.0.0.1:80\", expected the address of a host"}},
        Wrong{"weight",
              "[pools.p.backends]\nb = { address = \"192.0.2.1:80\", weight = 1000001, state = \"off\" }\n",
              {"f:2:42: found 1000001, expected an integer, 0 to 1000000",
               "f:2:59: found \"off\", expected \"enabled\", \"drain\" or \"offline\""}},
        Wrong{
            "own_addresses",
            "[ports.p]\ndevice = \"d\"\naddresses = [\"192.0.2.1/24\", \"192.0.2.1/32\", "
            "\"239.0.0.1/8\"]\n[ports.q]\ndevice = \"e\"\naddresses = [\"192.0.2.2/24\"]\n[services.s]\nlisten = "
            "\"192.0.2.1:80/tcp\"\npool = \"p\"\n[pools.p.backends]\nb = { address = \"192.0.2.2\" }\n",
            {"f:3:30: found \"192.0.2.1\" again, expected an address of its own (also ports.p.addresses[0])",
             "f:3:46: found \"239.0.0.1/8\", expected the address of a host",
             "f:6:14: found network \"192.0.2.0/24\" again, expected each network on one interface (also on ports.p)",
             "f:8:1: found Limpet's own address \"192.0.2.1\", expected a virtual address (also ports.p.addresses[0])",
             "f:11:7: found Limpet's own address \"192.0.2.2\", expected the address of a server (also "
             "ports.q.addresses[0])"}},
        Wrong{"vip_is_backend",
              "[services.s]\nlisten = \"192.0.2.9:80/tcp\"\npool = \"p\"\n[pools.p.backends]\nb = { address = "
              "\"192.0.2.9\" }\n",
              {"f:2:1: found the address of a backend, \"192.0.2.9\", expected a virtual address (also "
               "pools.p.backends.b)"}},
        Wrong{"host_bits",
              "[services.s]\nlisten = \"192.0.2.9/24:80/tcp\"\npool = \"p\"\n[pools.p]\n[ports.p]\ndevice = "
              "\"d\"\naddresses = [\"198.51.100.1/24\"]\nroutes = [{ to = \"203.0.113.1/24\", via = \"198.51.100.2\" "
              "}]\n",
              {"f:2:1: found \"192.0.2.9/24:80/tcp\", expected \"192.0.2.0/24:80/tcp\" (bits behind the length must be "
               "zero)",
               "f:8:13: found \"203.0.113.1/24\", expected \"203.0.113.0/24\" (bits behind the length must be zero)"}},
        Wrong{"routes",
              "[ports.p]\ndevice = \"d\"\naddresses = [\"198.51.100.1/24\"]\nroutes = [{ to = \"0.0.0.0/0\", via = "
              "\"198.51.100.1\" }, { to = \"0.0.0.0/0\", via = \"198.51.100.2\" }, { to = \"::/0\", via = "
              "\"198.51.100.2\" }, { to = \"203.0.113.0/24\", via = [\"198.51.101.2\"] }]\n",
              {"f:4:31: found \"198.51.100.1\", expected an address on one of this interface's networks",
               "f:4:55: found a second route to \"0.0.0.0/0\", expected one route with several next hops (also "
               "ports.p.routes[0])",
               "f:4:114: found \"198.51.100.2\", expected a next hop of the destination's family",
               "f:4:163: found \"198.51.101.2\", expected an address on one of this interface's networks"}},
        Wrong{"devices",
              "[ports.p]\ndevice = \"net_null0,size=1\"\nkernel = \"net_null1\"\n[ports.q]\ndevice = "
              "\"net_null0\"\n[ports.r]\ndevice = \"net_null1\"\n",
              {"f:5:1: found device \"net_null0\" again, expected a device of its own (used by ports.p.device)",
               "f:7:1: found device \"net_null1\" again, expected a device of its own (used by ports.p.kernel)"}},
        Wrong{
            "kernel",
            "[ports.p]\ndevice = \"d\"\ntransit = \"kernel\"\n[ports.p.vlans.7]\ntransit = \"kernel\"\n",
            {"f:3:1: found \"kernel\" on a port without a kernel device, expected kernel = \"DEVICE\" on the port too",
             "f:5:1: found \"kernel\" on a port without a kernel device, expected kernel = \"DEVICE\" on the port "
             "too"}},
        Wrong{"vlan_name",
              "[ports.p]\ndevice = \"d\"\n[ports.p.vlans.7]\n[ports.\"p.7\"]\ndevice = \"e\"\n",
              {"f:3:16: found VLAN 7 of a port beside a port \"p.7\", expected another name for that port (a VLAN is "
               "shown as PORT.ID)"}},
        Wrong{"macs",
              "[ports.p]\ndevice = \"d\"\nmac = \"01:00:5e:00:00:01\"\nneighbors = { \"192.0.2.1\" = "
              "\"ff:ff:ff:ff:ff:ff\", \"0.0.0.0\" = \"02:00:00:00:00:01\" }\n",
              {"f:3:1: found \"01:00:5e:00:00:01\", expected a unicast MAC address",
               "f:4:15: found \"ff:ff:ff:ff:ff:ff\", expected a unicast MAC address",
               "f:4:50: found \"0.0.0.0\", expected the address of a host"}},
        Wrong{"monitors",
              "[pools.p]\nmonitor = [{ type = \"http\", timeout = \"2s\" }, { type = \"tcp\", path = \"/\" }, { type = "
              "\"http\", path = \"health\", host = \"a b\" }]\nbackends = { b = { address = \"192.0.2.1\" } }\n",
              {"f:2:12: found a monitor without l4_port for a backend without a port, expected l4_port = PORT",
               "f:2:29: found \"2s\", expected at most the interval, 1s",
               "f:2:47: found a monitor without l4_port for a backend without a port, expected l4_port = PORT",
               "f:2:63: found \"path\" in a tcp monitor, expected type = \"http\"",
               "f:2:77: found a monitor without l4_port for a backend without a port, expected l4_port = PORT",
               "f:2:94: found \"health\", expected a path that begins with \"/\" and has no spaces",
               "f:2:111: found \"a b\", expected a host name"}},
        Wrong{"direct_return",
              "[services.s]\nlisten = \"192.0.2.9:80/tcp\"\npool = \"p\"\nforwarding = \"dr\"\n[pools.p.backends]\nb = "
              "{ address = \"192.0.2.8:8080\" }\n",
              {"f:4:1: found \"dr\" with backend \"b\" at \"192.0.2.8:8080\", expected backends without a port, or "
               "with that of \"192.0.2.9:80/tcp\" (direct return keeps ports)"}},
        Wrong{
            "full_nat",
            "[ports.p]\ndevice = \"d\"\naddresses = [\"198.51.100.1/24\"]\n[pools.p.backends]\nb = { address = "
            "\"198.51.100.8:80\" }\nc = { address = \"[2001:db8::8]:80\" }\n[services.s]\nlisten = "
            "\"192.0.2.0/24:80/tcp\"\npool = \"p\"\nforwarding = \"full_nat\"\nlocal_addresses = [\"198.51.100.0/28\", "
            "\"192.0.2.77\", \"198.51.100.33/28\", \"203.0.112.0/22\"]\n",
            {"f:8:1: found \"192.0.2.0/24:80/tcp\", expected one address a listen address, with full_nat",
             "f:11:1: found no address of the family of backend \"c\", expected local addresses of each backend's "
             "family",
             "f:11:20: found Limpet's own address \"198.51.100.1\", expected addresses that nothing else has (also "
             "ports.p.addresses[0])",
             "f:11:20: found the address of a backend, \"198.51.100.8\", expected addresses that nothing else has "
             "(also pools.p.backends.b)",
             "f:11:39: found the virtual address \"192.0.2.0/24:80/tcp\", expected addresses that nothing else has "
             "(also services.s.listen)",
             "f:11:53: found \"198.51.100.33/28\", expected \"198.51.100.32/28\" (bits behind the length must be zero)",
             "f:11:73: found \"203.0.112.0/22\", expected a prefix of at most 256 addresses"}},
        Wrong{"no_locals",
              "[pools.p.backends]\nb = { address = \"198.51.100.8:80\" }\n[services.s]\nlisten = "
              "\"192.0.2.1:80/tcp\"\npool = \"p\"\nforwarding = \"full_nat\"\n[services.t]\nlisten = "
              "\"192.0.2.2:80/tcp\"\npool = \"p\"\nlocal_addresses = [\"198.51.100.9\"]\n",
              {"f:6:1: found \"full_nat\", expected local_addresses beside it (backends see them in place of clients)",
               "f:10:1: found local addresses without full NAT, expected forwarding = \"full_nat\" beside them"}},
        Wrong{
            "client_address",
            "[pools.p.backends]\nb = { address = \"198.51.100.8:80\" }\n[services.s]\nlisten = [\"192.0.2.1:80/tcp\", "
            "\"192.0.2.1:53/udp\"]\npool = \"p\"\nforwarding = \"full_nat\"\nlocal_addresses = [\"198.51.100.9\"]\n"
            "client_address = \"proxy_v2\"\n[services.t]\nlisten = \"192.0.2.2:80/tcp\"\npool = \"p\"\n"
            "client_address = \"toa\"\n",
            {"f:4:31: found \"192.0.2.1:53/udp\", expected TCP alone, with client_address (datagrams have no "
             "connection that could begin with a client's address)",
             "f:12:1: found another forwarding mode than full NAT, expected forwarding = \"full_nat\" beside it (all "
             "others leave backends the client's own address)"}},
        Wrong{"access_lists",
              "[pools.p]\n[services.s]\nlisten = \"192.0.2.9:80/tcp\"\npool = \"p\"\nallow = [\"10.0.0.1/8\", "
              "\"10.1.0.0/16\"]\ndeny = [\"10.1.0.0/16\", \"10.0.0.0/8\"]\n",
              {"f:5:10: found \"10.0.0.1/8\", expected \"10.0.0.0/8\" (bits behind the length must be zero)",
               "f:6:9: found \"10.1.0.0/16\" again, expected each prefix once, in allow or in deny (also "
               "services.s.allow[1])"}},
        Wrong{"limits",
              "[limits]\nflows_max = 1000\nembryonic_max = 1001\n[pools.p]\n[services.s]\nlisten = "
              "\"192.0.2.9:80/tcp\"\npool = \"p\"\nlimits = { burst = 1, per_source = { new_flows_per_s = 1501, "
              "burst = 3 } }\n",
              {"f:3:1: found 1001, expected at most flows_max, 1000",
               "f:8:12: found 1, expected new_flows_per_s beside it",
               "f:8:62: found 3, expected at least 4, for 1501 new flows a second"}},
        Wrong{
            "tunnel_of_none",
            "[services.s]\nlisten = \"192.0.2.9:80/tcp\"\npool = \"p\"\nforwarding = \"dr\"\nmax_mss = 100\ntunnel = { "
            "ttl = 9 "
            "}\n[pools.p.backends]\nb = { address = \"192.0.2.8\" }\n",
            {"f:5:1: found 100, expected 0 for any, or 536 and up",
             "f:6:10: found a tunnel of a service with forwarding = \"dr\", expected forwarding = \"ipip\", \"gre\" or "
             "\"gue\""}},
        Wrong{"tunnel",
              "[services.s]\nlisten = \"192.0.2.9:80/tcp\"\npool = \"p\"\nforwarding = \"gue\"\ntunnel = { sources = "
              "[\"224.0.0.1\", \"192.0.2.3\", \"192.0.2.3\", \"2001:db8::8\"] }\n[pools.p]\npassive = { failures = 3 "
              "}\n[pools.p.backends]\nb = { address = \"[2001:db8::8]:81\" }\n",
              {"f:4:1: found \"gue\" with backend \"b\" at \"[2001:db8::8]:81\", expected backends without a port, or "
               "with that of \"192.0.2.9:80/tcp\" (direct return keeps ports)",
               "f:4:1: found \"gue\", expected \"nat\" with a pool that has passive health (answers that do not pass "
               "Limpet tell it nothing)",
               "f:5:23: found \"224.0.0.1\", expected the address of a host",
               "f:5:49: found \"192.0.2.3\" again, expected each address once",
               "f:5:62: found the address of a backend, \"2001:db8::8\", expected an address of Limpet's (also "
               "pools.p.backends.b)"}},
        Wrong{
            "tunnel_and_full_nat",
            "[services.s]\nlisten = \"192.0.2.9:80/tcp\"\npool = \"p\"\nforwarding = \"gre\"\ntunnel = { sources = "
            "[\"198.51.100.9\"] }\n[services.a]\nlisten = \"192.0.2.8:80/tcp\"\npool = \"p\"\nforwarding = "
            "\"full_nat\"\nlocal_addresses = [\"198.51.100.8/31\"]\n[pools.p.backends]\nb = { address = "
            "\"198.51.100.1\" }\n",
            {"f:10:20: found the source of a tunnel, \"198.51.100.9\", expected addresses that nothing else has (also "
             "services.s.tunnel.sources[0])"}},
        Wrong{"long_socket",
              "[limpetd]\nsocket = \"/" + std::string(107, 'x') + "\"\n",
              {"f:2:1: found a path of 108 bytes, expected at most 107"}}),
    name_of_row);

constexpr std::string_view cookie_head = "[profiles.c]\ntype = \"cookie\"\nname = \"SRV\"\n";
std::string cookie(std::string_view more) {
  return std::string(cookie_head).append(more);
}

INSTANTIATE_TEST_SUITE_P(
    Cookies, File,
    testing::Values(
        Wrong{"by_of_an_address",
              "[profiles.c]\ntype = \"source_ip\"\nby = \"insert\"\n",
              {"f:1:11: found \"\", expected letters, digits and !#$%&'*+-.^_`|~",
               "f:3:1: found \"insert\", expected a type that reads what clients say",
               "f:3:1: found \"insert\", expected type = \"cookie\" beside it"}},
        Wrong{"token_in_a_header",
              "[profiles.c]\ntype = \"header\"\nname = \"x\"\nby = \"rewrite\"\n",
              {"f:4:1: found \"rewrite\", expected type = \"cookie\" beside it"}},
        Wrong{"name_of_an_own_cookie",
              "[profiles.c]\ntype = \"cookie\"\nname = \"a b\"\nby = \"insert\"\n",
              {"f:3:1: found \"a b\", expected letters, digits and !#$%&'*+-.^_`|~"}},
        Wrong{"attributes_of_others",
              cookie("by = \"rewrite\"\nset_cookie = { secure = true }\n"),
              {"f:5:14: found attributes, expected by = \"insert\" beside them"}},
        Wrong{"attribute_that_ends_early",
              cookie("by = \"insert\"\nset_cookie = { path = \"/;x\", domain = \"a;b\" }\n"),
              {"f:5:16: found \"/;x\", expected printable ASCII characters without ';'",
               "f:5:30: found \"a;b\", expected printable ASCII characters "
               "without ';'"}},
        Wrong{"cross_site_in_clear",
              cookie("by = \"insert\"\nset_cookie = { same_site = \"none\" }\n"),
              {"f:5:16: found \"none\", expected secure = true beside it (browsers drop "
               "the cookie otherwise)"}},
        Wrong{"line_too_long",
              cookie("by = \"insert\"\nset_cookie = { path = \"/" + std::string(250, 'x') + "\" }\n"),
              {"f:5:14: found a line of 328 bytes, expected at most 256 (each segment of the "
               "backend leaves room for it)"}},
        Wrong{"conflict_of_records",
              cookie("close_on_conflict = true\n"),
              {"f:4:1: found true, expected by = \"route\", \"rewrite\" or \"insert\" "
               "beside it"}},
        Wrong{
            "two_own_tokens",
            cookie("by = \"insert\"\n[profiles.d]\ntype = \"cookie\"\nname = \"T\"\nby = \"rewrite\"\n"
                   "[pools.p]\n[services.s]\nlisten = \"192.0.2.1:80/tcp\"\npool = \"p\"\npersist = [\"c\", \"d\"]\n"),
            {"f:13:1: found profiles \"c\" and \"d\", expected one with by = \"rewrite\" or "
             "\"insert\""}},
        Wrong{
            "shared_cookie",
            cookie("by = \"insert\"\n[pools.p]\n[pools.q]\n[services.s]\nlisten = \"192.0.2.1:80/tcp\"\npool = \"p\"\n"
                   "persist = [\"c\"]\nroutes = [{ host = \"a\", pool = \"q\" }, { path = \"/b\", pool = \"q\" }, "
                   "{ path = \"/c\", pool = \"p\" }]\n"),
            {"f:11:39: found path = \"/b\" to another pool, and profile \"c\", expected routes by host, without "
             "set_cookie.domain (the pools would replace each other's cookies)"}},
        Wrong{"shared_domain",
              cookie("by = \"insert\"\nset_cookie = { domain = \"example.org\" }\n[pools.p]\n[pools.q]\n[services.s]\n"
                     "listen = \"192.0.2.1:80/tcp\"\npool = \"p\"\npersist = [\"c\"]\n"
                     "routes = [{ host = \"a.example.org\", pool = \"q\" }]\n"),
              {"f:12:11: found host = \"a.example.org\" to another pool, and profile \"c\", expected routes by host, "
               "without set_cookie.domain (the pools would replace each other's cookies)"}}),
    name_of_row);

}  // namespace
}  // namespace limpet::model
