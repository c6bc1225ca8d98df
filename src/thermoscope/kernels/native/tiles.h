// Softmax of short rows: as many rows as a pack has numbers, transposed into the columns of a tile.
#pragma once
#include "rows.h"

namespace thermoscope::LEVEL {

// A tile whose memory is this often in a first-level cache has room there for what the next one needs.
constexpr long kFirstLevelBytes = 1 << 15, kTilesInFirstLevel = 5;

template <class T, int registers> INLINE void reciprocal(DoubleWord<Pack<T, registers>> total, Pack<T, registers>& high, Pack<T, registers>& low) {
  using C = Constants<T>;
  using V = Pack<T, registers>;
  const DoubleWord<V> rounded = two_sum(total.high, total.low);
  high = V(C::kExpScale) / rounded.high;
  low = (mul_add(-high, rounded.high, V(C::kExpScale)) - high * rounded.low) * (high * V(C::kExpUnit));
}

// Copy `rows` rows of n entries to the columns of a tile, or back. In order: what a register writes behind the end of a row,
// the next row overwrites.
template <bool back, class T> INLINE void transpose_tile(const T* from, T* to, long rows, long n) {
  constexpr long square = kLanes<T>, width = Pack<T>::kSize;
  for (long r = 0; r < rows; r += square)
    for (long k = 0; k < n; k += square) {
      const long entry = std::max(0L, std::min(k, n - square)), count = std::min(n, square);  // ends with the row, if it can
      if (back) transpose(from + entry * width + r, width, count, std::min(square, rows - r), to + r * n + entry, n);
      else transpose(from + r * n + entry, n, std::min(square, rows - r), count, to + entry * width + r, width);
    }
}

// The shift of rows side by side: their maxima, subtracted first where they are far from 0. NaN where a row is unsupported.
template <class T> struct Shift {
  using C = Constants<T>;
  using V = Pack<T>;
  DoubleWord<V> scale;
  V anchor, rounder, threshold;
  INLINE Shift(DoubleWord<V> scales, V maximum) : scale(scales) {
    anchor = if_less(V(C::kFarOctaves), max(-maximum, maximum) * scale.high, maximum, V(T(0)));
    rounder = rounding_constant<T>(maximum - anchor, scale.high);
    threshold = underflow_threshold<T>(rounder, V(T(1)) / scale.high);
  }
  // Of maxima near 0, whose rounding constants and thresholds are known.
  INLINE Shift(DoubleWord<V> scales, V rounders, V thresholds) : scale(scales), anchor(T(0)), rounder(rounders), threshold(thresholds) {}
  INLINE Unrounded<V> exp_z(const Exp2<T>& exp2, V z) const { return exp2.at(max(threshold, z - anchor), scale, rounder); }
};

// Softmax of a tile in place; the totals, NaN where a row is unsupported. The memory of the next tile is asked for in passing:
// processors don't look that far ahead.
template <int locality, class T> INLINE Pack<T> softmax_tile(T* tile, long n, DoubleWord<Pack<T>> scales, const T* next_z, const T* out) {
  using C = Constants<T>;
  using V = Pack<T>;
  constexpr long width = V::kSize;
  V maximum(C::kLowest);
  for (long k = 0; k < n; ++k) maximum = max(load(tile + k * width), maximum);
  const Shift<T> shift(scales, maximum);
  const Exp2<T> exp2;
  ExpSum<T> sum(C::kAboveExp);
  for (long begin = 0; begin < n; begin += kFoldEntries, sum.fold())
    for (long k = begin; k < std::min(begin + kFoldEntries, n); ++k) {
      store(tile + k * width, sum.add(shift.exp_z(exp2, load(tile + k * width))));
      prefetch<locality>(next_z + k * width), prefetch<locality>(out + k * width);
    }
  const V total = sum.total - V(C::kAboveExp), unit(C::kExpUnit);
  DoubleWord<V> inverse;
  reciprocal<T>({total, sum.low}, inverse.high, inverse.low);
  for (long k = 0; k < n; ++k) store(tile + k * width, normalized(load(tile + k * width), inverse, unit));
  return total;
}

// Double words of rows side by side, by their temperatures.
template <class T> struct EachRow {
  T high[Pack<T>::kSize], low[Pack<T>::kSize];
  INLINE DoubleWord<Pack<T>> get() const { return {load(high), load(low)}; }

 protected:
  // of(temperature) of `count` rows from `row` on, of which the last is repeated.
  template <class Of> void fill(const Job<T>& job, long row, long count, Of of) {
    DoubleWord<T> one{};
    for (long r = 0; r < Pack<T>::kSize; ++r) {
      if (r == 0 || (job.per_row && r < count)) one = of(job.temperature_of(row + r));
      high[r] = one.high, low[r] = one.low;
    }
  }
};
// log2(e) / T, NaN where a temperature is unsupported.
template <class T> struct Scales : EachRow<T> {
  void set(const Job<T>& job, long row, long count) {
    this->fill(job, row, count, [](double temperature) {
      DoubleWord<T> scale = exponent_scale<T>(temperature);
      if (!supported<T>(temperature)) scale.high = std::numeric_limits<T>::quiet_NaN();
      return scale;
    });
  }
};

// Rows by tiles: work(tile, rows from `row` on, their scales, where the next tile and this one's result lie) leaves the
// result in the tile and returns numbers that are NaN where a row is unsupported.
template <class T, class Work> INLINE void by_tiles(const Job<T>& job, long begin, long end, Work work) {
  constexpr long width = Pack<T>::kSize;
  const long n = job.entries, size = n * width;
  const Scratch<T> tile(size), edge(size + kLanes<T>);  // the latter for the last rows, behind which registers reach
  Scales<T> scales;
  if (!job.per_row) scales.set(job, 0, 1);
  for (long row = begin; row < end; row += width) {
    const long rows = std::min(width, end - row);
    const bool inside = (row + width) * n + kLanes<T> <= end * n;
    const T* z = job.z + row * n;
    T* out = job.out + row * n;
    if (!inside) z = static_cast<const T*>(std::memcpy(edge, z, rows * n * sizeof(T)));
    T* target = inside ? out : static_cast<T*>(edge);
    if (job.per_row) scales.set(job, row, rows);
    transpose_tile<false>(z, static_cast<T*>(tile), rows, n);
    const Pack<T> supported = work(tile, row, rows, scales, z + size, target);
    if (reduce_add(supported - supported) == 0) {
      const Register<T> behind = load_register<Register<T>>(target + rows * n);  // is overwritten and put back
      transpose_tile<true>(static_cast<const T*>(tile), target, rows, n);
      std::memcpy(target + rows * n, &behind, sizeof behind);
      if (!inside) std::memcpy(out, edge, rows * n * sizeof(T));
    } else {
      T each[width];
      store(each, supported);
      for (long r = 0; r < rows; ++r) {
        if (std::isnan(each[r])) job.refuse(row + r);
        else for (long k = 0; k < n; ++k) out[r * n + k] = tile[k * width + r];
      }
    }
  }
}

template <class T> void short_rows(const Job<T>& job, long begin, long end) {
  const long n = job.entries;
  const bool first_level = kTilesInFirstLevel * n * Pack<T>::kSize * long(sizeof(T)) <= kFirstLevelBytes;
  by_tiles(job, begin, end, [&](T* tile, long, long, const Scales<T>& scales, const T* next, const T* target) INLINE_LAMBDA {
    return first_level ? softmax_tile<3, T>(tile, n, scales.get(), next, target) : softmax_tile<2, T>(tile, n, scales.get(), next, target);
  });
}

}  // namespace thermoscope::LEVEL
