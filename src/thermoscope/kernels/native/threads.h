// Workers that spin for the next job for a while, and then park. Waking a thread takes some 50 us, as long as a softmax of
// 400,000 entries; a spinning worker takes a job within one.
#pragma once
#include <atomic>
#include <memory>

namespace thermoscope {

// Chunks of work, each to be taken once. A worker first takes its own share, which is the same in every pass over the same
// chunks (they are in its core's caches then), and afterwards what the others have not begun.
class Chunks {
 public:
  Chunks(int workers, long count) : workers_(workers), count_(count), taken_(new Counter[workers]) {}
  void rewind() { for (int k = 0; k < workers_; ++k) taken_[k].next = 0; }
  template <class Work> void each(int worker, Work work) {
    for (int k = worker; k < worker + workers_; ++k) {
      const long owner = k % workers_, begin = count_ * owner / workers_, end = count_ * (owner + 1) / workers_;
      for (long chunk; (chunk = begin + taken_[owner].next.fetch_add(1, std::memory_order_relaxed)) < end;) work(chunk);
    }
  }

 private:
  struct alignas(64) Counter { std::atomic<long> next{0}; };
  int workers_;
  long count_;
  std::unique_ptr<Counter[]> taken_;
};

using Task = void (*)(void* job, int worker);
// Call task(job, 0) here and task(job, k), k = 1, 2 ..., on up to `helpers` workers, those that come before it is done.
// Where another caller has the workers, this one does everything. The task must not throw.
void run_together(int helpers, Task task, void* job);

}  // namespace thermoscope
