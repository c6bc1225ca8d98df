// What a level offers to the module: plain functions over parts of an array, in a table.
#pragma once
#include <atomic>

namespace thermoscope {

// Rows of fewer bytes are short: where there are many, they are worked side by side.
constexpr long kShortRowBytes = 256;

// A C-contiguous array of `matrices` x `entries` x `inner`; a row is the entries of one matrix and one place in `inner`.
template <class T> struct Job {
  const T* z;
  T* out;  // z itself, or apart from it
  const double* temperature;
  bool per_row;  // whether each row has a temperature of its own
  long matrices, entries, inner, rows;
  // Marked for rows that need the reference kernel: T = 0 or infinite, a maximum that is not finite, a NaN, magnitudes that
  // would overflow on the way. In place, such a row keeps its logits.
  bool* unsupported;
  std::atomic<bool>* any_unsupported;

  double temperature_of(long row) const { return temperature[per_row ? row : 0]; }
  void refuse(long row) const { unsupported[row] = true, any_unsupported->store(true, std::memory_order_relaxed); }
};

struct Total { double high, low; };  // high + low
struct LogTotal { double count; Total rest; };  // how many entries are the maximum, and Σ exp((z - max) / T) of the others

template <class T> struct Functions {
  using Range = void (*)(const Job<T>&, long begin, long end);
  Range long_rows, short_rows;      // rows begin to end, inner = 1
  Range columns;                    // columns begin to end of each matrix
  Range log_long_rows, log_short_rows, log_columns;
  // result[k][row]: log Σ exp((z - max) / T), mean and variance of z - max.
  void (*moments)(const Job<T>&, double* result, long begin, long end);
  // One row in parts of whole blocks. Each part leaves its rounding constants, its maximum, its total relative to the last
  // constant, and for softmax exp_z in `out`; then each is normalised by the total of all, which is relative to `rounder`.
  Total (*part_exponentials)(const Job<T>&, long begin, long end, T* rounders);
  void (*part_normalize)(const Job<T>&, long begin, long end, const T* rounders, T rounder, Total total);
  bool (*retry_row)(const Job<T>&, T* rounders);  // the whole row, by its own maximum; false if it is unsupported
  Total (*part_total)(const Job<T>&, long begin, long end, T* rounders, T* maximum);
  bool (*undominated)(const Job<T>&, T rounder, Total total, T maximum, Total* log);  // whether log Σ exp(z / T) will do
  void (*part_line)(const Job<T>&, long begin, long end, Total log);
  bool (*supported)(T maximum, double temperature);  // whether a row without a NaN is
  // A row that one entry dominates: what the others add up to beside the maximum, then the logarithms.
  T (*part_maximum)(const Job<T>&, long begin, long end);
  LogTotal (*part_log_total)(const Job<T>&, long begin, long end, T maximum);
  void (*part_logarithms)(const Job<T>&, long begin, long end, T maximum, LogTotal total);
};

struct Level {
  const char* name;
  Functions<float> of_float;
  Functions<double> of_double;
  int float_tile, double_tile;  // rows or columns worked side by side
  int block_entries;            // parts of a row are whole blocks
};

}  // namespace thermoscope
