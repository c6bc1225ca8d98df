// For fits of the temperature: of each row, log Σ exp((z - max) / T), and the mean and variance of z - max under softmax.
#pragma once
#include "log.h"

namespace thermoscope::LEVEL {

constexpr long kTransposedEntries = 48;  // rows of fewer are worked side by side

// Of rows side by side, or of one row. As for logarithms, entries that equal the maximum are counted: they add nothing else.
template <class T> struct Moments {
  using C = Constants<T>;
  using V = Pack<T>;
  using W = Wide<T>;
  const V maximum;
  const Shift<T> shift;
  const V lowest;      // entries below it count as 0
  const bool uniform;  // T = inf: all entries above -inf count alike
  const Exp2<T> exp2;
  V count{T(0)};
  W rest{0.0}, first{0.0}, second{0.0};

  INLINE Moments(DoubleWord<T> scale, V maxima, bool infinite)
      : maximum(maxima), shift({V(scale.high), V(scale.low)}, maxima),
        lowest(infinite ? V(std::numeric_limits<T>::lowest()) : maxima + V(T(C::kUnderflowLog2) / scale.high)), uniform(infinite) {}
  INLINE void add(V z) {
    const V zero(T(0)), entries = max(lowest, z);
    V exp_z = uniform ? if_less(z, lowest, zero, V(C::kExpScale) + (z - z)) : shift.exp_z(exp2, entries).value();
    exp_z = if_equal(z, maximum, zero, exp_z), count = count + if_equal(z, maximum, V(T(1)), zero);
    const W wide = widen(exp_z), away = widen(entries) - widen(maximum), product = wide * away;
    rest = rest + wide, first = first + product, second = mul_add(product, away, second);
  }
  INLINE V exp_maximum() const { return uniform ? V(C::kExpScale) : shift.exp_z(exp2, maximum).value(); }
};

struct MomentSums { double count, exp_maximum, rest, first, second; };
template <class T> void store_moments(const Job<T>& job, double* result, long row, T maximum, const MomentSums& s) {
  const double total = s.count * s.exp_maximum + s.rest, mean = s.first / total, variance = s.second / total - mean * mean;
  const bool finite = std::abs(maximum) <= std::numeric_limits<T>::max();
  result[row] = finite ? std::log1p(s.count - 1 + s.rest / s.exp_maximum) : std::numeric_limits<double>::quiet_NaN();
  result[job.rows + row] = mean, result[2 * job.rows + row] = variance < 0 ? 0 : variance;
}

template <class T> void moments(const Job<T>& job, double* result, long begin, long end) {
  using V = Pack<T>;
  constexpr long width = V::kSize;
  const long n = job.entries;
  const bool infinite = std::isinf(job.temperature[0]);
  const DoubleWord<T> scale = exponent_scale<T>(job.temperature[0]);
  if (n < kTransposedEntries) {
    const Scratch<T> tile(n * width), edge(n * width + kLanes<T>);
    for (long row = begin; row < end; row += width) {
      const long rows = std::min(width, end - row);
      std::memcpy(edge, job.z + row * n, rows * n * sizeof(T));
      transpose_tile<false>(static_cast<const T*>(edge), static_cast<T*>(tile), rows, n);
      V maximum(Constants<T>::kLowest);
      for (long k = 0; k < n; ++k) maximum = max(load(tile + k * width), maximum);
      Moments<T> m(scale, maximum, infinite);
      for (long k = 0; k < n; ++k) m.add(load(tile + k * width));
      T maxima[width], counts[width], units[width];
      double rests[width], firsts[width], seconds[width];
      store(maxima, maximum), store(counts, m.count), store(units, m.exp_maximum());
      store(rests, m.rest), store(firsts, m.first), store(seconds, m.second);
      for (long r = 0; r < rows; ++r)
        store_moments(job, result, row + r, maxima[r], {double(counts[r]), double(units[r]), rests[r], firsts[r], seconds[r]});
    }
    return;
  }
  for (long row = begin; row < end; ++row) {
    const T *z = job.z + row * n, maximum = maximum_of(z, n);
    Moments<T> m(scale, V(maximum), infinite);
    long k = 0;
    for (; k + width <= n; k += width) prefetch<2>(z + n + k), m.add(load(z + k));
    if (k < n) m.add(load_first(z + k, n - k, V(Constants<T>::kLowest)));
    const MomentSums sums{reduce_add(widen(m.count)), double(m.exp_maximum().reg[0][0]), reduce_add(m.rest), reduce_add(m.first), reduce_add(m.second)};
    store_moments(job, result, row, maximum, sums);
  }
}

}  // namespace thermoscope::LEVEL
