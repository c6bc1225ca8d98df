// Softmax of rows of medium length, in groups: entries of a row lie side by side in a register, and what depends on a whole row
// is computed for all rows of a group at once. For one row, the maximum and the total across lanes, the shift and the reciprocal
// are chains of operations that wait for each other, as long as a hundred exponentials take.
#pragma once
#include "log.h"

namespace thermoscope::LEVEL {

// Rows of up to this many entries are worked in groups.
constexpr long kGroupEntries = 640;
// Logits and results of a group: a first-level cache holds them and those of the next group.
constexpr long kGroupBytes = 1 << 14;
constexpr long kLeastGroupRows = 8;  // fewer take less time one after the other

// Of its functions, those that several call are not INLINE, but for `exponentials`: compilers take long over each copy.
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
  // For rows of a pack's entries at least.
  explicit Group(const Job<T>& job)
      : job_(job), n_(job.entries), whole_(n_ / kWidth * kWidth), tail_(n_ % kWidth), most_(rows_of(n_)), are_few_(most_ <= kFew) {
    if (!job.per_row) scales_.set(job, 0, 1), inverses_.set(job, 0, 1);
  }

  // Take the rows from `first` on, of those before `end`: all that is said of rows below is of these. Returns how many.
  INLINE long take(long first, long end) {
    first_ = first, rows_ = std::min(most_, end - first);
    z_ = job_.z + first * n_, out_ = job_.out + first * n_;
    const long behind = std::min(most_, end - first - rows_);  // where there are none, these rows again
    next_ = behind > 0 ? z_ + rows_ * n_ : z_, next_rows_ = behind > 0 ? behind : rows_;
    if (job_.per_row) scales_.set(job_, first, rows_);
    return rows_;
  }
  // Find the maxima of the rows. False if one is unsupported, or a temperature. One read, unless `exponentials` read them in passing.
  bool find_maxima() {
    for (long r = 0; r < rows_ && z_ != passed_; ++r) {
      const V maxima = maxima_of(z_ + r * n_, n_);
      static_assert(kRegisters <= 2);
      store(maxima_ + r * kWidth, max(maxima.template part<1>(0), maxima.template part<1>(kRegisters - 1)));
    }
    const Line maximum = reduce_lines([&](int r) INLINE_LAMBDA { return line(maxima_, r); }, [](Line a, Line b) INLINE_LAMBDA { return max(a, b); });
    const Line scale = line(scales_.high, 0), size = max(-maximum, maximum);
    store(maximum_, maximum), store(far_, if_less(Line(C::kFarOctaves), size * scale, maximum, Line(T(0))));
    T supported[kRows];  // below 0 where a maximum is not, NaN where a temperature is not
    store(supported, if_less(Line(C::kLargest), size, Line(C::kLowest), size) + (scale - scale));
    return std::all_of(supported, supported + rows_, [](T one) { return one >= 0; });
  }
  // Whether a maximum is far from 0, which must be subtracted first.
  bool are_far() const { return std::any_of(far_, far_ + rows_, [](T one) { return one != 0; }); }
  // Write z less the maxima that are far from 0 to the result, which is z from then on. One read and one write.
  void subtract_far_maxima() {
    transform(z_, [&](long r, int step) INLINE_LAMBDA { return [far = each(far_ + r, step)](V entries) INLINE_LAMBDA { return entries - far; }; });
    store(maximum_, line(maximum_, 0) - line(far_, 0));
    z_ = out_;
  }
  // The shifts of the rows, by their maxima, which are near 0.
  INLINE void find_shifts() {
    const Line scale = line(scales_.high, 0), rounder = rounding_constant<T>(line(maximum_, 0), scale);
    store(rounder_, rounder), store(threshold_, underflow_threshold<T>(rounder, Line(T(1)) / scale));
  }

  // The totals of the rows' exp_z, or of these as they are after rounding; they are relative to the shifts, and written to the
  // result if `stored`. One read and one write. The maxima of the next group are read in passing: this waits for arithmetic, that
  // for reads.
  template <bool stored, bool rounded = false>
  INLINE DoubleWord<Line> exponentials(const Exp2<T>& exp2) {
    for (long r = 0; r < rows_; r += kRegisters) {
      const long other = std::min(r, next_rows_ - 1);
      const int step = step_to_next(r, rows_);
      const Place<const T> from{z_ + r * n_, step * n_}, next{next_ + other * n_, step_to_next(other, next_rows_) * n_};
      const Place<T> to{out_ + r * n_, step * n_};
      const DoubleWord<V> scale{each(scales_.high + r, step), each(scales_.low + r, step)};
      const V rounder = each(rounder_ + r, step), threshold = each(threshold_ + r, step);
      V maxima(C::kLowest);
      ExpSum<T> sum(C::kAboveExp);
      const auto add_to = [&](const Unrounded<V>& exp_z) INLINE_LAMBDA {
        if constexpr (!rounded) return sum.add(exp_z);
        const V value = exp_z.value();
        sum.add_rounded(value);
        return value;
      };
      for (long k = 0; k < whole_; k += kWidth) {
        next.prefetch_ahead(k), to.prefetch_ahead(k);
        maxima = max(next.load(k), maxima);
        const V exp_z = add_to(exp2.at(max(threshold, from.load(k)), scale, rounder));
        if (stored) to.store(k, exp_z);
      }
      if (tail_) {
        next.prefetch_ahead(whole_), to.prefetch_ahead(whole_);
        const V exp_z = add_to(exp2.at(max(threshold, from.load_first(whole_, tail_, C::kLowest)), scale, rounder));
        if (stored) to.store_first(whole_, tail_, exp_z);
        maxima = max(next.load_first(whole_, tail_, C::kLowest), maxima);
      }
      store(maxima_ + r * kWidth, maxima);
      store(high_ + r * kWidth, sum.total - V(C::kAboveExp)), store(low_ + r * kWidth, sum.low);
    }
    passed_ = next_;
    return reduce_totals();
  }

  // Divide the exp_z of the rows by their totals. One read and one write.
  INLINE void normalize(DoubleWord<Line> totals) {
    const V unit(C::kExpUnit);
    DoubleWord<Line> inverse;
    reciprocal<T>(totals, inverse.high, inverse.low);
    store_pairs(inverse);
    transform(out_, [&](long r, int step) INLINE_LAMBDA {
      return [unit, own = pairs(r, step)](V exp_z) INLINE_LAMBDA { return normalized(exp_z, own, unit); };
    });
  }

  // log Σ exp(z / T) of the rows, from their totals.
  INLINE DoubleWord<WideLine> log_sums_exp(DoubleWord<Line> totals) const {
    return log_sum_exp<T>(wide(totals), widen(line(rounder_, 0)));
  }

  // log Σ exp((z - max) / T) of the rows, where an entry may dominate. One read.
  DoubleWord<WideLine> log_totals() {
    for (long r = 0; r < rows_; r += kRegisters) {
      const int step = step_to_next(r, rows_);
      const Place<const T> from{z_ + r * n_, step * n_}, to{out_ + r * n_, step * n_};
      const DoubleWord<V> scale{each(scales_.high + r, step), each(scales_.low + r, step)};
      LogSum<T> sum(each(maximum_ + r, step), {scale, each(rounder_ + r, step) + V(kHigher), each(threshold_ + r, step)});
      for (long k = 0; k < whole_; k += kWidth) {
        from.prefetch_ahead(k), to.prefetch_ahead(k);
        sum.add(from.load(k));
      }
      if (tail_) {
        from.prefetch_ahead(whole_), to.prefetch_ahead(whole_);
        sum.add(from.load_first(whole_, tail_, C::kLowest));
      }
      store(count_ + r * kWidth, sum.count), store(high_ + r * kWidth, sum.rest.high), store(low_ + r * kWidth, sum.rest.low);
    }
    const Line count = reduce_lines([&](int r) INLINE_LAMBDA { return line(count_, r); }, [](Line a, Line b) INLINE_LAMBDA { return a + b; });
    return log_total(widen(count), divide(wide(reduce_totals()), wide(exp_maxima(kHigher))));
  }
  // The same from the totals of exp_z, which are of rounded ones where the sums above are: of some 47 good bits, as many are lost as
  // the result is below 1, so it must be above `kLeastRest`.
  static constexpr bool kRounded = sizeof(T) == 4;
  static constexpr double kLeastRest = 0x1p-16;
  INLINE DoubleWord<WideLine> log_totals(DoubleWord<Line> totals) const {
    const DoubleWord<Line> unit = exp_maxima(T(0));
    const DoubleWord<Line> less{-unit.high, kRounded ? Line(T(0)) : -unit.low};
    return log1p(divide(add(wide(totals), wide(less)), wide(unit)));
  }
  // (z - max) / T - `logs`. One read and one write.
  void logarithms(DoubleWord<WideLine> logs) {
    if (job_.per_row) inverses_.set(job_, first_, rows_);
    store_pairs(rounded_pairs<T>(logs));
    transform(z_, [&](long r, int step) INLINE_LAMBDA {
      return Logarithms<T>(each(maximum_ + r, step), {each(inverses_.high + r, step), each(inverses_.low + r, step)}, pairs(r, step));
    });
  }
  // The logarithms of each row by whichever way its log Σ exp(z / T) allows. From the last row to the first, as in `transform`.
  INLINE void logarithms_of_rows(DoubleWord<WideLine> logs) const {
    double highs[kRows], lows[kRows];
    store(highs, logs.high), store(lows, logs.low);
    for (long r = rows_ - 1; r >= 0; --r) logarithms_of_row<T>(job_, first_ + r, z_ + r * n_, out_ + r * n_, {highs[r], lows[r]}, maximum_[r]);
  }
  // Whether the number of each row is above a bound, NaN being none.
  INLINE bool are_above(double bound, WideLine numbers) const {
    double each[kRows];
    store(each, numbers);
    return std::all_of(each, each + rows_, [&](double one) { return one > bound; });
  }
  // Refuse the rows whose numbers are NaN.
  template <class U, int registers> INLINE void refuse_nan(Pack<U, registers> numbers) const {
    U each[Pack<U, registers>::kSize];
    store(each, numbers);
    for (long r = 0; r < rows_; ++r) if (std::isnan(each[r])) job_.refuse(first_ + r);
  }

 private:
  // As many rows as a pack has registers: `at`, and `stride` from each to the next.
  template <class U> struct Place {
    U* at;
    long stride;
    INLINE void prefetch_ahead(long k) const { for (int i = 0; i < kRegisters; ++i) LEVEL::prefetch_ahead<1>(at + i * stride + k); }
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
  // Write make(r, step)(entries) for the entries of the rows, which may lie in the result. From the last row to the first: a read
  // waits for a masked write that it lies beside, as the first entries of a row do behind the last ones of the row before.
  template <class Make> INLINE void transform(const T* entries, Make make) const {
    for (long r = (rows_ - 1) / kRegisters * kRegisters; r >= 0; r -= kRegisters) {
      const int step = step_to_next(r, rows_);
      const Place<const T> source{entries + r * n_, step * n_};
      const Place<T> target{out_ + r * n_, step * n_};
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
  INLINE DoubleWord<Line> exp_maxima(T higher) const {
    const auto all = [](const T* numbers) INLINE_LAMBDA { return V::of([&](int) INLINE_LAMBDA { return line(numbers, 0).reg[0]; }); };
    const Shift<T> shift({all(scales_.high), all(scales_.low)}, all(rounder_) + V(higher), all(threshold_));
    const DoubleWord<V> unit = LogSum<T>(all(maximum_), shift).exp_maximum();
    return {unit.high.template part<1>(0), unit.low.template part<1>(0)};
  }
  DoubleWord<Line> reduce_totals() const {
    using Total = DoubleWord<Line>;
    const auto at = [&](int r) INLINE_LAMBDA { return Total{line(high_, r), line(low_, r)}; };
    return reduce_lines(at, [](Total a, Total b) INLINE_LAMBDA { return add(a, b); });
  }
  template <int distance> static INLINE void unzip_lines(Line& a, Line& b) { unzip_at<distance, T>(a.reg[0], b.reg[0]); }
  template <int distance> static INLINE void unzip_lines(DoubleWord<Line>& a, DoubleWord<Line>& b) {
    unzip_lines<distance>(a.high, b.high), unzip_lines<distance>(a.low, b.low);
  }

  // The number of rows of n entries that are worked together.
  static long rows_of(long n) {
    const long room = kGroupBytes / (2 * n * long(sizeof(T)));
    return std::max<long>(kRegisters, std::min(kRows, room / kRegisters * kRegisters));
  }

  const Job<T>& job_;
  const long n_, whole_, tail_, most_;  // entries of a row: all, of whole packs, behind these; rows of a group but the last
  const bool are_few_;
  Scales<T> scales_;
  Inverses<T> inverses_;
  long first_, rows_, next_rows_;
  const T *z_, *next_, *passed_ = nullptr;  // the last: rows whose maxima were read in passing
  T* out_;
  // The numbers of each row, and lines of them before they are joined. Those behind the last row of a small group don't count.
  alignas(64) T high_[kRows * kWidth] = {}, low_[kRows * kWidth] = {}, count_[kRows * kWidth] = {}, maxima_[kRows * kWidth] = {};
  alignas(64) T maximum_[kRows], far_[kRows], rounder_[kRows], threshold_[kRows];
};

// Rows begin to end, of a pack's entries to a block's: work(group) for each group, at its shifts. Groups that have an unsupported
// maximum, or unless `far` one far from 0, are left to one_by_one(job, begin, end).
template <class T, class OneByOne, class Work> INLINE void by_groups(const Job<T>& job, long begin, long end, bool far, OneByOne one_by_one, Work work) {
  Group<T> group(job);
  for (long first = begin; first < end;) {
    const long rows = group.take(first, end);
    if (!group.find_maxima() || (!far && group.are_far())) one_by_one(job, first, first + rows);
    else {
      if (group.are_far()) group.subtract_far_maxima();
      group.find_shifts(), work(group);
    }
    first += rows;
  }
}

template <class T> void grouped_rows(const Job<T>& job, long begin, long end) {
  const Exp2<T> exp2;
  by_groups(job, begin, end, true, row_by_row<T>, [&](Group<T>& group) INLINE_LAMBDA {
    const auto totals = group.template exponentials<true>(exp2);
    group.refuse_nan(totals.high), group.normalize(totals);
  });
}
// Logarithms, where no entry dominates most rows.
template <class T> void log_grouped_rows(const Job<T>& job, long begin, long end) {
  const Exp2<T> exp2;
  by_groups(job, begin, end, false, log_row_by_row<T>, [&](Group<T>& group) INLINE_LAMBDA {
    group.logarithms_of_rows(group.log_sums_exp(group.template exponentials<false>(exp2)));
  });
}
// Logarithms of rows in which an entry may dominate, being few.
template <class T> void log_grouped_short_rows(const Job<T>& job, long begin, long end) {
  using G = Group<T>;
  const Exp2<T> exp2;
  bool dominated = false;  // whether an entry dominates some row of the last group: mostly one does in the next
  by_groups(job, begin, end, true, log_row_by_row<T>, [&](G& group) INLINE_LAMBDA {
    const bool quick = !dominated;
    auto log = quick ? group.log_totals(group.template exponentials<false, G::kRounded>(exp2)) : group.log_totals();
    dominated = !group.are_above(G::kLeastRest, log.high);
    if (quick && dominated) {
      const auto exact = group.log_totals();
      const typename G::WideLine least(G::kLeastRest);
      log = {if_less(least, log.high, log.high, exact.high), if_less(least, log.high, log.low, exact.low)};
    }
    if (dominated) group.refuse_nan(log.high);
    group.logarithms(log);
  });
}

// Whether `rows` rows take less time in groups than one after the other.
template <class T> bool in_groups(const Job<T>& job, long rows) {
  const long n = job.entries;
  return rows >= kLeastGroupRows && n > Pack<T>::kSize && n <= kGroupEntries;
}
// Rows begin to end, of any length.
template <class T> void long_rows(const Job<T>& job, long begin, long end) {
  return in_groups(job, end - begin) ? grouped_rows(job, begin, end) : row_by_row(job, begin, end);
}

template <class T> void log_long_rows(const Job<T>& job, long begin, long end) {
  if (!in_groups(job, end - begin)) return log_row_by_row(job, begin, end);
  return job.entries < kLineEntries<T> ? log_grouped_short_rows(job, begin, end) : log_grouped_rows(job, begin, end);
}

}  // namespace thermoscope::LEVEL
