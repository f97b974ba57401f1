#include "worker/machine.hpp"

#include <numa.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>

#include "control/event_log.hpp"
#include "hash/secret.hpp"
#include "nic/arguments.hpp"
#include "nic/nodes.hpp"
#include "path/packet.hpp"
#include "path/recount.hpp"
#include "plan/compile.hpp"

namespace limpet::worker {

namespace {

constexpr std::uint32_t adjacencies_max = 1u << 16;

// The lcore of a worker: lcore 0 is control's.
unsigned lcore_of(unsigned worker) {
  return worker + 1;
}

// Orders what main and workers do before launch and after the end. EAL does so too, but in its own library, where the
// thread sanitizer does not look. writers and readers: main and workers
std::atomic<unsigned> handovers{0};

int run_worker(void* worker) {
  static_cast<void>(handovers.load(std::memory_order_acquire));
  run(*static_cast<Worker*>(worker));
  handovers.fetch_add(1, std::memory_order_release);
  return 0;
}

/// Calls `body` on an idle lcore and waits for its end. 0, or why it could not be called.
template <class Body>
int call_on(unsigned lcore, const Body& body) {
  handovers.fetch_add(1, std::memory_order_release);
  const auto call = [](void* argument) {
    static_cast<void>(handovers.load(std::memory_order_acquire));
    (*static_cast<const Body*>(argument))();
    handovers.fetch_add(1, std::memory_order_release);
    return 0;
  };
  const int code = rte_eal_remote_launch(call, const_cast<Body*>(&body), lcore);
  if (code == 0) {
    rte_eal_wait_lcore(lcore);
    static_cast<void>(handovers.load(std::memory_order_acquire));
  }
  return code;
}

int node_of_cpu(unsigned cpu) {
  return numa_available() < 0 ? 0 : std::max(numa_node_of_cpu(static_cast<int>(cpu)), 0);
}

bool is_all_full_nat(const model::Model& model) {
  return !model.services.empty() && std::all_of(model.services.begin(), model.services.end(), [](const auto& service) {
    return service.second.forwarding == model::Forwarding::full_nat;
  });
}

/// Clients' handshakes are, or may well be, Limpet's to complete.
bool may_splice(const model::Model& model) {
  const auto asks = [](const auto& one) {
    return one.second.syn_proxy || !one.second.routes.empty() || !one.second.accept_proxy.empty();
  };
  return std::any_of(model.services.begin(), model.services.end(), asks) ||
         std::any_of(model.profiles.begin(), model.profiles.end(),
                     [](const auto& one) { return model::is_content(one.second.type); });
}

bool has_v4_clients(const model::Model& model) {
  const auto listens_v4 = [](const auto& service) {
    const auto& listen = service.second.listen;
    return std::any_of(listen.begin(), listen.end(),
                       [](const model::Listen& one) { return one.prefix.address.is_v4(); });
  };
  return model.services.empty() || std::any_of(model.services.begin(), model.services.end(), listens_v4);
}

nic::PortSettings settings_of(const std::string& name, const model::Model& model, const model::Port& port,
                              std::size_t index, bool kernel, const std::vector<int>& worker_nodes) {
  nic::PortSettings settings;
  settings.place = "ports." + name + (kernel ? ".kernel" : "");
  settings.device = kernel ? port.kernel : nic::device_text(port);
  settings.index = PortIndex(static_cast<std::uint16_t>(index));
  settings.workers = static_cast<unsigned>(worker_nodes.size());
  settings.worker_nodes = worker_nodes;
  settings.mtu = port.mtu;
  settings.mac = port.mac;
  settings.side = port.side;
  settings.rss = port.rss;
  settings.full_nat = is_all_full_nat(model);
  settings.v4_clients = has_v4_clients(model);
  settings.kernel = kernel;
  return settings;
}

}  // namespace

Machine::Machine(const model::Model& model, const hash::Secret& secret)
    : model_(model),
      owner_(static_cast<unsigned>(model.limpetd.workers.size())),
      backends_(plan::backend_slots_default),
      adjacencies_(adjacencies_max, hash::derive_key(secret, "adjacencies").a),
      plans_(static_cast<unsigned>(model.limpetd.workers.size())) {
  for (const unsigned cpu : model.limpetd.workers) {
    nodes_.push_back(node_of_cpu(cpu));
  }
}

Result<std::unique_ptr<Machine>> Machine::start(const model::Model& model, const hash::Secret& secret,
                                                const std::optional<Other>& other) {
  if (model.ports.empty()) {
    return fail("the configuration has no port: add a section [ports.NAME] with a device");
  }
  if (model.limpetd.workers.empty()) {
    return fail("[limpetd] workers: name at least one CPU");
  }
  std::unique_ptr<Machine> machine(new Machine(model, secret));
  if (auto done = machine->take_place(other)
                      .and_then([&] { return machine->attach_devices(); })
                      .and_then([&] { return machine->take_memory(secret); })
                      .and_then([&] { return machine->make_buffers(); })
                      .and_then([&] { return machine->open_ports(); })
                      .and_then([&] { return machine->make_workers(); })
                      .and_then([&] { return machine->launch_workers(); });
      !done) {
    return tl::unexpected(done.error());
  }
  return machine;
}

/// The tables' lock, and EAL. Beside another daemon EAL comes first, unless it would open that one's NICs.
Result<void> Machine::take_place(const std::optional<Other>& other) {
  const auto lock = [&]() -> Result<void> {
    if (other) {
      if (auto stopped = other->stop(); !stopped) {
        return stopped;
      }
    }
    auto tables = Tables::open(model_.limpetd.tables, other ? other->patience_ms : 0);
    if (!tables) {
      return tl::unexpected(tables.error());
    }
    tables_ = std::move(*tables);
    return {};
  };
  const auto start_eal = [&]() -> Result<void> {
    model::Model model = model_;
    if (other) {
      model.limpetd = nic::beside_another(model.limpetd, fmt::format("-{}", getpid()));
    }
    auto eal = nic::Eal::start(model);
    if (!eal) {
      return tl::unexpected(eal.error());
    }
    eal_ = std::move(*eal);
    return {};
  };
  const auto devices = nic::wanted_devices(model_);
  const bool opens_nics =
      std::any_of(devices.begin(), devices.end(), [](const nic::Wanted& wanted) { return nic::is_pci(wanted.device); });
  return other && !opens_nics ? start_eal().and_then(lock) : lock().and_then(start_eal);
}

Machine::~Machine() {
  halt();
}

Result<void> Machine::attach_devices() {
  std::size_t index = 0;
  for (const auto& [name, port] : model_.ports) {
    for (const bool kernel : {false, true}) {
      if (kernel && port.kernel.empty()) {
        continue;
      }
      auto settings = settings_of(name, model_, port, index, kernel, nodes_);
      for (const auto& member : kernel ? std::vector<std::string>{} : port.members) {
        const auto id = eal_->attach(settings.place + ".members", member);
        if (!id) {
          return tl::unexpected(id.error());
        }
        settings.members.push_back({member, *id});
      }
      const auto id = eal_->attach(settings.place, settings.device);
      if (!id) {
        return tl::unexpected(id.error());
      }
      settings.id = *id;
      settings_.push_back(std::move(settings));
    }
    ++index;
  }
  return {};
}

Result<void> Machine::take_memory(const hash::Secret& secret) {
  Wanted wanted{record::sizes_for(model_.limits.records_max),
                flow::sizes_for(model_.limits.flows_max, model_.limits.embryonic_max),
                nodes_,
                backends_.count(),
                splice::Table::bytes_needed(model_.limits.flows_max),
                may_splice(model_)};
  auto recovered = recover(*tables_, wanted, secret, owner_, now_ms());
  if (!recovered) {
    return tl::unexpected(recovered.error());
  }
  files_ = std::move(recovered->files);
  slots_ = std::move(recovered->slots);
  notes_ = std::move(recovered->notes);
  records_.emplace(std::move(recovered->tables.records));
  flows_ = std::move(recovered->tables.flows);
  spliced_ = std::move(recovered->tables.spliced);
  return {};
}

Result<void> Machine::make_buffers() {
  const auto workers = static_cast<unsigned>(model_.limpetd.workers.size());
  // In hand, waiting for a MAC address, a first fragment or a backend, and in the pool's own per-worker caches (which
  // it fills to one and a half).
  unsigned frames = workers * (2 * path::burst_max + path::Waiting::capacity + model_.limits.fragments_held_max +
                               path::limits_of(model_.limits, workers).awaited_held_max + 512) +
                    buffers_in_rings(workers, settings_.size()) + 512;
  unsigned in_queues = 0;
  std::uint32_t largest = 0;
  std::vector<nic::OffloadCapabilities> devices;
  for (const auto& settings : settings_) {
    const auto queues = nic::queues_of(settings);
    const auto can = nic::offload_capabilities(settings);
    if (!queues || !can) {
      return tl::unexpected(!queues ? queues.error() : can.error());
    }
    devices.push_back(*can);
    in_queues += nic::buffers_held(settings.id, *queues);
    largest = std::max(largest, can->frame_bytes);
  }
  const std::uint32_t room = nic::buffer_room(devices);
  for (auto& settings : settings_) {
    settings.buffer_room = room;
  }
  const unsigned segments = (largest + room - 1) / room;
  auto buffers = nic::Buffers::create(in_queues + frames * segments, room, nic::buffer_nodes(nodes_));
  if (!buffers) {
    return tl::unexpected(buffers.error());
  }
  buffers_.emplace(std::move(*buffers));
  return {};
}

Result<void> Machine::open_ports() {
  ports_.resize(model_.ports.size());
  kernels_.resize(model_.ports.size());
  for (const auto& settings : settings_) {
    auto port = nic::Port::open(settings, owner_, *buffers_, warnings_);
    if (!port) {
      return tl::unexpected(port.error());
    }
    (settings.kernel ? kernels_ : ports_)[settings.index.value()] = port->get();
    devices_.push_back(std::move(*port));
  }
  for (const auto& [name, port] : model_.ports) {
    kernel_ends_.emplace_back(port.kernel);
    if (auto mirrored = mirror(kernel_ends_.size() - 1, port.addresses); !mirrored) {
      warnings_.push_back(fmt::format("[ports.{}] {}", name, mirrored.error().text));
    }
  }
  return {};
}

/// The kernel's end of a port's exception device is to have the port's MAC address and addresses.
Result<void> Machine::mirror(std::size_t port, std::span<const net::Prefix> addresses) {
  nic::KernelInterface& end = kernel_ends_[port];
  if (kernels_[port] == nullptr) {
    return {};
  }
  if (end.name().empty()) {
    return fail("kernel: its end in the kernel is not known or not here: addresses have to be set there by hand");
  }
  return end.mirror(ports_[port]->mac(), ports_[port]->settings().mtu, addresses);
}

/// Each is made by the thread that will run it: its memory is of that CPU's node, and of no block that another
/// worker's allocations share.
Result<void> Machine::make_workers() {
  const auto& cpus = model_.limpetd.workers;
  fabric_ = std::make_unique<Fabric>(static_cast<unsigned>(cpus.size()), ports_, kernels_);
  const auto workers = static_cast<unsigned>(cpus.size());
  workers_.reserve(cpus.size());
  for (unsigned i = 0; i < cpus.size(); ++i) {
    const auto make = [&, i] {
      const path::Node node{owner_, *records_, backends_, adjacencies_};
      const path::Limits limits = path::limits_of(model_.limits, workers);
      splice::Table spliced =
          spliced_.empty() ? splice::Table(limits.spliced_max, flows_[i].seed()) : std::move(spliced_[i]);
      workers_.push_back(std::make_unique<Worker>(i, node, std::move(flows_[i]), std::move(spliced), backends_.count(),
                                                  *fabric_, buffers_->on_node(nodes_[i]), plans_, model_.limpetd,
                                                  limits));
    };
    if (const int code = call_on(lcore_of(i), make); code != 0) {
      return fail("worker {} does not start (code {})", i, code);
    }
  }
  return {};
}

Result<void> Machine::launch_workers() {
  handovers.fetch_add(1, std::memory_order_release);
  for (; launched_ < workers_.size(); ++launched_) {
    if (const int code = rte_eal_remote_launch(run_worker, workers_[launched_].get(), lcore_of(launched_)); code != 0) {
      return fail("worker {} does not start (code {})", launched_, code);
    }
  }
  return {};
}

void Machine::halt() noexcept {
  for (auto& worker : workers_) {
    worker->stop.store(true, std::memory_order_relaxed);
  }
  for (unsigned i = 0; i < launched_; ++i) {
    rte_eal_wait_lcore(lcore_of(i));
  }
  static_cast<void>(handovers.load(std::memory_order_acquire));
  launched_ = 0;
}

void Machine::publish(std::shared_ptr<const plan::Plan> plan) {
  if (plans_.current() == nullptr) {  // workers touch nothing before their first plan
    for (const auto& worker : workers_) {
      path::recount(worker->state, *plan);
    }
  }
  for (const auto& interface : plan->interfaces) {
    if (interface.vlan == 0 && interface.has_kernel) {
      static_cast<void>(mirror(interface.port.value(), interface.addresses));  // what can't be was told at the start
    }
  }
  plans_.publish(std::move(plan));
}

std::vector<path::State*> Machine::states() {
  plans_.collect();
  restart::set_alive(files_.names, now_ms() / 1000);
  std::vector<path::State*> states;
  for (const auto& worker : workers_) {
    states.push_back(&worker->state);
  }
  return states;
}

bool Machine::send(const l3::Frame& frame) {
  const auto& plan = plans_.current();
  if (plan == nullptr || frame.interface.value() >= plan->interfaces.size() || frame.size > frame.bytes.size()) {
    return false;
  }
  return fabric_->control.push({plan->interfaces[frame.interface.value()].port, frame});
}

bool Machine::post(unsigned worker, path::Task& task) {
  return worker < workers_.size() && workers_[worker]->mailbox.push(&task);
}

std::int64_t Machine::unix_ms() const {
  return control::unix_ms();
}

std::map<std::string, net::Mac> Machine::device_macs() const {
  std::map<std::string, net::Mac> macs;
  std::size_t index = 0;
  for (const auto& [name, port] : model_.ports) {
    macs.emplace(name, ports_[index++]->mac());
  }
  return macs;
}

std::vector<control::PortInfo> Machine::ports() const {
  std::vector<control::PortInfo> infos;
  for (const auto& port : devices_) {
    const auto counters = port->counters();
    control::PortInfo info;
    info.name = port->settings().place.substr(std::string_view("ports.").size());
    info.device = port->settings().device;
    info.driver = port->driver();
    info.mac = port->mac();
    info.link_up = port->link_up();
    for (const auto& member : port->members()) {
      info.members.push_back(fmt::format("{} {}", member.name, member.up ? "up" : "down"));
    }
    info.queues = port->queues().receive;
    info.rss = port->rss().words();
    info.rss_why = port->rss().why();
    info.offloads = port->offloads().words();
    info.numa_node = port->node();
    info.far_workers = nic::far_workers(port->node(), nodes_);
    info.received = counters.received;
    info.transmitted = counters.transmitted;
    info.missed = counters.missed;
    info.errors = counters.errors;
    infos.push_back(std::move(info));
  }
  return infos;
}

std::vector<control::LinkInfo> Machine::links() const {
  std::vector<control::LinkInfo> links;
  for (const auto& port : devices_) {
    const auto name = port->settings().place.substr(std::string_view("ports.").size());
    const auto index = port->is_kernel() ? PortIndex{} : port->index();
    links.push_back({name, port->link_up(), index});
    for (const auto& member : port->members()) {
      links.push_back({fmt::format("{} member {}", name, member.name), member.up, {}});
    }
  }
  return links;
}

std::vector<control::WorkerInfo> Machine::workers() const {
  std::vector<control::WorkerInfo> infos;
  for (const auto& worker : workers_) {
    const auto get = [](const std::atomic<std::uint64_t>& value) { return value.load(std::memory_order_relaxed); };
    const auto& work = worker->work;
    infos.push_back({worker->state.index, model_.limpetd.workers[worker->state.index], get(work.turns),
                     get(work.empty_turns), get(work.packets), get(work.busy_cycles), get(work.total_cycles),
                     get(work.device_cycles), rte_get_tsc_hz(), nodes_[worker->state.index]});
  }
  return infos;
}

}  // namespace limpet::worker
