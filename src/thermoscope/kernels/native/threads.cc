#include "threads.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>
#if defined(__linux__)
#include <sched.h>
#endif
#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#endif

namespace thermoscope {
namespace {

constexpr int kSpinsBeforePark = 10'000;  // of some 50 ns: half a millisecond

// Pause, and yield every 64th time: the thread waited for may be waiting for this core.
void spin_once(int spins) {
  if (spins % 64 == 63) std::this_thread::yield();
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb");
#endif
}

#if defined(__linux__)
int current_core() { return sched_getcpu(); }
// Move this thread off its caller's core. Systems tend to wake a thread there, and may let both take turns for 10 ms.
void leave_core(int core) {
  cpu_set_t allowed;
  if (current_core() != core || sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
  cpu_set_t others = allowed;
  CPU_CLR(core, &others);
  if (CPU_COUNT(&others) == 0) return;
  sched_setaffinity(0, sizeof others, &others);  // moves it; from there it may go anywhere again
  sched_setaffinity(0, sizeof allowed, &allowed);
}
#else
int current_core() { return -1; }
void leave_core(int) {}
#endif

enum State { kParked, kSpinning, kCalled, kWorking };

struct alignas(64) Worker {
  std::atomic<int> state{kParked};
  Task task = nullptr;
  void* job = nullptr;
  int number = 0, caller_core = -1;
  std::mutex mutex;
  std::condition_variable wake;
  bool woken = false;

  bool change(int from, int to) { return state.compare_exchange_strong(from, to, std::memory_order_acq_rel); }

  // The caller's side.
  void call(Task new_task, void* new_job) {
    task = new_task, job = new_job, caller_core = current_core();
    if (change(kSpinning, kCalled) || !change(kParked, kCalled)) return;
    std::lock_guard lock(mutex);
    woken = true;
    wake.notify_one();
  }
  void finish() {
    if (change(kCalled, kParked)) return;  // it has not come: the call is taken back
    for (int spins = 0; state.load(std::memory_order_acquire) == kWorking; ++spins) spin_once(spins);
  }

  // The worker's side.
  void serve() {
    for (;;) {
      for (int spins = 0; spins < kSpinsBeforePark || !change(kSpinning, kParked);) {
        if (change(kCalled, kWorking)) {
          leave_core(caller_core);
          task(job, number);
          state.store(kSpinning, std::memory_order_release);
          spins = 0;
        } else if (!change(kParked, kSpinning)) {
          spin_once(spins++);
        }
      }
      std::unique_lock lock(mutex);
      wake.wait(lock, [this] { return woken; });
      woken = false;
    }
  }
};

struct Pool {
  std::mutex busy;
  std::vector<std::unique_ptr<Worker>> workers;
};
Pool* pool = new Pool;  // never freed: workers may outlive the end of the process

}  // namespace

void run_together(int helpers, Task task, void* job) {
  if (helpers < 1) return task(job, 0);
  std::unique_lock lock(pool->busy, std::try_to_lock);
  if (!lock) return task(job, 0);
#if defined(__unix__) || defined(__APPLE__)
  // A forked child has its parent's memory but none of its threads: it begins with a new pool.
  static const int once = pthread_atfork(nullptr, nullptr, [] { pool = new Pool; });
  (void)once;
#endif
  auto& workers = pool->workers;
  try {
    while (int(workers.size()) < helpers) {
      workers.push_back(std::make_unique<Worker>());
      workers.back()->number = int(workers.size());
      try {
        std::thread(&Worker::serve, workers.back().get()).detach();
      } catch (...) {
        workers.pop_back();
        throw;
      }
    }
  } catch (const std::exception&) {  // no more threads, or no memory for one: those that are there will do
  }
  const int count = std::min(helpers, int(workers.size()));
  for (int k = 0; k < count; ++k) workers[k]->call(task, job);
  task(job, 0);
  for (int k = 0; k < count; ++k) workers[k]->finish();
}

}  // namespace thermoscope
