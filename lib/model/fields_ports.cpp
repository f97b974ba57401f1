// The keys of ports, VLANs and routes.
#include "model/rows.hpp"

namespace limpet::model {

using namespace rows;

namespace {

constexpr std::array<std::string_view, 3> side_words{"clients", "backends", "both"};
constexpr std::array<std::string_view, 3> rss_words{"auto", "spread", "software"};
constexpr std::array<std::string_view, 3> transit_words{"kernel", "route", "drop"};

const Section& route_section(bool vlan) {
  static const auto make = [](std::string_view path) {
    return section<Route>(
        path,
        {value<Route, &Route::to>(
             required(row(Kind::prefix, "to", "Destination; \"0.0.0.0/0\" and \"::/0\" are the default routes."))),
         value<Route, &Route::via>(required(many(
             Many::one_or_list,
             row(Kind::address, "via",
                 "Next hop on this interface's network; of several each flow has its own, while that answers."))))});
  };
  static const Section port_route = make("ports.NAME.routes");
  static const Section vlan_route = make("ports.NAME.vlans.ID.routes");
  return vlan ? vlan_route : port_route;
}

template <class S>
std::vector<Field> interface_fields(bool vlan) {
  return {
      value<S, &S::addresses>(many(
          Many::list, row(Kind::prefix, "addresses", "Limpet's own addresses here, with the length of the network."))),
      keyed(
          {.name = "ADDRESS", .kind = Kind::address},
          value<S, &S::neighbors>(row(Kind::mac, "neighbors", "Static neighbours: address = MAC, beside ARP and ND."))),
      table<S, &S::routes>(many(Many::list, row(Kind::table, "routes", "Routes that leave here.")),
                           route_section(vlan)),
      value<S, &S::side>(
          restart(word("side", side_words, "Who is on this side: a hint for spreading packets over workers."))),
      value<S, &S::transit>(word("transit", transit_words, "What happens to packets that belong to no service.")),
  };
}

const Section& vlan_section() {
  static const Section result = section<Interface>("ports.NAME.vlans.ID", interface_fields<Interface>(true));
  return result;
}

}  // namespace

const Section& port_section() {
  static const Section result = [] {
    std::vector<Field> fields = {
        value<Port, &Port::device>(required(restart(
            text("device", "PCI address (\"0000:3b:00.0\") or DPDK device (\"net_af_packet0,iface=front0\").")))),
        value<Port, &Port::mac>(restart(row(Kind::mac, "mac", "MAC address; without it the device's own."))),
        value<Port, &Port::mtu>(restart(number("mtu", 576, 9216, "Largest IP packet, bytes."))),
        value<Port, &Port::rss>(restart(word(
            "rss", rss_words,
            "How packets get to the worker that owns their client: auto, by the NIC where it can hash the client's "
            "address alone; spread, over workers by address pairs; software, all on the first queue. Workers hand "
            "over the rest."))),
        value<Port, &Port::members>(restart(
            many(Many::list, text("members",
                                  "Devices that a bonding device joins: device = \"net_bonding0,mode=1\" keeps one "
                                  "active and the others in reserve, mode=4 is 802.3ad (LACP).")))),
        value<Port, &Port::kernel>(
            restart(text("kernel", "DPDK device that takes what is for the kernel; also that of the port's VLANs.")))};
    for (auto& field : interface_fields<Port>(false)) {
      fields.push_back(std::move(field));
    }
    fields.push_back(
        keyed({.name = "ID", .kind = Kind::integer, .min = 1, .max = 4094},
              table<Port, &Port::vlans>(row(Kind::table, "vlans", "802.1Q VLANs on the port."), vlan_section())));
    return section<Port>("ports.NAME", std::move(fields));
  }();
  return result;
}

}  // namespace limpet::model
