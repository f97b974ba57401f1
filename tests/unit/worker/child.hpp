// EAL starts once per process: what needs one runs in a child of its own.
#pragma once

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>

#include "model/model.hpp"

namespace limpet::worker::test {

/// Runs `body` in a child process; its failed expectations are printed there and fail the caller's test.
template <class Body>
void in_child(Body body) {
  std::fflush(nullptr);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    body();
    std::fflush(nullptr);
    _exit(testing::Test::HasFailure() ? 1 : 0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status)) << "the child died of signal " << WTERMSIG(status);
  EXPECT_EQ(WEXITSTATUS(status), 0) << "see the child's output above";
}

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

/// A daemon's part of a model that starts anywhere: no huge pages, no root, no NIC.
inline model::Model bare_model(unsigned workers) {
  const std::string own = "limpet-unit-worker-" + std::to_string(getpid());
  model::Model model;
  model.limpetd.socket = "/tmp/" + own + ".sock";
  model.limpetd.tables = "/dev/shm/" + own;
  model.limpetd.workers.assign(workers, some_cpu());
  model.limpetd.idle = model::Idle::sleep;
  model.limpetd.eal = {"--no-huge", "-m", "256"};
  model.limits.flows_max = 10'000;
  model.limits.records_max = 10'000;
  return model;
}

}  // namespace limpet::worker::test
