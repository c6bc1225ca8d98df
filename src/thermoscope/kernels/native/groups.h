// Softmax of rows of medium length, in groups: entries of a row lie side by side in a register, and what depends on a whole row
// is computed for all rows of a group at once. For one row, the maximum and the total across lanes, the shift and the reciprocal
// are chains of operations that wait for each other, as long as a hundred exponentials take.
#pragma once
#include "log.h"

namespace thermoscope::LEVEL {

// Rows of up to this many bytes are worked in groups wherever they lie, longer ones of up to a block if they come from memory.
constexpr long kGroupRowBytes = 1792;
// Logits and results of a group: a first-level cache holds them and those of the next group.
constexpr long kGroupBytes = 1 << 14;
constexpr long kLeastGroupRows = 8;  // fewer take less time one after the other

// Rows one behind the other.
template <class T> struct Rows { const T* z; long count; };

// 1 / T of each row of a group.
template <class T> struct Inverses {
  T high[kLanes<T>], low[kLanes<T>];
  void set(const Job<T>& job, long first, long rows) {
    for (long r = 0; r < kLanes<T>; ++r) {
      const DoubleWord<double> inverse = inverse_of(job.temperature_of(first + std::min(r, rows - 1)));
      const DoubleWord<T> rounded = rounded_pair<T>(inverse.high, inverse.low);
      high[r] = rounded.high, low[r] = rounded.low;
    }
  }
};

template <class T> class Group {
  using C = Constants<T>;
  using V = Pack<T>;        // each register has entries of another row
  using Line = Pack<T, 1>;  // entries of one row, or one number of each row
  static constexpr long kWidth = kLanes<T>;
  // Octaves that exp_z are higher where their sums must be exact at any size: what rounding takes from the lowest is still a normal
  // number, which processors compute faster. There are too few entries for those that should count as 0 to add up.
  static constexpr T kHigher = C::kMantissaBits + 1;
  // The numbers of a group of up to this many rows are joined across lanes in fewer steps.
  static constexpr int kFew = 16 / sizeof(T);

 public:
  static constexpr long kRows = kWidth;
  using WideLine = Wide<T, 1>;
  // For rows of n entries, at least a pack's.
  explicit Group(long n) : n_(n), whole_(n / kWidth * kWidth), tail_(n % kWidth), ahead_(rows_of(n) * n), are_few_(rows_of(n) <= kFew) {}

  // The number of rows of n entries that are worked together.
  static long rows_of(long n) {
    const long room = kGroupBytes / (2 * n * long(sizeof(T)));
    return std::max<long>(kRegisters, std::min(kRows, room / kRegisters * kRegisters));
  }
  // The group behind `rows` rows from `first` on, or these again where they are the last.
  static Rows<T> behind(const Job<T>& job, long first, long rows, long end) {
    const long n = job.entries, left = std::min(rows_of(n), end - first - rows);
    return left > 0 ? Rows<T>{job.z + (first + rows) * n, left} : Rows<T>{job.z + first * n, rows};
  }

  // Find the maxima of the rows. False if one is unsupported, or a temperature. One read, unless `exponentials` read them in passing.
  INLINE bool find_maxima(const T* z, long rows, const Scales<T>& scales) {
    for (long r = 0; r < rows && z != passed_; ++r) {
      const V maxima = maxima_of(z + r * n_, n_);
      static_assert(kRegisters <= 2);
      store(maxima_ + r * kWidth, max(maxima.template part<1>(0), maxima.template part<1>(kRegisters - 1)));
    }
    const Line maximum = reduce_lines([&](int r) INLINE_LAMBDA { return line(maxima_, r); }, [](Line a, Line b) INLINE_LAMBDA { return max(a, b); });
    const Line scale = line(scales.high, 0), size = max(-maximum, maximum);
    store(maximum_, maximum), store(far_, if_less(Line(C::kFarOctaves), size * scale, maximum, Line(T(0))));
    T supported[kRows];  // below 0 where a maximum is not, NaN where a temperature is not
    store(supported, if_less(Line(C::kLargest), size, Line(C::kLowest), size) + (scale - scale));
    return std::all_of(supported, supported + rows, [](T one) { return one >= 0; });
  }
  // Whether a maximum is far from 0, which must be subtracted first.
  bool are_far(long rows) const { return std::any_of(far_, far_ + rows, [](T one) { return one != 0; }); }
  // Write z less the maxima that are far from 0 to `out`. One read and one write.
  INLINE void subtract_far_maxima(const T* z, T* out, long rows) {
    transform(z, out, rows, [&](long r, int step) INLINE_LAMBDA { return [far = each(far_ + r, step)](V entries) INLINE_LAMBDA { return entries - far; }; });
    store(maximum_, line(maximum_, 0) - line(far_, 0));
  }
  // The shifts of the rows, by their maxima, which are near 0.
  INLINE void find_shifts(const Scales<T>& scales) {
    const Line scale = line(scales.high, 0), rounder = rounding_constant<T>(line(maximum_, 0), scale);
    store(rounder_, rounder), store(threshold_, underflow_threshold<T>(rounder, Line(T(1)) / scale));
  }

  // The totals of the rows' exp_z, or of these as they are after rounding; they are relative to the shifts, and written to `out` if
  // `stored`. One read and one write. The maxima of the `next` rows are read in passing: this waits for arithmetic, that for reads.
  template <bool stored, bool rounded = false>
  INLINE DoubleWord<Line> exponentials(const T* z, T* out, long rows, const Scales<T>& scales, const Exp2<T>& exp2, Rows<T> next) {
    for (long r = 0; r < rows; r += kRegisters) {
      const int step = step_to_next(r, rows);
      const Place<const T> from{z + r * n_, step * n_};
      const Place<T> to{out + r * n_, step * n_};
      const DoubleWord<V> scale{each(scales.high + r, step), each(scales.low + r, step)};
      const V rounder = each(rounder_ + r, step), threshold = each(threshold_ + r, step);
      const long other = std::min(r, next.count - 1);
      const Place<const T> coming{next.z + other * n_, step_to_next(other, next.count) * n_};
      V maxima(C::kLowest);
      ExpSum<T> sum(C::kAboveExp);
      const auto add_to = [&](const Unrounded<V>& exp_z) INLINE_LAMBDA {
        if constexpr (!rounded) return sum.add(exp_z);
        const V value = exp_z.value();
        sum.add_rounded(value);
        return value;
      };
      for (long k = 0; k < whole_; k += kWidth) {
        coming.prefetch(k + ahead_), to.prefetch(k + ahead_);
        maxima = max(coming.load(k), maxima);
        const V exp_z = add_to(exp2.at(max(threshold, from.load(k)), scale, rounder));
        if (stored) to.store(k, exp_z);
      }
      if (tail_) {
        const V exp_z = add_to(exp2.at(max(threshold, from.load_first(whole_, tail_, C::kLowest)), scale, rounder));
        if (stored) to.store_first(whole_, tail_, exp_z);
        maxima = max(coming.load_first(whole_, tail_, C::kLowest), maxima);
      }
      store(maxima_ + r * kWidth, maxima);
      store(high_ + r * kWidth, sum.total - V(C::kAboveExp)), store(low_ + r * kWidth, sum.low);
    }
    passed_ = next.z;
    return reduce_totals();
  }

  // Divide the exp_z of the rows by their totals. One read and one write.
  INLINE void normalize(T* out, long rows, DoubleWord<Line> totals) {
    const V unit(C::kExpUnit);
    DoubleWord<Line> inverse;
    reciprocal<T>(totals, inverse.high, inverse.low);
    store_pairs(inverse);
    transform(out, out, rows, [&](long r, int step) INLINE_LAMBDA {
      return [unit, own = pairs(r, step)](V exp_z) INLINE_LAMBDA { return normalized(exp_z, own, unit); };
    });
  }

  // log Σ exp(z / T) of the rows, from their totals.
  INLINE DoubleWord<WideLine> log_sums_exp(DoubleWord<Line> totals) const {
    return log_sum_exp<T>(wide(totals), widen(line(rounder_, 0)));
  }

  // log Σ exp((z - max) / T) of the rows, where an entry may dominate. One read.
  INLINE DoubleWord<WideLine> log_totals(const T* z, const T* out, long rows, const Scales<T>& scales) {
    for (long r = 0; r < rows; r += kRegisters) {
      const int step = step_to_next(r, rows);
      const Place<const T> from{z + r * n_, step * n_}, to{out + r * n_, step * n_};
      const DoubleWord<V> scale{each(scales.high + r, step), each(scales.low + r, step)};
      LogSum<T> sum(each(maximum_ + r, step), {scale, each(rounder_ + r, step) + V(kHigher), each(threshold_ + r, step)});
      for (long k = 0; k < whole_; k += kWidth) from.prefetch(k + ahead_), to.prefetch(k + ahead_), sum.add(from.load(k));
      if (tail_) sum.add(from.load_first(whole_, tail_, C::kLowest));
      store(count_ + r * kWidth, sum.count), store(high_ + r * kWidth, sum.rest.high), store(low_ + r * kWidth, sum.rest.low);
    }
    const Line count = reduce_lines([&](int r) INLINE_LAMBDA { return line(count_, r); }, [](Line a, Line b) INLINE_LAMBDA { return a + b; });
    return log_total(widen(count), divide(wide(reduce_totals()), wide(exp_maxima(scales, kHigher))));
  }
  // The same from the totals of exp_z, which are of rounded ones where the sums above are: of some 47 good bits, as many are lost as
  // the result is below 1, so it must be above `kLeastRest`.
  static constexpr bool kRounded = sizeof(T) == 4;
  static constexpr double kLeastRest = 0x1p-16;
  INLINE DoubleWord<WideLine> log_totals(DoubleWord<Line> totals, const Scales<T>& scales) const {
    const DoubleWord<Line> unit = exp_maxima(scales, T(0));
    const DoubleWord<Line> less{-unit.high, kRounded ? Line(T(0)) : -unit.low};
    return log1p(divide(add(wide(totals), wide(less)), wide(unit)));
  }
  // (z - max) / T - `logs`. One read and one write.
  INLINE void logarithms(const T* z, T* out, long rows, const Inverses<T>& inverses, DoubleWord<WideLine> logs) {
    store_pairs(rounded_pairs<T>(logs));
    transform(z, out, rows, [&](long r, int step) INLINE_LAMBDA {
      return Logarithms<T>(each(maximum_ + r, step), {each(inverses.high + r, step), each(inverses.low + r, step)}, pairs(r, step));
    });
  }
  T maximum(long r) const { return maximum_[r]; }

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
    INLINE void store(long k, V v) const {
      for (int i = 0; i < kRegisters; ++i) std::memcpy(at + i * stride + k, &v.reg[i], kRegisterBytes);
    }
    INLINE void store_first(long k, long count, V v) const {
      for (int i = 0; i < kRegisters; ++i) LEVEL::store_first(at + i * stride + k, count, v.reg[i]);
    }
  };
  // From the row of a register to that of the next: none where fewer rows are left, so that all registers have the same one.
  static INLINE int step_to_next(long r, long rows) { return r + kRegisters <= rows; }
  static INLINE V each(const T* numbers, int step) { return V::of([&](int i) INLINE_LAMBDA { return Line(numbers[i * step]).reg[0]; }); }
  static INLINE Line line(const T* lines, int r) { return load<T, 1>(lines + r * kWidth); }

  INLINE void store_pairs(DoubleWord<Line> v) { store(high_, v.high), store(low_, v.low); }
  INLINE DoubleWord<V> pairs(long r, int step) const { return {each(high_ + r, step), each(low_ + r, step)}; }
  // Write make(r, step)(entries) for the entries of the rows, which may lie in `out`. From the last row to the first: a read waits
  // for a masked write that it lies beside, as the first entries of a row do behind the last ones of the row before.
  template <class Make> INLINE void transform(const T* from, T* out, long rows, Make make) const {
    for (long r = (rows - 1) / kRegisters * kRegisters; r >= 0; r -= kRegisters) {
      const int step = step_to_next(r, rows);
      const Place<const T> source{from + r * n_, step * n_};
      const Place<T> target{out + r * n_, step * n_};
      const auto one = make(r, step);
      for (long k = 0; k < whole_; k += kWidth) target.store(k, one(source.load(k)));
      if (tail_) target.store_first(whole_, tail_, one(source.load_first(whole_, tail_, T(0))));
    }
  }

  // Lane r of the result is the join of all lanes of at(r), a Line or a double word of Lines.
  template <class At, class Join> INLINE auto reduce_lines(At at, Join join) const {
    return are_few_ ? fold_blocks<kFew>(transposed<kFew>(0, at, join), join) : transposed<int(kRows)>(0, at, join);
  }
  // The steps of a transposition of `count` lines, whose results are joined at once: two shuffles and a join for each row.
  template <int count, class At, class Join> static INLINE auto transposed(int first, At at, Join join) {
    if constexpr (count == 1) return at(first);
    else {
      auto a = transposed<count / 2>(first, at, join), b = transposed<count / 2>(first + count / 2, at, join);
      unzip_lines<count / 2>(a, b);
      return join(a, b);
    }
  }
  // The join of the blocks of kFew lanes, in each of them.
  template <int distance, class Value, class Join> static INLINE Value fold_blocks(Value v, Join join) {
    if constexpr (distance == kWidth) return v;
    else return fold_blocks<2 * distance>(join(v, swapped<distance>(v)), join);
  }
  template <int distance> static INLINE Line swapped(Line v) {
    return Line::of([&](int) { return swap_lanes<distance>(v.reg[0], Indices<int(kWidth)>{}); });
  }
  template <int distance> static INLINE DoubleWord<Line> swapped(DoubleWord<Line> v) { return {swapped<distance>(v.high), swapped<distance>(v.low)}; }
  static INLINE DoubleWord<WideLine> wide(DoubleWord<Line> v) { return {widen(v.high), widen(v.low)}; }
  // exp_z of the maxima, as many octaves `higher`.
  INLINE DoubleWord<Line> exp_maxima(const Scales<T>& scales, T higher) const {
    const auto all = [](const T* numbers) INLINE_LAMBDA { return V::of([&](int) INLINE_LAMBDA { return line(numbers, 0).reg[0]; }); };
    const Shift<T> shift({all(scales.high), all(scales.low)}, all(rounder_) + V(higher), all(threshold_));
    const DoubleWord<V> unit = LogSum<T>(all(maximum_), shift).exp_maximum();
    return {unit.high.template part<1>(0), unit.low.template part<1>(0)};
  }
  INLINE DoubleWord<Line> reduce_totals() const {
    using Total = DoubleWord<Line>;
    const auto at = [&](int r) INLINE_LAMBDA { return Total{line(high_, r), line(low_, r)}; };
    return reduce_lines(at, [](Total a, Total b) INLINE_LAMBDA { return add(a, b); });
  }
  template <int distance> static INLINE void unzip_lines(Line& a, Line& b) { unzip_at<distance, T>(a.reg[0], b.reg[0]); }
  template <int distance> static INLINE void unzip_lines(DoubleWord<Line>& a, DoubleWord<Line>& b) {
    unzip_lines<distance>(a.high, b.high), unzip_lines<distance>(a.low, b.low);
  }

  const long n_, whole_, tail_, ahead_;  // from an entry to that of the next group, whose memory is asked for
  const bool are_few_;
  // The numbers of each row, and lines of them before they are joined. Those behind the last row of a small group don't count.
  alignas(64) T high_[kRows * kWidth] = {}, low_[kRows * kWidth] = {}, count_[kRows * kWidth] = {}, maxima_[kRows * kWidth] = {};
  alignas(64) T maximum_[kRows], far_[kRows], rounder_[kRows], threshold_[kRows];
  const T* passed_ = nullptr;  // the rows whose maxima were read in passing
};

// Refuse the rows from `first` on whose numbers are NaN.
template <class T, class U, int registers> INLINE void refuse_nan(const Job<T>& job, long first, long rows, Pack<U, registers> numbers) {
  U each[Pack<U, registers>::kSize];
  store(each, numbers);
  for (long r = 0; r < rows; ++r) if (std::isnan(each[r])) job.refuse(first + r);
}

// Rows begin to end, of a pack's entries to a block's, in groups. Of a group that has an unsupported maximum, one after the other.
template <class T> void grouped_rows(const Job<T>& job, long begin, long end) {
  using G = Group<T>;
  const long n = job.entries, most = G::rows_of(n);
  G group(n);
  Scales<T> scales;
  if (!job.per_row) scales.set(job, 0, 1);
  const Exp2<T> exp2;
  for (long first = begin; first < end; first += most) {
    const long rows = std::min(most, end - first);
    const T* z = job.z + first * n;
    T* out = job.out + first * n;
    if (job.per_row) scales.set(job, first, rows);
    if (!group.find_maxima(z, rows, scales)) {
      row_by_row(job, first, first + rows);
      continue;
    }
    if (group.are_far(rows)) group.subtract_far_maxima(z, out, rows), z = out;
    group.find_shifts(scales);
    const auto totals = group.template exponentials<true>(z, out, rows, scales, exp2, G::behind(job, first, rows, end));
    refuse_nan(job, first, rows, totals.high);
    group.normalize(out, rows, totals);
  }
}

// Whether `rows` rows take less time in groups than one after the other.
template <class T> bool in_groups(const Job<T>& job, long rows) {
  const long n = job.entries;
  return rows >= kLeastGroupRows && n > Pack<T>::kSize && n <= kBlockEntries && (n * long(sizeof(T)) <= kGroupRowBytes || !is_cached(job));
}
// Rows begin to end, of any length.
template <class T> void long_rows(const Job<T>& job, long begin, long end) {
  return in_groups(job, end - begin) ? grouped_rows(job, begin, end) : row_by_row(job, begin, end);
}

// As grouped_rows, for logarithms.
template <class T> void log_grouped_rows(const Job<T>& job, long begin, long end) {
  using G = Group<T>;
  const long n = job.entries, most = G::rows_of(n);
  G group(n);
  Scales<T> scales;
  Inverses<T> inverses;
  if (!job.per_row) scales.set(job, 0, 1), inverses.set(job, 0, 1);
  const Exp2<T> exp2;
  bool dominated = false;  // whether an entry dominates some row of the last group: mostly one does in the next
  for (long first = begin; first < end; first += most) {
    const long rows = std::min(most, end - first);
    const T* z = job.z + first * n;
    T* out = job.out + first * n;
    const Rows<T> next = G::behind(job, first, rows, end);
    if (job.per_row) scales.set(job, first, rows);
    if (!group.find_maxima(z, rows, scales) || (n >= kLineEntries<T> && group.are_far(rows))) {
      log_row_by_row(job, first, first + rows);
      continue;
    }
    if (group.are_far(rows)) group.subtract_far_maxima(z, out, rows), z = out;
    group.find_shifts(scales);
    double each[G::kRows];
    if (n < kLineEntries<T>) {
      const auto exact = [&] { return group.log_totals(z, out, rows, scales); };
      const auto quick = [&] {
        return group.log_totals(group.template exponentials<false, G::kRounded>(z, out, rows, scales, exp2, next), scales);
      };
      auto log = dominated ? exact() : quick();
      store(each, log.high);
      const long few = std::count_if(each, each + rows, [](double one) { return !(one > G::kLeastRest); });
      if (few > 0 && !dominated) {
        const auto other = exact();
        const typename G::WideLine least(G::kLeastRest);
        log = {if_less(least, log.high, log.high, other.high), if_less(least, log.high, log.low, other.low)};
      }
      if (few > 0) refuse_nan(job, first, rows, log.high);
      dominated = few > 0;
      if (job.per_row) inverses.set(job, first, rows);
      group.logarithms(z, out, rows, inverses, log);
      continue;
    }
    const auto log = group.log_sums_exp(group.template exponentials<false>(z, out, rows, scales, exp2, next));
    double lows[G::kRows];
    store(each, log.high), store(lows, log.low);
    for (long r = rows - 1; r >= 0; --r)  // as in `transform`
      logarithms_of_row<T>(job, first + r, z + r * n, out + r * n, {each[r], lows[r]}, group.maximum(r));
  }
}
template <class T> void log_long_rows(const Job<T>& job, long begin, long end) {
  return in_groups(job, end - begin) ? log_grouped_rows(job, begin, end) : log_row_by_row(job, begin, end);
}

}  // namespace thermoscope::LEVEL
