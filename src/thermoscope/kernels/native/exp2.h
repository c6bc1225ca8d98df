// Arithmetic that keeps what rounding loses: error-free transforms, 2^y without a rounded argument, compensated sums, log1p.
//
// exp_z, the unnormalised probability of an entry z, is 2^(z scale - shift), with scale = log2(e) / T as a number and its low
// part, and the shift a whole number near max(z) scale. A fused multiply-add of z, scale and a rounding constant leaves the
// exponent n, in steps of an octave, in the last bits of its result; another one leaves f = z scale - shift - n, rounded once.
// So the maximum is taken off without a rounding of its own, and exp_z is good to about one unit in the last place however
// large its argument is. 2^n comes from its bits and a table of one octave, 2^f from a polynomial (constants.h).
//
// All exp_z carry a factor 2^kExpScaleLog2, so that those which count are normal numbers.
#pragma once
#include <iterator>
#include <limits>

#include "constants.h"
#include "simd.h"

namespace thermoscope::LEVEL {

// ---- Error-free transforms (T. J. Dekker 1971; D. E. Knuth, TAOCP 2, 4.2.2) ----

template <class V> struct DoubleWord { V high, low; };  // an unevaluated sum: low is what rounding took from high

// TwoSum: high + low = a + b exactly. 6 operations.
template <class V> INLINE DoubleWord<V> two_sum(V a, V b) {
  const V sum = a + b, from_b = sum - a;
  return {sum, (a - (sum - from_b)) + (b - from_b)};
}
// FastTwoSum: the same for |a| >= |b| or a = 0. 3 operations.
template <class V> INLINE DoubleWord<V> fast_two_sum(V a, V b) {
  const V sum = a + b;
  return {sum, b - (sum - a)};
}
INLINE double mul_add(double a, double b, double c) { return std::fma(a, b, c); }
INLINE float mul_add(float a, float b, float c) { return std::fma(a, b, c); }
// (a.high + a.low) / (b.high + b.low), good to a few units of the low part. Two divisions.
template <class V> INLINE DoubleWord<V> divide(DoubleWord<V> a, DoubleWord<V> b) {
  const V quotient = a.high / b.high, remainder = mul_add(-quotient, b.high, a.high);
  return {quotient, (remainder + (a.low - quotient * b.low)) / b.high};
}
template <class T> DoubleWord<T> rounded_pair(double high, double low) {
  const T rounded = static_cast<T>(high);
  return {rounded, static_cast<T>((high - static_cast<double>(rounded)) + low)};
}

// ---- The formats ----

template <class T> struct Format;
template <> struct Format<float> {
  static constexpr int kMantissaBits = 23, kExponentBias = 127;
  static constexpr int kUnderflowLog2 = -160;  // 2^-160 of a row's largest exp_z counts as 0: it rounds to 0 over any total
  static constexpr float kLargest = 0x1p100f;  // maxima up to it, and temperatures from 1 / it to it, are supported
};
template <> struct Format<double> {
  static constexpr int kMantissaBits = 52, kExponentBias = 1023, kUnderflowLog2 = -1160;
  static constexpr double kLargest = 0x1p900;
};

constexpr double kLog2E = 1.4426950408889634, kLog2ELow = 2.0355273740931033e-17;
constexpr int kHeadroomLog2 = 4;  // how far an exp_z may exceed that of the maximum its shift was made for

template <class T> constexpr T power_of_two(int n) {
  return n == 0 ? T(1) : n > 0 ? 2 * power_of_two<T>(n - 1) : power_of_two<T>(n + 1) / 2;
}
// 2^n by its bits, for n of a normal number: what std::ldexp takes a call for.
template <class T> INLINE T normal_power_of_two(int n) {
  const Int<T> bits = Int<T>(n + Format<T>::kExponentBias) << Format<T>::kMantissaBits;
  T power;
  std::memcpy(&power, &bits, sizeof power);
  return power;
}
template <class T> struct Constants : Format<T> {
  using F = Format<T>;
  static constexpr int kSteps = kTableSize<T>;  // of an octave
  static constexpr int kExpScaleLog2 = -F::kUnderflowLog2 - F::kExponentBias;
  static constexpr T kExpScale = power_of_two<T>(kExpScaleLog2), kExpUnit = 1 / kExpScale;
  // Numbers of this size count in ones; a number plus this is rounded to a whole one, which stands in its last bits.
  static constexpr T kOnes = power_of_two<T>(F::kMantissaBits) * T(1.5);
  static constexpr T kRoundToOne = kOnes - F::kUnderflowLog2, kRoundToStep = kOnes / kSteps - F::kUnderflowLog2;
  static constexpr T kAboveExp = 2 * kExpScale;  // no exp_z of a row whose maximum is known exceeds it
  static constexpr T kAboveBlock = power_of_two<T>(kHeadroomLog2 + 1) * kExpScale;
  static constexpr T kFarOctaves = 16384;  // where max(z) scale is beyond this, the maximum is subtracted first (exact there)
  static constexpr T kLowest = -std::numeric_limits<T>::infinity();
};

// log2(e) / T.
template <class T> DoubleWord<T> exponent_scale(double temperature) {
  const double quotient = kLog2E / temperature;
  return rounded_pair<T>(quotient, (std::fma(-quotient, temperature, kLog2E) + kLog2ELow) / temperature);
}
template <class T> bool supported(double temperature) {
  return temperature <= double(Format<T>::kLargest) && temperature * double(Format<T>::kLargest) >= 1;
}
template <class T> bool supported(T maximum, double temperature) {
  return std::abs(maximum) <= Format<T>::kLargest && supported<T>(temperature);
}
// The constant whose sum with z scale is rounded to steps relative to the shift, the whole number next to maximum * scale.
template <class T, class V> INLINE V rounding_constant(V maximum, V scale) {
  using C = Constants<T>;
  return V(C::kRoundToStep) - (mul_add(maximum, scale, V(C::kRoundToOne)) - V(C::kRoundToOne));
}
// Entries below this count as 0 relative to the shift of a rounding constant. Lower ones must not reach Exp2: their exponents
// would wrap around.
template <class T, class V> INLINE V underflow_threshold(V rounder, V inverse_scale) {
  using C = Constants<T>;
  return (V(C::kRoundToStep) - rounder + V(T(C::kUnderflowLog2))) * inverse_scale;
}

// ---- 2^y ----

// 2^y = power + power * slope, not yet rounded.
template <class V> struct Unrounded {
  V power, slope;
  INLINE V value() const { return mul_add(power, slope, power); }
  // What rounding takes from value() - minus.
  INLINE V rest(V minus) const { return mul_add(power, slope, power - minus); }
};

template <class T> class Exp2 {
  using C = Constants<T>;
  using V = Pack<T>;
  using K = Exp2Constants<T, C::kSteps>;
  static constexpr int kDegree = sizeof K::kPolynomial / sizeof(T);
  static constexpr int kStepsLog2 = C::kSteps == 16 ? 4 : C::kSteps == 8 ? 3 : 2;
  static_assert(1 << kStepsLog2 == C::kSteps);
  V polynomial_[kDegree];
  Table<T> table_bits_, table_residuals_;

 public:
  INLINE Exp2() {
    for (int k = 0; k < kDegree; ++k) polynomial_[k] = held(V(K::kPolynomial[k]));
    std::memcpy(&table_bits_, K::kTableBits, sizeof table_bits_), std::memcpy(&table_residuals_, K::kTableResiduals, sizeof table_residuals_);
  }
  // `rounded` has the steps of y in its last bits, f is what it lacks of y.
  INLINE Unrounded<V> at(V rounded, V f) const {
    V slope(polynomial_[kDegree - 1]), power, residual;
    for (int k = kDegree - 2; k >= 0; --k) slope = mul_add(slope, f, polynomial_[k]);
    for (int i = 0; i < kRegisters; ++i) {
      using I = Register<Int<T>>;
      const I steps = (I)rounded.reg[i];
      power.reg[i] = (Register<T>)((steps << (C::kMantissaBits - kStepsLog2)) + (I)lookup<Register<T>>(table_bits_, steps));
      residual.reg[i] = lookup<Register<T>>(table_residuals_, steps);
    }
    return {power, mul_add(slope, f, residual)};
  }
  // exp_z of entries.
  INLINE Unrounded<V> at(V z, DoubleWord<V> scale, V rounder) const {
    const V rounded = mul_add(z, scale.high, rounder);
    return at(rounded, mul_add(z, scale.low, mul_add(z, scale.high, rounder - rounded)));
  }
};

// ---- Compensated sums of exp_z ----

// The low part of a sum is itself rounded: after this many terms in a lane it goes into the high part.
constexpr long kFoldEntries = 64;

// A sum that begins above all of its terms, so that FastTwoSum does. Exact to second order relative to where it begins.
template <class T, int registers = kRegisters> struct ExpSum {
  using V = Pack<T, registers>;
  V total, low{T(0)};
  INLINE explicit ExpSum(V start) : total(start) {}
  // Add an exp_z as it is before rounding; return it rounded.
  INLINE V add(const Unrounded<V>& unrounded) {
    const V exp_z = unrounded.value(), next = total + exp_z;
    low = low + unrounded.rest(next - total);
    total = next;
    return exp_z;
  }
  // Add an exp_z that was rounded.
  INLINE void add_rounded(V exp_z) {
    const V next = total + exp_z;
    low = low + (exp_z - (next - total));
    total = next;
  }
  // Add a pack of exp_z register by register.
  INLINE Pack<T> add_each(const Unrounded<Pack<T>>& unrounded) {
    static_assert(registers == 1);
    return Pack<T>::of([&](int i) INLINE_LAMBDA { return add({unrounded.power.template part<1>(i), unrounded.slope.template part<1>(i)}).reg[0]; });
  }
  INLINE void fold() {
    const DoubleWord<V> sum = fast_two_sum(total, low);
    total = sum.high, low = sum.low;
  }
};

template <class V> INLINE DoubleWord<V> add(DoubleWord<V> a, DoubleWord<V> b) {
  const DoubleWord<V> sum = two_sum(a.high, b.high);
  return {sum.high, sum.low + (a.low + b.low)};
}
// Across the lanes, as doubles.
struct DoubleWordLanes : DoubleWord<D> {
  using Number = double;
  template <int distance> INLINE DoubleWordLanes swap() const {
    return {{swap_lanes<distance>(high, Indices<kLanes<double>>{}), swap_lanes<distance>(low, Indices<kLanes<double>>{})}};
  }
};
template <int registers> INLINE DoubleWord<double> reduce_sum(Pack<double, registers> total, Pack<double, registers> low) {
  const auto join = [](DoubleWordLanes a, DoubleWordLanes b) { return DoubleWordLanes{add<D>(a, b)}; };
  DoubleWordLanes all{{total.reg[0], low.reg[0]}};
  for (int i = 1; i < registers; ++i) all = join(all, DoubleWordLanes{{total.reg[i], low.reg[i]}});
  all = fold_lanes<1>(all, join);
  return {all.high[0], all.low[0]};
}
// Doubles have room for both parts of floats.
template <int registers> INLINE DoubleWord<double> reduce_sum(Pack<float, registers> total, Pack<float, registers> low) {
  return {reduce_add(widen(total) + widen(low)), 0};
}
template <class T, int registers> INLINE DoubleWord<double> reduce_sum(const ExpSum<T, registers>& sum, T start) {
  return reduce_sum(sum.total - Pack<T, registers>(start), sum.low);
}

// ---- log(1 + s) for s >= 0, of double words: off by less than 0.03 units in the last place before the low part ----

// 1 + s = 2^k m with m from sqrt(1/2) to sqrt(2), r = m - 1, log m = 2 atanh(r / (2 + r)). Some 40 operations.
template <int registers> INLINE DoubleWord<Pack<double, registers>> log1p(DoubleWord<Pack<double, registers>> s) {
  using V = Pack<double, registers>;
  typedef std::uint64_t U __attribute__((vector_size(kRegisterBytes)));
  constexpr std::uint64_t kSqrtHalfBits = 0x3fe6a09e667f3bcd, kOneBits = 0x3ff0000000000000, kTwo52Bits = 0x4330000000000000;
  constexpr double kLn2 = 0x1.62e42fefa3800p-1, kLn2Low = 0x1.ef35793c76730p-45;  // the first with 11 zeros at its end
  const DoubleWord<V> x = two_sum(V(1.0), s.high);
  V k, inverse_power;  // k and 2^-k
  for (int i = 0; i < registers; ++i) {
    const U bits = ((U)x.high.reg[i] - kSqrtHalfBits) >> 52;
    k.reg[i] = (D)(bits + kTwo52Bits) - 0x1p52;
    inverse_power.reg[i] = (D)(U{} + kOneBits - (bits << 52));
  }
  const DoubleWord<V> r = fast_two_sum(x.high * inverse_power - V(1.0), (x.low + s.low) * inverse_power);
  const DoubleWord<V> divisor = fast_two_sum(V(2.0), r.high);
  const DoubleWord<V> t = divide(r, {divisor.high, divisor.low + r.low});
  const V square = t.high * t.high;
  V polynomial(kAtanhPolynomial[std::size(kAtanhPolynomial) - 1]);
  for (int i = int(std::size(kAtanhPolynomial)) - 2; i >= 0; --i) polynomial = mul_add(polynomial, square, V(kAtanhPolynomial[i]));
  const DoubleWord<V> sum = fast_two_sum(k * V(kLn2), t.high + t.high);
  const V tail = t.low + t.high * square * polynomial;
  return fast_two_sum(sum.high, sum.low + mul_add(k, V(kLn2Low), tail + tail));
}

}  // namespace thermoscope::LEVEL
