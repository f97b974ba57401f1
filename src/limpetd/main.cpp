// limpetd: loads the configuration, starts the machine (ports, tables, workers), then is the control thread until
// SIGTERM or SIGINT. Whatever keeps it from starting is one line on stderr, and status 1.
#include <chrono>
#include <map>
#include <string>

#include "control/control.hpp"
#include "hash/secret.hpp"
#include "model/load.hpp"
#include "options.hpp"
#include "plan/compile.hpp"
#include "takeover.hpp"
#include "worker/machine.hpp"

namespace limpet::daemon {
namespace {

std::optional<model::Model> load(const std::string& path, const Log& log) {
  auto loaded = model::load_file(path);
  for (const auto& problem : loaded.problems) {
    log.error(problem.text());
  }
  return std::move(loaded.model);
}

/// Whether the model makes a plan; without devices their MAC addresses are made up.
Result<void> check(const model::Model& model) {
  std::map<std::string, net::Mac> macs;
  for (const auto& [name, port] : model.ports) {
    macs.emplace(name, port.mac.value_or(net::Mac{{0x02, 0, 0, 0, 0, 1}}));
  }
  plan::Slots slots(plan::backend_slots_default);
  return plan::compile({model, hash::fixed_secret(), std::move(macs), 0}, slots).map([](const auto&) {});
}

Result<int> serve(const model::Model& model, const Options& options, const Log& log) {
  const auto secret = hash::load_or_create_secret(model.limpetd.secret_file);
  if (!secret) {
    return tl::unexpected(secret.error());
  }
  std::optional<pid_t> before;
  std::optional<worker::Other> other;
  std::chrono::steady_clock::time_point stopped;
  if (options.takeover) {
    auto found = daemon_on(model.limpetd.socket);
    if (!found) {
      return tl::unexpected(found.error());
    }
    before = *found;
    if (before) {
      other = worker::Other{[&] {
        stopped = std::chrono::steady_clock::now();
        return ask_to_end(*before);
      }};
    }
  }
  auto machine = worker::Machine::start(model, *secret, other);
  if (!machine) {
    return tl::unexpected(machine.error());
  }
  for (const auto& warning : (*machine)->warnings()) {
    log.warning(warning);
  }
  control::Control control(**machine, model, options.config, *secret);
  if (auto started = control.start(); !started) {
    (*machine)->halt();
    return tl::unexpected(started.error());
  }
  if (before) {
    const auto gap = std::chrono::steady_clock::now() - stopped;
    log.info(fmt::format("took the place of process {}: {} ms from its end to the first packet", *before,
                         std::chrono::duration_cast<std::chrono::milliseconds>(gap).count()));
  }
  log.info(fmt::format("{} workers on {} ports, socket {}", model.limpetd.workers.size(), model.ports.size(),
                       model.limpetd.socket));
  const int status = control.run();
  (*machine)->halt();  // before control goes: a worker may still hold a task of control's
  log.info("stopped");
  return status;
}

int main(int argc, char** argv) {
  int status = 0;
  const auto options = parse_options(argc, argv, status);
  if (!options) {
    return status;
  }
  const Log log(options->level);
  const auto model = load(options->config, log);
  if (!model) {
    return 1;
  }
  if (options->check) {
    if (const auto checked = check(*model); !checked) {
      log.error(checked.error().text);
      return 1;
    }
    log.info(options->config + " is right");
    return 0;
  }
  const auto served = serve(*model, *options, log);
  if (!served) {
    log.error(served.error().text);
    return 1;
  }
  return *served;
}

}  // namespace
}  // namespace limpet::daemon

int main(int argc, char** argv) {
  return limpet::daemon::main(argc, argv);
}
