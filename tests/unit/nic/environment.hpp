// One EAL for all tests of this program (a process can have only one): no huge pages, no root, no PCI.
#pragma once

#include <gtest/gtest.h>
#include <sched.h>

#include <array>
#include <memory>

#include "nic/buffers.hpp"
#include "nic/eal.hpp"

namespace limpet::nic::test {

/// The first CPU this process may use.
inline unsigned some_cpu() {
  cpu_set_t set;
  CPU_ZERO(&set);
  sched_getaffinity(0, sizeof set, &set);
  unsigned cpu = 0;
  while (!CPU_ISSET(cpu, &set)) {
    ++cpu;
  }
  return cpu;
}

inline model::Model bare_model() {
  model::Model model;
  model.limpetd.socket = "/tmp/limpet-unit-nic.sock";
  model.limpetd.workers = {some_cpu()};
  model.limpetd.eal = {"--no-huge", "-m", "256"};
  return model;
}

inline Eal& eal() {
  static const std::unique_ptr<Eal> running = [] {
    auto started = Eal::start(bare_model());
    EXPECT_TRUE(started.has_value()) << (started ? "" : started.error().text);
    return started ? std::move(*started) : nullptr;
  }();
  return *running;
}

inline Buffers& buffers() {
  static Buffers made = [] {
    eal();
    auto created = Buffers::create(16384, 1522, std::array{0});
    EXPECT_TRUE(created.has_value()) << (created ? "" : created.error().text);
    return std::move(*created);
  }();
  return made;
}

}  // namespace limpet::nic::test
