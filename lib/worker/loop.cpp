#include "worker/loop.hpp"

#include <rte_cycles.h>
#include <rte_pause.h>
#include <sys/prctl.h>
#include <time.h>

#include "path/turn.hpp"
#include "worker/clock.hpp"

namespace limpet::worker {

namespace {

void rest_a_little() noexcept {
  const timespec pause{0, sleep_us * 1000L};
  nanosleep(&pause, nullptr);
}

bool run_task(Worker& worker, const plan::Plan& plan) noexcept {
  path::Task* task = nullptr;
  if (!worker.mailbox.pop(task)) {
    return false;
  }
  task->run(worker.state, plan);
  task->done.store(true, std::memory_order_release);  // from here on the task may be gone
  return true;
}

struct Turn {
  unsigned packets;
  std::uint64_t cycles, device_cycles;
  std::uint64_t all_cycles;  // with the rest before it
};

void account(Work& work, const Turn& turn) noexcept {
  path::add_relaxed(work.turns, 1);
  path::add_relaxed(work.total_cycles, turn.all_cycles);
  if (turn.packets == 0) {
    path::add_relaxed(work.empty_turns, 1);
    return;
  }
  path::add_relaxed(work.packets, turn.packets);
  path::add_relaxed(work.busy_cycles, turn.cycles);
  path::add_relaxed(work.device_cycles, turn.device_cycles);
}

}  // namespace

void run(Worker& worker) noexcept {
  Clock clock(rte_get_tsc_hz());
  const bool sleeps = worker.idle == model::Idle::sleep;
  if (sleeps) {
    prctl(PR_SET_TIMERSLACK, 1000UL, 0UL, 0UL, 0UL);  // ns; the default adds 50 us to every sleep
  }
  worker.plans.join(worker.state.index);
  unsigned empty_turns = 0;
  std::uint64_t before = rte_rdtsc();
  while (!worker.stop.load(std::memory_order_relaxed)) {
    const std::uint64_t begin = rte_rdtsc();
    const plan::Plan* plan = worker.plans.read();
    if (plan == nullptr) {
      rest_a_little();
      worker.plans.quiescent(worker.state.index);
      continue;
    }
    const unsigned packets = path::turn(worker.state, *plan, worker.io, clock.now_ms(begin));
    worker.io.pulse(begin);
    const unsigned relayed = worker.io.relay();
    const bool worked = run_task(worker, *plan);
    worker.plans.quiescent(worker.state.index);

    account(worker.work, {packets, rte_rdtsc() - begin, worker.io.take_device_cycles(), begin - before});
    before = begin;
    empty_turns = packets != 0 || relayed != 0 || worked ? 0 : empty_turns + 1;
    if (sleeps && empty_turns >= empty_turns_before_sleep) {
      rest_a_little();
    }
  }
  worker.plans.leave(worker.state.index);
}

Worker::~Worker() {
  for (unsigned i = 0; i < state.waiting.count; ++i) {
    io.transmit({path::Outlet::release, 0}, &state.waiting.items[i].packet, 1);
  }
  path::end_fragments(state, io);
  path::end_awaited(state, io);
}

}  // namespace limpet::worker
