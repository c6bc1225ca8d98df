// Softmax of long rows: entries of a row side by side in a pack.
#pragma once
#include <new>

#include "exp2.h"
#include "kernels.h"

namespace thermoscope::LEVEL {

// Entries that share a shift and are added up in a pack. Rows of up to one block are read twice, for the maximum and for the
// exponentials: a block and what is written meanwhile stay in a first-level cache.
constexpr long kBlockEntries = 2560;

// Memory for numbers, zeroed, at the start of a cache line; up to a line of it needs no allocation. (Library containers would
// be compiled for each level under one name, of which the linker keeps any.)
template <class T> class Scratch {
 public:
  explicit Scratch(long size) {
    const std::size_t bytes = size * sizeof(T);
    if (bytes > sizeof line_) data_ = static_cast<T*>(::operator new(bytes, std::align_val_t(64)));
    std::memset(static_cast<void*>(data_), 0, bytes);
  }
  Scratch(const Scratch&) = delete;
  ~Scratch() { if (data_ != own()) ::operator delete(data_, std::align_val_t(64)); }
  operator T*() const { return data_; }
  T* operator->() const { return data_; }

 private:
  T* own() { return reinterpret_cast<T*>(line_); }
  alignas(64) unsigned char line_[64];
  T* data_ = own();
};

// 1 / total as a double word times kExpUnit, so that its products with exp_z are normal numbers.
template <class T> DoubleWord<T> reciprocal(DoubleWord<double> total) {
  using C = Constants<T>;
  const double rounded = total.high + total.low, inverse = double(C::kExpScale) / rounded;
  if (sizeof(T) == 4) return rounded_pair<T>(inverse, 0);
  const double rest = std::fma(-inverse, rounded, double(C::kExpScale)) - inverse * ((total.high - rounded) + total.low);
  return {T(inverse), T(rest * (inverse * double(C::kExpUnit)))};
}
// exp_z / total: one rounding, but for a second where the result is subnormal.
template <class T> INLINE Pack<T> normalized(Pack<T> exp_z, DoubleWord<Pack<T>> inverse, Pack<T> unit) {
  return mul_add(exp_z, inverse.high, exp_z * inverse.low) * unit;
}

// The packs of a row joined to one, whose numbers are the largest of their lanes. NaN doesn't count.
template <class T> INLINE Pack<T> maxima_of(const T* z, long n) {
  constexpr long step = Pack<T>::kSize;
  Pack<T> first(Constants<T>::kLowest), second = first;
  if (n < step) return max(load_first(z, n, first), first);
  for (long k = 0; k < n; k += 2 * step) {
    first = max(load(z + std::min(k, n - step)), first);
    second = max(load(z + std::min(k + step, n - step)), second);
  }
  return max(first, second);
}
template <class T> T maximum_of(const T* z, long n) { return reduce_max(maxima_of(z, n)); }

// Write one(entries) for n entries, to where they are or elsewhere. With `aligned`, no store goes into two cache lines, which
// takes as long as two.
template <class T, class One> INLINE void transform_row(const T* from, T* to, long n, bool aligned, One one) {
  constexpr long step = Pack<T>::kSize;
  const auto some = [&](long k, long count) INLINE_LAMBDA { store_first(to + k, count, one(load_first(from + k, count, Pack<T>(T(0))))); };
  const long lead = aligned ? (-reinterpret_cast<std::intptr_t>(to) & (kRegisterBytes - 1)) / long(sizeof(T)) : 0;
  long k = std::min(lead, n);
  if (k > 0) some(0, k);
  for (; k + step <= n; k += step) store(to + k, one(load(from + k)));
  if (k < n) some(k, n - k);
}

// A row in blocks. The shift of a block comes from the maximum of those before it, so that a long row needs no pass for its
// maximum; a block whose own maximum is kHeadroomLog2 octaves above is computed again.
template <class T> struct Row {
  using C = Constants<T>;
  using V = Pack<T>;
  DoubleWord<T> scale;  // log2(e) / T
  T* rounders;          // of each block
  T inverse_scale = 1 / scale.high;

  // Row i's, if rows have temperatures of their own.
  INLINE void take_temperature(const Job<T>& job, long i) {
    if (job.per_row) scale = exponent_scale<T>(job.temperature_of(i)), inverse_scale = 1 / scale.high;
  }
  // The total of a block's exp_z, none of which exceeds `above`; they are written to `out` if `stored`. They are added up register
  // by register, as in a group, so that a row has the same digits in both. `found` becomes the maximum of as many entries of `next`:
  // the block itself, or what follows. With `asks`, what is ahead is asked for meanwhile.
  template <bool stored, bool asks> INLINE DoubleWord<double> block_exponentials(const T* z, T* out, long n, T rounder, T above, const T* next, T& found) const {
    constexpr long step = V::kSize;
    const DoubleWord<V> scales{scale.high, scale.low};
    const V threshold(underflow_threshold<T>(rounder, inverse_scale)), rounders(rounder);
    const Exp2<T> exp2;
    ExpSum<T, 1> sum(above);
    V maximum(C::kLowest);
    const auto exp_z_at = [&](long k, V entries, V others) INLINE_LAMBDA {
      if (asks) prefetch_ahead(next + k), prefetch_ahead(out + k);
      maximum = max(others, maximum);
      return sum.add_each(exp2.at(max(threshold, entries), scales, rounders));
    };
    const long whole = n / step * step;
    for (long k = 0; k < whole; k += step) {
      const V exp_z = exp_z_at(k, load(z + k), load(next + k));
      if (stored) store(out + k, exp_z);
    }
    if (whole < n) {
      const V lowest(C::kLowest), exp_z = exp_z_at(whole, load_first(z + whole, n - whole, lowest), load_first(next + whole, n - whole, lowest));
      if (stored) store_first(out + whole, n - whole, exp_z);
    }
    found = reduce_max(maximum);
    return reduce_sum(sum, above);
  }
  // Out of line: inlined, the retry slows the first try down.
  template <bool stored> __attribute__((noinline)) DoubleWord<double> block_again(const T* z, T* out, long n, T rounder) const {
    T found;
    return block_exponentials<stored, !stored>(z, out, n, rounder, C::kAboveExp, z, found);
  }
  bool near(T maximum) const { return std::abs(maximum) * scale.high <= C::kFarOctaves; }

  // The total of a row's exp_z relative to the last rounding constant. NaN if an entry is, or where a maximum is not near 0.
  // `maximum` is that of the first block, or above, and becomes that of the row.
  template <bool stored> DoubleWord<double> exponentials(const T* z, T* out, long n, T& maximum) const {
    const DoubleWord<double> nothing{std::numeric_limits<double>::quiet_NaN(), 0};
    DoubleWord<double> total{0, 0};
    T rounder = C::kRoundToStep;
    for (long begin = 0; begin < n; begin += kBlockEntries) {
      if (!near(maximum)) return nothing;
      const long size = std::min(kBlockEntries, n - begin);
      const T before = rounder;
      T* place = out + begin;
      rounder = rounding_constant<T>(maximum, scale.high);
      T found;
      // Softmax of a long row would take 10 % longer if it asked.
      DoubleWord<double> part = block_exponentials<stored, !stored>(z + begin, place, size, rounder, begin ? C::kAboveBlock : C::kAboveExp, z + begin, found);
      const bool exceeded = (found - maximum) * scale.high > kHeadroomLog2;
      maximum = std::max(maximum, found);
      if (exceeded) {
        if (!near(maximum)) return nothing;
        rounder = rounding_constant<T>(maximum, scale.high);
        part = block_again<stored>(z + begin, place, size, rounder);
      }
      rounders[begin / kBlockEntries] = rounder;
      if (begin > 0 && rounder < before) {
        const double lower = std::ldexp(1.0, int(rounder - before));
        total = {total.high * lower, total.low * lower};
      }
      total = add(total, part);
    }
    return total;
  }

  // The same, for one row of several; with `ahead`, `next_maximum` becomes that of the row behind, if rows are of one block.
  template <bool stored> INLINE DoubleWord<double> row_exponentials(const T* z, T* out, long n, T& maximum, bool ahead, T& next_maximum) const {
    if (n > kBlockEntries) return exponentials<stored>(z, out, n, maximum);
    if (!near(maximum)) return {std::numeric_limits<double>::quiet_NaN(), 0};
    rounders[0] = rounding_constant<T>(maximum, scale.high);
    return block_exponentials<stored, true>(z, out, n, rounders[0], C::kAboveExp, ahead ? z + n : z, next_maximum);
  }

  // Divide exp_z by their total, which is relative to `rounder`; that of each block is in `rounders`.
  void normalize(T* out, long n, T rounder, DoubleWord<double> total) const {
    const bool aligned = n > 16 * V::kSize;  // a shorter one would wait for its own stores, which began elsewhere
    const DoubleWord<T> inverse = reciprocal<T>(total);
    for (long begin = (n - 1) / kBlockEntries * kBlockEntries; begin >= 0; begin -= kBlockEntries) {  // the last is still in a cache
      DoubleWord<T> own = inverse;
      int power = -C::kExpScaleLog2;
      const int above = int(rounders[begin / kBlockEntries] - rounder);  // the shift of the row less that of the block
      if (above > -C::kUnderflowLog2) own = {0, 0};
      else if (above > 0) {  // taken off in two steps, so that all factors are normal numbers
        const int later = std::min(above, C::kExponentBias / 2);
        const T factor = normal_power_of_two<T>(later - above);
        own = {own.high * factor, own.low * factor}, power -= later;
      }
      const DoubleWord<V> inverses{own.high, own.low};
      const V unit(normal_power_of_two<T>(power));
      const long size = std::min(kBlockEntries, n - begin);
      transform_row(out + begin, out + begin, size, aligned, [&](V exp_z) INLINE_LAMBDA { return normalized(exp_z, inverses, unit); });
    }
  }

  // The whole row by its own maximum, which is subtracted first where it is far from 0. False if the row is unsupported.
  bool retry(const T* z, T* out, long n, double temperature) const {
    T maximum = maximum_of(z, n);
    if (!supported(maximum, temperature)) return false;
    if (!near(maximum)) {
      for (long k = 0; k < n; ++k) out[k] = z[k] - maximum;
      z = out, maximum = 0;
    }
    const DoubleWord<double> total = exponentials<true>(z, out, n, maximum);
    if (std::isnan(total.high)) return false;
    normalize(out, n, rounders[(n - 1) / kBlockEntries], total);
    return true;
  }
};

// A row that fits a pack: nothing is stored before the end. False if the row is unsupported, or its maximum far from 0.
template <class T> INLINE bool row_in_pack(const T* z, T* out, long n, DoubleWord<T> scale) {
  using C = Constants<T>;
  using V = Pack<T>;
  const V entries = load_first(z, n, V(C::kLowest));
  const T maximum = reduce_max(entries), rounder = rounding_constant<T>(maximum, scale.high);
  if (!(std::abs(maximum) * scale.high <= C::kFarOctaves)) return false;
  const V threshold(underflow_threshold<T>(rounder, 1 / scale.high));
  const auto unrounded = Exp2<T>().at(max(threshold, entries), {V(scale.high), V(scale.low)}, V(rounder));
  const V exp_z = unrounded.value();
  const DoubleWord<double> total = reduce_sum(exp_z, unrounded.rest(exp_z));
  if (std::isnan(total.high)) return false;
  const DoubleWord<T> inverse = reciprocal<T>(total);
  store_first(out, n, normalized(exp_z, {V(inverse.high), V(inverse.low)}, V(C::kExpUnit)));
  return true;
}

// Rows begin to end, one after the other: work(row, i, z, out, total, maximum) for each, from the total of its exp_z, which are in
// `out` if `stored`; that is NaN where it is not known, and then the maximum isn't, either. `z` is a copy where what is stored of
// several blocks would overwrite logits that are needed if the last turns out to be unsupported.
template <bool stored, class T, class Work> INLINE void each_row(const Job<T>& job, long begin, long end, Work work) {
  const long n = job.entries;
  const bool copied = stored && n > kBlockEntries && job.z == job.out, in_passing = n <= kBlockEntries;
  const Scratch<T> rounders((n + kBlockEntries - 1) / kBlockEntries), copy(copied ? n : 0);
  Row<T> row{exponent_scale<T>(job.temperature[0]), rounders};
  T maximum = maximum_of(job.z + begin * n, std::min(n, kBlockEntries));
  for (long i = begin; i < end; ++i) {
    const T* z = job.z + i * n;
    T* out = job.out + i * n;
    row.take_temperature(job, i);
    if (copied) z = static_cast<const T*>(std::memcpy(copy, z, n * sizeof(T)));
    T next_maximum = 0;
    DoubleWord<double> total{std::numeric_limits<double>::quiet_NaN(), 0};
    if (supported<T>(job.temperature_of(i))) total = row.template row_exponentials<stored>(z, out, n, maximum, in_passing && i + 1 < end, next_maximum);
    work(row, i, z, out, total, maximum);
    if (i + 1 < end) maximum = in_passing && !std::isnan(total.high) ? next_maximum : maximum_of(job.z + (i + 1) * n, std::min(n, kBlockEntries));
  }
}

// Rows begin to end, of any length, one after the other.
template <class T> void row_by_row(const Job<T>& job, long begin, long end) {
  const long n = job.entries;
  if (n <= Pack<T>::kSize) {
    const Scratch<T> rounders(1);
    Row<T> row{exponent_scale<T>(job.temperature[0]), rounders};
    for (long i = begin; i < end; ++i) {
      row.take_temperature(job, i);
      const bool done = supported<T>(job.temperature_of(i)) && row_in_pack(job.z + i * n, job.out + i * n, n, row.scale);
      if (!done && !row.retry(job.z + i * n, job.out + i * n, n, job.temperature_of(i))) job.refuse(i);
    }
    return;
  }
  each_row<true>(job, begin, end, [&](const Row<T>& row, long i, const T* z, T* out, DoubleWord<double> total, T) INLINE_LAMBDA {
    if (!std::isnan(total.high)) row.normalize(out, n, row.rounders[(n - 1) / kBlockEntries], total);
    else if (!row.retry(z, out, n, job.temperature_of(i))) {
      job.refuse(i);
      if (z != job.z + i * n) std::memcpy(out, z, n * sizeof(T));
    }
  });
}

// ---- One row in parts ----

template <class T> Total part_exponentials(const Job<T>& job, long begin, long end, T* rounders) {
  const Row<T> row{exponent_scale<T>(job.temperature[0]), rounders};
  T maximum = maximum_of(job.z + begin, std::min(kBlockEntries, end - begin));
  const DoubleWord<double> total = row.template exponentials<true>(job.z + begin, job.out + begin, end - begin, maximum);
  return {total.high, total.low};
}
template <class T> void part_normalize(const Job<T>& job, long begin, long end, const T* rounders, T rounder, Total total) {
  Row<T>{{}, const_cast<T*>(rounders)}.normalize(job.out + begin, end - begin, rounder, {total.high, total.low});
}
template <class T> bool retry_row(const Job<T>& job, T* rounders) {
  return Row<T>{exponent_scale<T>(job.temperature[0]), rounders}.retry(job.z, job.out, job.entries, job.temperature[0]);
}

}  // namespace thermoscope::LEVEL
