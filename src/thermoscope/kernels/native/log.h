// log_softmax, in two ways.
//
// Any row: (z - max) / T - log(1 + s), with s = Σ exp((z - max) / T) over the entries but one maximum. The entries that equal
// the maximum are counted, the others are added up apart from them: s keeps its own relative accuracy however small it is, so
// a row that one entry dominates keeps how much that entry lacks.
//
// A row that no entry dominates, in half the time: z / T - log Σ exp(z / T), from the total that softmax takes too.
#pragma once
#include "tiles.h"

namespace thermoscope::LEVEL {

// What the entries of rows side by side, or of one row, add up to. The rest begins at 0, so it takes TwoSum.
template <class T> struct LogSum {
  using C = Constants<T>;
  using V = Pack<T>;
  const V maximum;
  const Shift<T> shift;
  const Exp2<T> exp2;
  V count{T(0)};
  DoubleWord<V> rest{V(T(0)), V(T(0))};

  INLINE LogSum(V maxima, Shift<T> shifts) : maximum(maxima), shift(shifts) {}
  INLINE void add(V z) {
    const V zero(T(0));
    const Unrounded<V> unrounded = shift.exp_z(exp2, z);
    const V exp_z = unrounded.value(), other = if_equal(z, maximum, zero, exp_z);
    count = count + if_equal(z, maximum, V(T(1)), zero);
    const DoubleWord<V> sum = two_sum(rest.high, other);
    rest = {sum.high, rest.low + sum.low};
    if constexpr (sizeof(T) == 8) rest.low = rest.low + if_equal(z, maximum, zero, unrounded.rest(exp_z));
  }
  INLINE void fold() { rest = fast_two_sum(rest.high, rest.low); }
  // exp_z of the maximum, the divisor of the rest.
  INLINE DoubleWord<V> exp_maximum() const {
    const Unrounded<V> unrounded = shift.exp_z(exp2, maximum);
    const V exp_z = unrounded.value();
    return {exp_z, unrounded.rest(exp_z)};
  }
};

// log(1 + s), where `count` entries are the maximum and the others add up to `rest` times exp_z of the maximum.
template <int registers>
INLINE DoubleWord<Pack<double, registers>> log_total(Pack<double, registers> count, DoubleWord<Pack<double, registers>> rest) {
  using V = Pack<double, registers>;
  const DoubleWord<V> s = two_sum(count - V(1.0), rest.high);
  return log1p<registers>({s.high, s.low + rest.low});
}

// Double words of T, from those of doubles.
template <class T, int registers> INLINE auto rounded_pairs(DoubleWord<Pack<double, registers>> v) {
  if constexpr (sizeof(T) == 8) return v;
  else {
    const auto high = narrow<T>(v.high);
    return DoubleWord<std::decay_t<decltype(high)>>{high, narrow<T>(v.high - widen(high))};
  }
}

// (z - max) / T - log_total. Both have one sign: in float, the rounding of z - max counts at most once, so that the result is good
// to 1.6 units in the last place. In double, what rounding takes from z - max and from the product goes in: less than 1.1 units.
template <class T> struct Logarithms;
template <> struct Logarithms<float> {
  using V = Pack<float>;
  V maximum, lowest;
  DoubleWord<V> inverse, log;
  INLINE Logarithms(V maxima, DoubleWord<V> inverses, DoubleWord<V> logs) : maximum(maxima), inverse(inverses), log(logs) {
    // Below it the result is -inf, of which a low part would make NaN.
    lowest = V(std::numeric_limits<float>::lowest()) / max(inverse.high, V(1.0f));
  }
  INLINE V operator()(V z) const {
    const V difference = z - maximum;
    return mul_add(difference, inverse.high, mul_add(max(lowest, difference), inverse.low, -log.low) - log.high);
  }
};
template <> struct Logarithms<double> {
  using V = Pack<double>;
  V maximum;
  DoubleWord<V> inverse, log;
  INLINE Logarithms(V maxima, DoubleWord<V> inverses, DoubleWord<V> logs) : maximum(maxima), inverse(inverses), log(logs) {}
  INLINE V operator()(V z) const {
    const DoubleWord<V> difference = two_sum(z, -maximum);
    const V value = mul_add(difference.high, inverse.high, -log.high);
    const V rest = mul_add(difference.high, inverse.low, mul_add(difference.low, inverse.high, -log.low));
    return if_less(V(-std::numeric_limits<double>::infinity()), value, value + rest, value);  // of -inf the rest is NaN
  }
};

INLINE DoubleWord<double> inverse_of(double temperature) {  // 1 / T
  const double inverse = 1 / temperature;
  return {inverse, std::fma(-inverse, temperature, 1.0) / temperature};
}

// 1 / T of rows side by side.
template <class T> struct Inverses : EachRow<T> {
  void set(const Job<T>& job, long row, long count) {
    this->fill(job, row, count, [](double temperature) {
      const DoubleWord<double> inverse = inverse_of(temperature);
      return rounded_pair<T>(inverse.high, inverse.low);
    });
  }
};

// ---- Rows side by side: columns, and short rows as the columns of a tile ----

// `count` rows at once, whose entries are `stride` apart; numbers that are NaN where a row is unsupported. Such rows are not
// written. The memory of the next ones is asked for in passing.
template <class T>
Pack<T> log_tile(const Job<T>& job, const T* z, T* out, long stride, long row, long count, const Scales<T>& scales, const T* next_z, const T* next_out) {
  using C = Constants<T>;
  using V = Pack<T>;
  using W = Wide<T>;
  const bool whole = count == V::kSize;
  const auto entries = [&](long k) INLINE_LAMBDA { return whole ? load(z + k * stride) : load_first(z + k * stride, count, V(T(0))); };
  V maximum(C::kLowest);
  for (long k = 0; k < job.entries; ++k) maximum = max(entries(k), maximum);
  LogSum<T> sum(maximum, {scales.get(), maximum});
  for (long begin = 0; begin < job.entries; begin += kFoldEntries, sum.fold())
    for (long k = begin; k < std::min(begin + kFoldEntries, job.entries); ++k) sum.add(entries(k)), prefetch<2>(next_z + k * stride), prefetch<2>(next_out + k * stride);
  const DoubleWord<V> unit = sum.exp_maximum();
  const DoubleWord<W> rest = divide(DoubleWord<W>{widen(sum.rest.high), widen(sum.rest.low)}, {widen(unit.high), widen(unit.low)});
  const DoubleWord<W> log = log_total(widen(sum.count), rest);
  Inverses<T> inverses;
  inverses.set(job, row, count);
  const Logarithms<T> logarithms(maximum, inverses.get(), rounded_pairs<T>(log));
  // z - max does not overflow where the maximum is within kLargest.
  const V size = max(-maximum, maximum), nan(std::numeric_limits<T>::quiet_NaN());
  const V supported = if_less(V(C::kLargest), size, nan, narrow<T>(log.high) + (maximum - maximum));
  T each[V::kSize];
  store(each, supported);
  bool all = whole;
  for (long r = 0; r < count; ++r) all = all && !std::isnan(each[r]);
  for (long k = 0; k < job.entries; ++k) {
    T values[V::kSize];
    if (all) store(out + k * stride, logarithms(entries(k)));
    else {
      store(values, logarithms(entries(k)));
      for (long r = 0; r < count; ++r) if (!std::isnan(each[r])) out[k * stride + r] = values[r];
    }
  }
  return supported;
}
template <class T> void log_short_rows(const Job<T>& job, long begin, long end) {
  constexpr long width = Pack<T>::kSize;
  by_tiles(job, begin, end, [&](T* tile, long row, long rows, const Scales<T>& scales, const T* next_z, const T* target) INLINE_LAMBDA {
    return log_tile<T>(job, tile, tile, width, row, rows, scales, next_z, target);
  });
}

// ---- Rows ----

// The entries of (part of) a row, relative to the maximum of the whole.
template <class T> LogTotal log_total_of(const T* z, long n, T maximum, DoubleWord<T> scale) {
  using V = Pack<T>;
  constexpr long step = V::kSize;
  const V maxima(maximum), none = Constants<T>::kLowest;
  const DoubleWord<V> scales{V(scale.high), V(scale.low)};
  LogSum<T> sum(maxima, {scales, maxima});
  double count = 0;
  DoubleWord<double> rest{0, 0};
  for (long begin = 0; begin < n; begin += kBlockEntries) {  // the format has room for the sums of a block, doubles for those of a row
    const long end = std::min(begin + kBlockEntries, n);
    sum.count = V(T(0)), sum.rest = {V(T(0)), V(T(0))};
    long k = begin;
    for (; k + step <= end; k += step) sum.add(load(z + k));
    if (k < end) sum.add(load_first(z + k, end - k, none));
    count += reduce_add(widen(sum.count));
    rest = add(rest, reduce_sum(sum.rest.high, sum.rest.low));
  }
  const DoubleWord<V> unit = sum.exp_maximum();
  rest = divide(rest, DoubleWord<double>{double(unit.high.reg[0][0]), double(unit.low.reg[0][0])});
  return {count, {rest.high, rest.low}};
}
template <class T> void logarithms_of(const T* z, T* out, long n, T maximum, const LogTotal& total, double temperature) {
  using V = Pack<T>;
  using W = Wide<T>;
  using One = Pack<double, 1>;
  const DoubleWord<One> log = log_total(One(total.count), {One(total.rest.high), One(total.rest.low)});
  const DoubleWord<double> inverse = inverse_of(temperature);
  const DoubleWord<W> inverses{W(inverse.high), W(inverse.low)}, logs{W(log.high.reg[0][0]), W(log.low.reg[0][0])};
  transform_row(z, out, n, true, Logarithms<T>(V{maximum}, rounded_pairs<T>(inverses), rounded_pairs<T>(logs)));
}

// A row that no entry dominates: (z - max) / T - log(1 + s) is z / T - log Σ exp(z / T), with enough left of the difference.
constexpr double kLeastLogTotal = 0.125;        // an error of the total counts at most eight times
constexpr double kLeastTemperature = 0x1p-20;   // z / T's low part stays finite
// Rows of fewer entries are computed the other way in every layout: some entry mostly dominates, and all give the same digits.
template <class T> constexpr long kLineEntries = 640 / sizeof(T);

// log Σ exp(z / T) of rows, from their totals relative to rounding constants. The total is at least 2^-1/2.
template <class T, int registers>
INLINE DoubleWord<Pack<double, registers>> log_sum_exp(DoubleWord<Pack<double, registers>> total, Pack<double, registers> rounder) {
  using V = Pack<double, registers>;
  using C = Constants<T>;
  constexpr double kLn2 = 0x1.62e42fefa39efp-1, kLn2Low = 0x1.abc9e3b39803fp-56;
  const V twice(2 * double(C::kExpUnit)), exponent = V(double(C::kRoundToStep)) - rounder - V(1.0);
  const DoubleWord<V> s = two_sum(total.high * twice, V(-1.0)), log = log1p<registers>({s.high, s.low + total.low * twice});
  const V product = exponent * V(kLn2), low = mul_add(exponent, V(kLn2), -product) + exponent * V(kLn2Low);
  const DoubleWord<V> sum = two_sum(product, log.high);
  return {sum.high, sum.low + (log.low + low)};
}
// The same of one row. In float a double's logarithm will do.
template <class T> INLINE DoubleWord<double> log_sum_exp(DoubleWord<double> total, T rounder) {
  using C = Constants<T>;
  if constexpr (sizeof(T) == 4) {
    constexpr double kLn2 = 0x1.62e42fefa39efp-1;
    return {std::fma(double(C::kRoundToStep) - double(rounder), kLn2, std::log(total.high * double(C::kExpUnit))), 0};
  } else {
    using V = Pack<double, 1>;
    const DoubleWord<V> log = log_sum_exp<T, 1>({V(total.high), V(total.low)}, V(rounder));
    return {log.high.reg[0][0], log.low.reg[0][0]};
  }
}

INLINE bool is_undominated(double log, double maximum, double temperature) {
  return log - maximum / temperature >= kLeastLogTotal && temperature >= kLeastTemperature;
}

// The logarithms of such a row lie on a line over z: two roundings, and what is left of the low parts.
template <class T> struct LogLine {
  DoubleWord<T> slope, offset;
  INLINE LogLine(DoubleWord<double> inverse, DoubleWord<double> log)
      : slope(rounded_pair<T>(inverse.high, inverse.low)), offset(rounded_pair<T>(-log.high, -log.low)) {}
};
template <class T> INLINE Pack<T> on_line(Pack<T> z, Pack<T> slope, Pack<T> slope_low, Pack<T> offset, Pack<T> offset_low) {
  const Pack<T> finite(std::numeric_limits<T>::lowest());  // of -inf, a low part would make NaN
  return mul_add(z, slope, offset) + mul_add(max(finite, z), slope_low, offset_low);
}
template <class T> INLINE void undominated_row(const T* z, T* out, long n, DoubleWord<double> log, double temperature) {
  using V = Pack<T>;
  const LogLine<T> line(inverse_of(temperature), log);
  const V slope(line.slope.high), slope_low(line.slope.low), offset(line.offset.high), offset_low(line.offset.low);
  const auto write = [&](auto one) INLINE_LAMBDA { transform_row(z, out, n, true, one); };
  if (line.slope.low == 0) write([=](V entries) INLINE_LAMBDA { return mul_add(entries, slope, offset) + offset_low; });  // as at T = 1
  else write([=](V entries) INLINE_LAMBDA { return on_line(entries, slope, slope_low, offset, offset_low); });
}
// The logarithms of any row; false if it is unsupported.
template <class T> bool dominated_row(const T* z, T* out, long n, T maximum, double temperature) {
  if (!supported(maximum, temperature)) return false;
  const LogTotal total = log_total_of(z, n, maximum, exponent_scale<T>(temperature));
  if (std::isnan(total.rest.high)) return false;
  logarithms_of(z, out, n, maximum, total, temperature);
  return true;
}
// The logarithms of a row of the job, by whichever way its log Σ exp(z / T) allows; that is NaN where it is not known.
template <class T> INLINE void logarithms_of_row(const Job<T>& job, long row, const T* z, T* out, DoubleWord<double> log, T maximum) {
  const double temperature = job.temperature_of(row);
  if (is_undominated(log.high, double(maximum), temperature)) undominated_row(z, out, job.entries, log, temperature);
  else if (!dominated_row(z, out, job.entries, maximum, temperature)) job.refuse(row);
}

// Rows begin to end, of any length, one after the other.
template <class T> void log_row_by_row(const Job<T>& job, long begin, long end) {
  const long n = job.entries;
  if (n < kLineEntries<T>) {
    for (long i = begin; i < end; ++i)
      if (!dominated_row(job.z + i * n, job.out + i * n, n, maximum_of(job.z + i * n, n), job.temperature_of(i))) job.refuse(i);
    return;
  }
  each_row<false>(job, begin, end, [&](const Row<T>& row, long i, const T* z, T* out, DoubleWord<double> total, T maximum) INLINE_LAMBDA {
    if (std::isnan(total.high)) maximum = maximum_of(z, n);
    logarithms_of_row<T>(job, i, z, out, log_sum_exp<T>(total, row.rounders[(n - 1) / kBlockEntries]), maximum);
  });
}

// ---- One row in parts ----

template <class T> Total part_total(const Job<T>& job, long begin, long end, T* rounders, T* maximum) {
  const Row<T> row{exponent_scale<T>(job.temperature[0]), rounders};
  *maximum = maximum_of(job.z + begin, std::min(kBlockEntries, end - begin));
  const DoubleWord<double> total = row.template exponentials<false>(job.z + begin, job.out + begin, end - begin, *maximum);
  return {total.high, total.low};
}
template <class T> bool undominated(const Job<T>& job, T rounder, Total total, T maximum, Total* log) {
  const DoubleWord<double> sum = log_sum_exp<T>({total.high, total.low}, rounder);
  *log = {sum.high, sum.low};
  return supported<T>(job.temperature[0]) && is_undominated(log->high, double(maximum), job.temperature[0]);
}
template <class T> void part_line(const Job<T>& job, long begin, long end, Total log) {
  undominated_row(job.z + begin, job.out + begin, end - begin, {log.high, log.low}, job.temperature[0]);
}
template <class T> T part_maximum(const Job<T>& job, long begin, long end) { return maximum_of(job.z + begin, end - begin); }
template <class T> LogTotal part_log_total(const Job<T>& job, long begin, long end, T maximum) {
  return log_total_of(job.z + begin, end - begin, maximum, exponent_scale<T>(job.temperature[0]));
}
template <class T> void part_logarithms(const Job<T>& job, long begin, long end, T maximum, LogTotal total) {
  logarithms_of(job.z + begin, job.out + begin, end - begin, maximum, total, job.temperature[0]);
}

}  // namespace thermoscope::LEVEL
