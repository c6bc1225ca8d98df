// log_softmax, in all layouts: (z - max) / T - log(1 + s), with s = Σ exp((z - max) / T) over the entries but one maximum.
//
// s keeps its own relative accuracy however small it is, so a row that one entry dominates keeps how much that entry lacks.
// The entries that equal the maximum are counted, the others are added up apart from them.
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

  INLINE LogSum(V maxima, DoubleWord<V> scales) : maximum(maxima), shift(scales, maxima) {}
  INLINE void add(V z) {
    const V zero(T(0));
    const typename Exp2<T>::Unrounded unrounded = shift.exp_z(exp2, z);
    const V exp_z = unrounded.value(), other = if_equal(z, maximum, zero, exp_z);
    count = count + if_equal(z, maximum, V(T(1)), zero);
    const DoubleWord<V> sum = two_sum(rest.high, other);
    rest = {sum.high, rest.low + sum.low};
    if constexpr (sizeof(T) == 8) rest.low = rest.low + if_equal(z, maximum, zero, unrounded.rest(exp_z));
  }
  INLINE void fold() { rest = fast_two_sum(rest.high, rest.low); }
  // exp_z of the maximum, by which the rest is to be divided.
  INLINE DoubleWord<V> exp_maximum() const {
    const typename Exp2<T>::Unrounded unrounded = shift.exp_z(exp2, maximum);
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

// (z - max) / T - log_total. In float, doubles leave one rounding; in double, what rounding takes from z - max and from the
// product goes in. Less than 1.1 units in the last place.
template <class T> struct Logarithms;
template <> struct Logarithms<float> {
  Doubles maximum, inverse, log;
  template <class Maxima, class Inverses> INLINE Logarithms(Maxima maxima, DoubleWord<Inverses> inverses, DoubleWord<Doubles> logs)
      : maximum(widen(maxima)), inverse(inverses.high), log(logs.high) {}
  INLINE Pack<float> operator()(Pack<float> z) const { return narrow(mul_add(widen(z) - maximum, inverse, -log)); }
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

// ---- Rows side by side: columns, and short rows as the columns of a tile ----

// `count` rows at once, whose entries are `stride` apart. Unsupported rows are refused and not written.
template <class T> INLINE void log_tile(const Job<T>& job, const T* z, T* out, long stride, long row, long count, const Scales<T>& scales) {
  using C = Constants<T>;
  using V = Pack<T>;
  using W = Wide<T>;
  const bool whole = count == V::kSize;
  const auto entries = [&](long k) INLINE_LAMBDA { return whole ? load(z + k * stride) : load_first(z + k * stride, count, V(T(0))); };
  V maximum(C::kLowest);
  for (long k = 0; k < job.entries; ++k) maximum = max(entries(k), maximum);
  LogSum<T> sum(maximum, scales.get());
  for (long begin = 0; begin < job.entries; begin += kFoldEntries, sum.fold())
    for (long k = begin; k < std::min(begin + kFoldEntries, job.entries); ++k) sum.add(entries(k));
  const DoubleWord<V> unit = sum.exp_maximum();
  DoubleWord<W> rest{widen(sum.rest.high), widen(sum.rest.low)}, units{widen(unit.high), widen(unit.low)};
  rest = divide(rest, units);
  const DoubleWord<W> log = log_total(widen(sum.count), rest);
  double inverses[V::kSize], inverse_lows[V::kSize];
  DoubleWord<double> inverse{};
  for (long r = 0; r < V::kSize; ++r) {
    if (r == 0 || (job.per_row && r < count)) inverse = inverse_of(job.temperature_of(row + r));
    inverses[r] = inverse.high, inverse_lows[r] = inverse.low;
  }
  const Logarithms<T> logarithms(maximum, DoubleWord<W>{load<double, W::kSize / kLanes<double>>(inverses), load<double, W::kSize / kLanes<double>>(inverse_lows)}, log);
  T odd[V::kSize];  // 0 where a row is supported; z - max doesn't overflow where the maximum is within kLargest
  const V size = max(-maximum, maximum);
  store(odd, narrow(log.high - log.high) + if_less(V(C::kLargest), size, V(T(1)), maximum - maximum));
  bool all = true;
  for (long r = 0; r < count; ++r)
    if (!(odd[r] == 0)) job.refuse(row + r), all = false;
  for (long k = 0; k < job.entries; ++k) {
    const V values = logarithms(entries(k));
    if (all && whole) store(out + k * stride, values);
    else if (all) store_first(out + k * stride, count, values);
    else {
      T some[V::kSize];
      store(some, values);
      for (long r = 0; r < count; ++r) if (odd[r] == 0) out[k * stride + r] = some[r];
    }
  }
}
template <class T> void log_columns(const Job<T>& job, long begin, long end) {
  constexpr long width = Pack<T>::kSize;
  Scales<T> scales;
  for (long matrix = 0; matrix < job.matrices; ++matrix)
    for (long column = begin; column < end; column += width) {
      const long place = matrix * job.entries * job.inner + column, row = matrix * job.inner + column, count = std::min(width, end - column);
      scales.set(job, row, count);
      log_tile(job, job.z + place, job.out + place, job.inner, row, count, scales);
    }
}
template <class T> void log_short_rows(const Job<T>& job, long begin, long end) {
  constexpr long width = Pack<T>::kSize;
  const long n = job.entries, size = n * width;
  const Scratch<T> tile(size), result(size + kLanes<T>), edge(size + kLanes<T>);
  Scales<T> scales;
  if (!job.per_row) scales.set(job, 0, 1);
  for (long row = begin; row < end; row += width) {
    const long rows = std::min(width, end - row);
    const bool inside = (row + width) * n + kLanes<T> <= end * n;
    const T* z = job.z + row * n;
    if (!inside) z = static_cast<const T*>(std::memcpy(edge, z, rows * n * sizeof(T)));
    if (job.per_row) scales.set(job, row, rows);
    transpose_tile<false>(z, static_cast<T*>(tile), rows, n);
    log_tile<T>(job, tile, tile, width, row, rows, scales);
    transpose_tile<true>(static_cast<const T*>(tile), static_cast<T*>(result), rows, n);
    for (long r = 0; r < rows; ++r)
      if (!job.unsupported[row + r]) std::memcpy(job.out + (row + r) * n, result + r * n, n * sizeof(T));
  }
}

// ---- Rows ----

// The entries of (part of) a row, relative to the maximum of the whole.
template <class T> LogTotal log_total_of(const T* z, long n, T maximum, DoubleWord<T> scale) {
  using V = Pack<T>;
  constexpr long step = V::kSize;
  const V maxima(maximum), none = Constants<T>::kLowest;
  const DoubleWord<V> scales{V(scale.high), V(scale.low)};
  LogSum<T> sum(maxima, scales);
  double count = 0;
  DoubleWord<double> rest{0, 0};
  for (long begin = 0; begin < n; begin += kBlockEntries) {  // sums of a block keep to the format, those of a row don't
    const long end = std::min(begin + kBlockEntries, n);
    sum.count = V(T(0)), sum.rest = {V(T(0)), V(T(0))};
    long k = begin;
    for (; k + step <= end; k += step) {
      prefetch<3>(z + k + kPrefetchBytes / long(sizeof(T)));
      sum.add(load(z + k));
    }
    if (k < end) sum.add(load_first(z + k, end - k, none));
    count += reduce_add(widen(sum.count));
    rest = add(rest, reduce_sum(sum.rest.high, sum.rest.low));
  }
  const DoubleWord<V> unit = sum.exp_maximum();
  rest = divide(rest, DoubleWord<double>{double(unit.high.reg[0][0]), double(unit.low.reg[0][0])});
  return {count, {rest.high, rest.low}};
}
template <class T> bool log_supported(T maximum, const LogTotal& total) {
  return std::abs(maximum) <= Format<T>::kLargest && !std::isnan(total.rest.high);
}
template <class T> void logarithms_of(const T* z, T* out, long n, T maximum, const LogTotal& total, double temperature) {
  using V = Pack<T>;
  using W = Wide<T>;
  using One = Pack<double, 1>;
  constexpr long step = V::kSize;
  const DoubleWord<One> log = log_total(One(total.count), {One(total.rest.high), One(total.rest.low)});
  const DoubleWord<double> inverse = inverse_of(temperature);
  const Logarithms<T> logarithms(V{maximum}, DoubleWord<W>{W(inverse.high), W(inverse.low)}, {W(log.high.reg[0][0]), W(log.low.reg[0][0])});
  long k = 0;
  for (; k + step <= n; k += step) store(out + k, logarithms(load(z + k)));
  if (k < n) store_first(out + k, n - k, logarithms(load_first(z + k, n - k, V(maximum))));
}
template <class T> void log_long_rows(const Job<T>& job, long begin, long end) {
  const long n = job.entries;
  for (long i = begin; i < end; ++i) {
    const T *z = job.z + i * n, maximum = maximum_of(z, n);
    const double temperature = job.temperature_of(i);
    const LogTotal total = log_total_of(z, n, maximum, exponent_scale<T>(temperature));
    if (!supported<T>(temperature) || !log_supported(maximum, total)) job.refuse(i);
    else logarithms_of(z, job.out + i * n, n, maximum, total, temperature);
  }
}

// ---- One row in parts ----

template <class T> T part_maximum(const Job<T>& job, long begin, long end) { return maximum_of(job.z + begin, end - begin); }
template <class T> LogTotal part_log_total(const Job<T>& job, long begin, long end, T maximum) {
  return log_total_of(job.z + begin, end - begin, maximum, exponent_scale<T>(job.temperature[0]));
}
template <class T> void part_logarithms(const Job<T>& job, long begin, long end, T maximum, LogTotal total) {
  logarithms_of(job.z + begin, job.out + begin, end - begin, maximum, total, job.temperature[0]);
}

}  // namespace thermoscope::LEVEL
