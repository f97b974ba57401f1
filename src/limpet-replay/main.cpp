// limpet-replay: captures through the very path that limpetd runs, under the captures' own clock. One thread, no
// device, no root, no huge pages; the same input gives the same bytes.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "capture.hpp"
#include "model/load.hpp"
#include "replay/node.hpp"

namespace limpet::replay {
namespace {

constexpr std::uint64_t ms_ns = 1'000'000;
constexpr Millis linger_ms = 6000;  // after the last frame: what waits for a MAC address is answered or dropped

struct Options {
  std::string config;
  std::vector<std::string> in, out;  // "port=file"
  unsigned workers = 1;
  std::size_t segment_bytes = 0;
  bool json = false;
};

struct PortFile {
  PortIndex port;
  std::string path;
};

Result<std::vector<PortFile>> port_files(const std::vector<std::string>& words, const model::Model& model) {
  std::vector<PortFile> files;
  for (const std::string& word : words) {
    const auto equals = word.find('=');
    const std::string name = word.substr(0, equals);
    const auto port = model.ports.find(name);
    if (equals == std::string::npos || port == model.ports.end()) {
      return fail("{}: expected PORT=FILE with a port of the configuration", word);
    }
    const auto index = std::distance(model.ports.begin(), port);
    files.push_back({PortIndex(static_cast<std::uint16_t>(index)), word.substr(equals + 1)});
  }
  return files;
}

/// Frames of several captures, merged by time; of equal times the capture named first goes first.
class Merger {
 public:
  static Result<Merger> open(const std::vector<PortFile>& files) {
    Merger merger;
    for (const PortFile& file : files) {
      auto reader = CaptureReader::open(file.path);
      if (!reader) {
        return tl::unexpected(reader.error());
      }
      merger.inputs_.push_back({file.port, std::move(*reader), {}, false});
      if (auto ok = merger.inputs_.back().read(); !ok) {
        return tl::unexpected(ok.error());
      }
    }
    return merger;
  }

  /// Calls `f(port, captured)` for every frame.
  template <class F>
  Result<void> each(F&& f) {
    while (Input* next = earliest()) {
      f(next->port, next->captured);
      if (auto ok = next->read(); !ok) {
        return ok;
      }
    }
    return {};
  }

 private:
  struct Input {
    PortIndex port;
    CaptureReader reader;
    Captured captured;
    bool has = false;
    Result<void> read() {
      auto more = reader.next(captured);
      has = more.value_or(false);
      return more ? Result<void>{} : tl::unexpected(more.error());
    }
  };
  Input* earliest() {
    Input* best = nullptr;
    for (Input& input : inputs_) {
      if (input.has && (best == nullptr || input.captured.time_ns < best->captured.time_ns)) {
        best = &input;
      }
    }
    return best;
  }
  std::vector<Input> inputs_;
};

class Outputs {
 public:
  static Result<Outputs> create(const std::vector<PortFile>& files) {
    Outputs outputs;
    for (const PortFile& file : files) {
      auto writer = CaptureWriter::create(file.path);
      if (!writer) {
        return tl::unexpected(writer.error());
      }
      outputs.writers_.emplace(file.port.value(), std::move(*writer));
    }
    return outputs;
  }
  void write(std::uint64_t time_ns, const std::vector<Sent>& sent) {
    for (const Sent& frame : sent) {
      const auto writer = writers_.find(frame.port.value());
      if (!frame.to_kernel && writer != writers_.end()) {
        writer->second.write(time_ns, frame.bytes);
      }
    }
  }
  Result<void> finish() {
    for (auto& [port, writer] : writers_) {
      if (auto ok = writer.finish(); !ok) {
        return ok;
      }
    }
    return {};
  }

 private:
  std::map<std::uint16_t, CaptureWriter> writers_;
};

/// The node's clock follows the capture's, starting at Options::start_ms with the first frame.
Result<void> run(Node& node, Merger& merger, Outputs& outputs) {
  std::uint64_t first_ns = 0, last_ns = 0;
  std::uint64_t frames = 0;
  const Millis start_ms = node.now_ms();
  auto ok = merger.each([&](PortIndex port, const Captured& captured) {
    if (frames == 0) {
      first_ns = last_ns = captured.time_ns;
    }
    last_ns = std::max(last_ns, captured.time_ns);
    node.advance(start_ms + (last_ns - first_ns) / ms_ns);
    outputs.write(last_ns, node.take_sent());
    // Any worker may receive any frame: steering brings it to its owner.
    node.receive(port, static_cast<unsigned>(frames++ % node.workers()), captured.bytes);
    outputs.write(last_ns, node.take_sent());
  });
  if (!ok) {
    return ok;
  }
  node.advance(node.now_ms() + linger_ms);
  outputs.write(last_ns + linger_ms * ms_ns, node.take_sent());
  return outputs.finish();
}

nlohmann::ordered_json report(const Node& node) {
  nlohmann::ordered_json counters = nlohmann::ordered_json::object();
  for (std::size_t i = 0; i < counters::counter_count; ++i) {
    counters[std::string(counters::descriptions[i].name)] = node.counter(static_cast<counters::Counter>(i));
  }
  nlohmann::ordered_json moves = nlohmann::ordered_json::object();
  for (std::size_t i = 1; i < path::reason_count; ++i) {
    moves[std::string(path::reason_names[i])] = node.moves()[i];
  }
  return {{"counters", counters}, {"moves", moves}, {"violations", node.violations()}};
}

void print(const Node& node, bool json) {
  const auto all = report(node);
  if (json) {
    fmt::print("{}\n", all.dump());
    return;
  }
  for (const auto& [name, value] : all["counters"].items()) {
    if (value != 0) {
      fmt::print("{:<28} {}\n", name, value.dump());
    }
  }
  for (const auto& [name, value] : all["moves"].items()) {
    if (value != 0) {
      fmt::print("moves, {:<21} {}\n", name, value.dump());
    }
  }
  fmt::print("{:<28} {}\n", "violations", all["violations"].dump());
}

Result<hash::Secret> secret_of(const model::Model& model) {
  if (access(model.limpetd.secret_file.c_str(), R_OK) != 0) {
    return hash::fixed_secret();
  }
  return hash::load_or_create_secret(model.limpetd.secret_file);
}

Result<void> replay(const Options& options) {
  const model::Loaded loaded = model::load_file(options.config);
  if (!loaded.model) {
    std::string all;
    for (const model::Problem& problem : loaded.problems) {
      all += (all.empty() ? "" : "\n") + problem.text();
    }
    return tl::unexpected(Error{all});
  }
  const model::Model& model = *loaded.model;
  const auto secret = secret_of(model);
  const auto in = port_files(options.in, model);
  const auto out = port_files(options.out, model);
  for (const auto* step : {&in, &out}) {
    if (!*step) {
      return tl::unexpected(step->error());
    }
  }
  if (!secret) {
    return tl::unexpected(secret.error());
  }
  Node::Options sizes;
  sizes.workers = options.workers;
  sizes.flows_max = std::min<std::uint64_t>(model.limits.flows_max, 1u << 20);
  sizes.records_max = std::min<std::uint64_t>(model.limits.records_max, 1u << 20);
  sizes.limits = path::limits_of(model.limits, options.workers);
  sizes.segment_bytes = options.segment_bytes;
  auto node = Node::create(model, *secret, sizes);
  if (!node) {
    return tl::unexpected(node.error());
  }
  auto merger = Merger::open(*in);
  if (!merger) {
    return tl::unexpected(merger.error());
  }
  auto outputs = Outputs::create(*out);
  if (!outputs) {
    return tl::unexpected(outputs.error());
  }
  if (auto ok = run(**node, *merger, *outputs); !ok) {
    return ok;
  }
  print(**node, options.json);
  return {};
}

}  // namespace
}  // namespace limpet::replay

int main(int argc, char** argv) {
  limpet::replay::Options options;
  CLI::App app{"Runs captures through Limpet's packet path, under the captures' own clock"};
  app.set_version_flag("--version", LIMPET_VERSION);
  app.add_option("--config", options.config, "configuration; devices in it are ignored")->required();
  app.add_option("--in", options.in, "PORT=FILE: frames that arrive on a port (repeatable)")->required();
  app.add_option("--out", options.out, "PORT=FILE: where to put what leaves by a port (repeatable)");
  app.add_option("--workers", options.workers, "workers; any number gives the same choices")
      ->check(CLI::Range(1u, 64u));
  app.add_option("--segment-bytes", options.segment_bytes,
                 "larger frames arrive in two segments, the first of this size; 0: all come whole");
  app.add_flag("--json", options.json, "one JSON object: counters, moves, violations");
  app.footer("Example: limpet-replay --config limpet.toml --in front=clients.pcap --out back=servers.pcap");
  CLI11_PARSE(app, argc, argv);
  if (const auto done = limpet::replay::replay(options); !done) {
    fmt::print(stderr, "limpet-replay: {}\n", done.error().text);
    return 1;
  }
  return 0;
}
