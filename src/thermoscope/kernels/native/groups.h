// Softmax of rows of medium length, in groups: entries of a row lie side by side in a register, and what depends on a whole row
// is computed for all rows of a group at once. For one row, the maximum and the total across lanes, the shift and the reciprocal
// are chains of operations that wait for each other, as long as a hundred exponentials take.
#pragma once
#include "tiles.h"

namespace thermoscope::LEVEL {

// Rows of up to this many bytes are worked in groups wherever they lie, longer ones of up to a block if they come from memory.
constexpr long kGroupRowBytes = 1792;
// Logits and results of a group: a first-level cache holds them and those of the next group.
constexpr long kGroupBytes = 1 << 14;
constexpr long kLeastGroupRows = 8;  // fewer take less time one after the other

template <class T> class Group {
  using C = Constants<T>;
  using V = Pack<T>;        // each register has entries of another row
  using Line = Pack<T, 1>;  // entries of one row, or one number of each row
  static constexpr long kWidth = kLanes<T>;

 public:
  static constexpr long kRows = kWidth;
  // For rows of n entries, at least a pack's.
  explicit Group(long n) : n_(n), whole_(n / kWidth * kWidth), tail_(n % kWidth) {}

  // The number of rows of n entries that are worked together.
  static long rows_of(long n) {
    const long room = kGroupBytes / (2 * n * long(sizeof(T)));
    return std::max<long>(kRegisters, std::min(kRows, room / kRegisters * kRegisters));
  }

  // The shifts of `rows` rows, by their maxima. False if a maximum is not near 0 or a scale is NaN. One read.
  INLINE bool find_shifts(const T* z, long rows, const Scales<T>& scales) {
    for (long r = 0; r < rows; ++r) {
      const V maxima = maxima_of(z + r * n_, n_);
      static_assert(kRegisters <= 2);
      store(high_ + r * kWidth, max(maxima.template part<1>(0), maxima.template part<1>(kRegisters - 1)));
    }
    const Line maximum = reduce_lines([&](int r) INLINE_LAMBDA { return line(high_, r); }, [](Line a, Line b) INLINE_LAMBDA { return max(a, b); });
    const Line scale = line(scales.high, 0), shift = rounding_constant<T>(maximum, scale);
    store(rounder_, shift), store(threshold_, underflow_threshold<T>(shift, Line(T(1)) / scale));
    T octaves[kRows];
    store(octaves, max(-maximum, maximum) * scale);
    return std::all_of(octaves, octaves + rows, [](T one) { return one <= C::kFarOctaves; });
  }

  // exp_z of the rows, relative to their shifts, to `out`, and the reciprocals of their totals. False if a total is NaN. One read
  // and one write, in which the memory `ahead` of both is asked for.
  INLINE bool exponentials(const T* z, T* out, long rows, const Scales<T>& scales, const Exp2<T>& exp2, long ahead) {
    for (long r = 0; r < rows; r += kRegisters) {
      const int step = step_to_next(r, rows);
      const Place<const T> from{z + r * n_, step * n_};
      const Place<T> to{out + r * n_, step * n_};
      const DoubleWord<V> scale{each(scales.high + r, step), each(scales.low + r, step)};
      const V rounder = each(rounder_ + r, step), threshold = each(threshold_ + r, step);
      ExpSum<T> sum(C::kAboveExp);
      for (long k = 0; k < whole_; k += kWidth) {
        from.prefetch(k + ahead), to.prefetch(k + ahead);
        to.store(k, sum.add(exp2.at(max(threshold, from.load(k)), scale, rounder)));
      }
      if (tail_) to.store_first(whole_, tail_, sum.add(exp2.at(max(threshold, from.load_first(whole_, tail_, C::kLowest)), scale, rounder)));
      store(high_ + r * kWidth, sum.total - V(C::kAboveExp)), store(low_ + r * kWidth, sum.low);
    }
    using Total = DoubleWord<Line>;
    const Total total = reduce_lines([&](int r) INLINE_LAMBDA { return Total{line(high_, r), line(low_, r)}; }, [](Total a, Total b) INLINE_LAMBDA { return add(a, b); });
    Line high, low;
    reciprocal<T>(total, high, low);
    store(inverse_, high), store(inverse_low_, low);
    return std::none_of(inverse_, inverse_ + rows, [](T one) { return std::isnan(one); });
  }
  bool is_unsupported(long r) const { return std::isnan(inverse_[r]); }  // whether that total is

  // Divide the exp_z of the rows by their totals. One read and one write; from the last row to the first, because a read waits
  // for a masked write that it lies beside, as the first entries of a row do behind the last ones of the row before.
  INLINE void normalize(T* out, long rows) const {
    const V unit(C::kExpUnit);
    for (long r = (rows - 1) / kRegisters * kRegisters; r >= 0; r -= kRegisters) {
      const int step = step_to_next(r, rows);
      const Place<T> place{out + r * n_, step * n_};
      const DoubleWord<V> inverse{each(inverse_ + r, step), each(inverse_low_ + r, step)};
      for (long k = 0; k < whole_; k += kWidth) place.store(k, normalized(place.load(k), inverse, unit));
      if (tail_) place.store_first(whole_, tail_, normalized(place.load_first(whole_, tail_, T(0)), inverse, unit));
    }
  }

 private:
  // As many rows as a pack has registers: `at`, and `stride` from each to the next.
  template <class U> struct Place {
    U* at;
    long stride;
    INLINE void prefetch(long k) const { for (int i = 0; i < kRegisters; ++i) __builtin_prefetch(at + i * stride + k, 0, 3); }
    INLINE V load(long k) const { return V::of([&](int i) INLINE_LAMBDA { return load_register<Register<T>>(at + i * stride + k); }); }
    INLINE V load_first(long k, long count, T fill) const {
      return V::of([&](int i) INLINE_LAMBDA { return LEVEL::load_first(at + i * stride + k, count, Line(fill).reg[0]); });
    }
    INLINE void store(long k, V v) const { for (int i = 0; i < kRegisters; ++i) std::memcpy(at + i * stride + k, &v.reg[i], kRegisterBytes); }
    INLINE void store_first(long k, long count, V v) const { for (int i = 0; i < kRegisters; ++i) LEVEL::store_first(at + i * stride + k, count, v.reg[i]); }
  };
  // From the row of a register to that of the next: none where fewer rows are left, so that all registers have the same one.
  static INLINE int step_to_next(long r, long rows) { return r + kRegisters <= rows; }
  static INLINE V each(const T* numbers, int step) { return V::of([&](int i) INLINE_LAMBDA { return Line(numbers[i * step]).reg[0]; }); }
  static INLINE Line line(const T* lines, int r) { return load<T, 1>(lines + r * kWidth); }

  // Lane r of the result is the join of all lanes of at(r), a Line or a double word of Lines. The steps are those of a
  // transposition, whose results are joined at once: two shuffles and a join for each row.
  template <class At, class Join, int count = kRows> static INLINE auto reduce_lines(At at, Join join, int first = 0) {
    if constexpr (count == 1) return at(first);
    else {
      auto a = reduce_lines<At, Join, count / 2>(at, join, first), b = reduce_lines<At, Join, count / 2>(at, join, first + count / 2);
      unzip_lines<count / 2>(a, b);
      return join(a, b);
    }
  }
  template <int distance> static INLINE void unzip_lines(Line& a, Line& b) { unzip_at<distance, T>(a.reg[0], b.reg[0]); }
  template <int distance> static INLINE void unzip_lines(DoubleWord<Line>& a, DoubleWord<Line>& b) {
    unzip_lines<distance>(a.high, b.high), unzip_lines<distance>(a.low, b.low);
  }

  const long n_, whole_, tail_;
  // The numbers of each row, and lines of them before they are joined. Those behind the last row of a small group don't count.
  alignas(64) T high_[kRows * kWidth] = {}, low_[kRows * kWidth] = {};
  alignas(64) T rounder_[kRows] = {}, threshold_[kRows] = {}, inverse_[kRows] = {}, inverse_low_[kRows] = {};
};

// Rows begin to end, of a pack's entries to a block's, in groups. A row that is not near 0 makes its group slow: all of it is
// computed one after the other.
template <class T> void grouped_rows(const Job<T>& job, long begin, long end) {
  const long n = job.entries, most = Group<T>::rows_of(n);
  Group<T> group(n);
  Scales<T> scales;
  if (!job.per_row) scales.set(job, 0, 1);
  const Exp2<T> exp2;
  for (long first = begin; first < end; first += most) {
    const long rows = std::min(most, end - first);
    const T* z = job.z + first * n;
    T* out = job.out + first * n;
    if (job.per_row) scales.set(job, first, rows);
    if (group.find_shifts(z, rows, scales)) {
      if (!group.exponentials(z, out, rows, scales, exp2, most * n))
        for (long r = 0; r < rows; ++r) if (group.is_unsupported(r)) job.refuse(first + r);
      group.normalize(out, rows);
      continue;
    }
    for (long r = 0; r < rows; ++r) {
      const double temperature = job.temperature_of(first + r);
      T rounder;
      const Row<T> row{exponent_scale<T>(temperature), &rounder};
      if (!row.retry(z + r * n, out + r * n, n, temperature)) job.refuse(first + r);
    }
  }
}

// Rows begin to end, in groups or one after the other, whichever is faster.
template <class T> void long_rows(const Job<T>& job, long begin, long end) {
  const long n = job.entries;
  const bool medium = n > Pack<T>::kSize && n <= kBlockEntries && (n * long(sizeof(T)) <= kGroupRowBytes || !is_cached(job));
  return medium && end - begin >= kLeastGroupRows ? grouped_rows(job, begin, end) : row_by_row(job, begin, end);
}

}  // namespace thermoscope::LEVEL
