// Vectors for the kernels: the vector extensions of GCC and Clang (+ - * /, ?:, shifts, conversions, shuffles), and intrinsics
// for what those lack: fused multiply-add, max, table look-up, masked tails.
//
// Everything lives in a namespace of its level (v3, v4 or plain), since the same source is compiled once for each.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>
#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#define INLINE inline __attribute__((always_inline))
#define INLINE_LAMBDA __attribute__((always_inline))

namespace thermoscope::LEVEL {

// A pack is kRegisters registers. With more than one, operations of independent chains alternate, which hides the latency of
// a polynomial; that needs 32 registers.
#if defined(__AVX512F__)
constexpr int kRegisterBytes = 64, kRegisters = 2;
template <class T> constexpr int kTableSize = sizeof(T) == 4 ? 16 : 8;
#elif defined(__AVX2__)
constexpr int kRegisterBytes = 32, kRegisters = 1;
template <class T> constexpr int kTableSize = sizeof(T) == 4 ? 8 : 4;
#else
constexpr int kRegisterBytes = 16, kRegisters = 2;
template <class T> constexpr int kTableSize = 8;
#endif

template <class T> using Int = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;
template <class T> struct RegisterOf { typedef T type __attribute__((vector_size(kRegisterBytes))); };
template <class T> using Register = typename RegisterOf<T>::type;
template <class T> constexpr int kLanes = kRegisterBytes / sizeof(T);
using F = Register<float>;
using D = Register<double>;

template <class V, class T> INLINE V load_register(const T* p) { V v; std::memcpy(&v, p, sizeof v); return v; }

// A table that `lookup` takes entries from: a register where one instruction does so.
#if defined(__AVX2__)
template <class T> using Table = Register<T>;
static_assert(kTableSize<float> == kLanes<float> && kTableSize<double> == kLanes<double>);
#else
template <class T> struct Table { T entry[kTableSize<T>]; };
#endif

// ---- One register: mul_add(a, b, c) = a * b + c rounded once; max(a, b), which is b where one is NaN; lookup(table, index) by the low
// ---- bits of each index; the first n numbers of memory.

#if defined(__AVX512F__)
INLINE F mul_add(F a, F b, F c) { return _mm512_fmadd_ps(a, b, c); }
INLINE D mul_add(D a, D b, D c) { return _mm512_fmadd_pd(a, b, c); }
INLINE F max(F a, F b) { return _mm512_max_ps(a, b); }
INLINE D max(D a, D b) { return _mm512_max_pd(a, b); }
template <class V> INLINE F lookup(F table, Register<std::int32_t> index) { return _mm512_permutexvar_ps((__m512i)index, table); }
template <class V> INLINE D lookup(D table, Register<std::int64_t> index) { return _mm512_permutexvar_pd((__m512i)index, table); }
INLINE unsigned first_lanes(long n) { return _bzhi_u32(~0u, n < 0 ? 0 : n > 32 ? 32 : unsigned(n)); }
INLINE F load_first(const float* p, long n, F fill) { return _mm512_mask_loadu_ps(fill, __mmask16(first_lanes(n)), p); }
INLINE D load_first(const double* p, long n, D fill) { return _mm512_mask_loadu_pd(fill, __mmask8(first_lanes(n)), p); }
INLINE void store_first(float* p, long n, F v) { _mm512_mask_storeu_ps(p, __mmask16(first_lanes(n)), v); }
INLINE void store_first(double* p, long n, D v) { _mm512_mask_storeu_pd(p, __mmask8(first_lanes(n)), v); }
#else
#if defined(__AVX2__)
INLINE F mul_add(F a, F b, F c) { return _mm256_fmadd_ps(a, b, c); }
INLINE D mul_add(D a, D b, D c) { return _mm256_fmadd_pd(a, b, c); }
INLINE F max(F a, F b) { return _mm256_max_ps(a, b); }
INLINE D max(D a, D b) { return _mm256_max_pd(a, b); }
template <class V> INLINE F lookup(F table, Register<std::int32_t> index) { return _mm256_permutevar8x32_ps(table, (__m256i)index); }
template <class V> INLINE D lookup(D table, Register<std::int64_t> index) {  // as pairs of floats
  const __m256i pair = _mm256_shuffle_epi32(_mm256_slli_epi64((__m256i)index, 1), 0xa0);
  return (D)_mm256_permutevar8x32_ps((F)table, _mm256_or_si256(pair, _mm256_set1_epi64x(std::int64_t(1) << 32)));
}
INLINE __m256i first_lanes(F, long n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(int(std::min(n, 8L))), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
INLINE __m256i first_lanes(D, long n) { return _mm256_cmpgt_epi64(_mm256_set1_epi64x(n), _mm256_setr_epi64x(0, 1, 2, 3)); }
INLINE F load_first(const float* p, long n, F fill) {
  const __m256i mask = first_lanes(fill, n);
  return _mm256_blendv_ps(fill, _mm256_maskload_ps(p, mask), (F)mask);
}
INLINE D load_first(const double* p, long n, D fill) {
  const __m256i mask = first_lanes(fill, n);
  return _mm256_blendv_pd(fill, _mm256_maskload_pd(p, mask), (D)mask);
}
INLINE void store_first(float* p, long n, F v) { _mm256_maskstore_ps(p, first_lanes(v, n), v); }
INLINE void store_first(double* p, long n, D v) { _mm256_maskstore_pd(p, first_lanes(v, n), v); }
#else
#if defined(__aarch64__)
INLINE F mul_add(F a, F b, F c) { return vfmaq_f32(c, a, b); }
INLINE D mul_add(D a, D b, D c) { return vfmaq_f64(c, a, b); }
#else
template <class V> INLINE V mul_add(V a, V b, V c) {
  for (unsigned i = 0; i < sizeof(V) / sizeof(a[0]); ++i) c[i] = std::fma(a[i], b[i], c[i]);
  return c;
}
#endif
template <class V> INLINE V max(V a, V b) { return a > b ? a : b; }
template <class V, class I> INLINE V lookup(const Table<std::remove_reference_t<decltype(V{}[0])>>& table, I index) {
  V v;
  for (unsigned i = 0; i < sizeof(V) / sizeof(v[0]); ++i) v[i] = table.entry[index[i] & 7];
  return v;
}
template <class V, class T> INLINE V load_first(const T* p, long n, V fill) {
  if (n > 0) std::memcpy(&fill, p, std::min<long>(n, kLanes<T>) * sizeof(T));
  return fill;
}
template <class V, class T> INLINE void store_first(T* p, long n, V v) {
  if (n > 0) std::memcpy(p, &v, std::min<long>(n, kLanes<T>) * sizeof(T));
}
#endif
#endif

template <int count> using Indices = std::make_integer_sequence<int, count>;

// ---- A pack of registers ----

template <class T, int registers = kRegisters> struct Pack {
  static constexpr int kSize = registers * kLanes<T>;
  Register<T> reg[registers];
  Pack() = default;
  // Less 0, which is the value itself, also of -0: it costs nothing but the copies.
  INLINE Pack(T value) { for (auto& own : reg) own = value - Register<T>{}; }
  // The pack whose register i is make(i). No loop: compilers would take long to see that each i is a constant.
  template <class Make> INLINE static Pack of(Make make) { return of(make, Indices<registers>{}); }
  template <class Make, int... I> INLINE static Pack of(Make make, std::integer_sequence<int, I...>) {
    Pack made;
    ((made.reg[I] = make(I)), ...);
    return made;
  }
  // `count` registers from register i on.
  template <int count> INLINE Pack<T, count> part(int i) const {
    return Pack<T, count>::of([&](int k) { return reg[i + k]; });
  }
  INLINE friend Pack operator+(Pack a, Pack b) { return of([&](int i) { return a.reg[i] + b.reg[i]; }); }
  INLINE friend Pack operator-(Pack a, Pack b) { return of([&](int i) { return a.reg[i] - b.reg[i]; }); }
  INLINE friend Pack operator*(Pack a, Pack b) { return of([&](int i) { return a.reg[i] * b.reg[i]; }); }
  INLINE friend Pack operator/(Pack a, Pack b) { return of([&](int i) { return a.reg[i] / b.reg[i]; }); }
  INLINE friend Pack operator-(Pack a) { return of([&](int i) { return -a.reg[i]; }); }
  INLINE friend Pack mul_add(Pack a, Pack b, Pack c) { return of([&](int i) { return LEVEL::mul_add(a.reg[i], b.reg[i], c.reg[i]); }); }
  INLINE friend Pack max(Pack a, Pack b) { return of([&](int i) { return LEVEL::max(a.reg[i], b.reg[i]); }); }
  INLINE friend Pack if_less(Pack a, Pack b, Pack yes, Pack no) {
    return of([&](int i) { return a.reg[i] < b.reg[i] ? yes.reg[i] : no.reg[i]; });
  }
  INLINE friend Pack if_equal(Pack a, Pack b, Pack yes, Pack no) {
    return of([&](int i) { return a.reg[i] == b.reg[i] ? yes.reg[i] : no.reg[i]; });
  }
};

template <class T, int registers = kRegisters> INLINE Pack<T, registers> load(const T* p) {
  return Pack<T, registers>::of([&](int i) { return load_register<Register<T>>(p + i * kLanes<T>); });
}
template <class T, int registers> INLINE void store(T* p, Pack<T, registers> v) {
  for (int i = 0; i < registers; ++i) std::memcpy(p + i * kLanes<T>, &v.reg[i], kRegisterBytes);
}
// The first n numbers at p, then those of `fill`. Nothing behind the n is read.
template <class T> INLINE Pack<T> load_first(const T* p, long n, Pack<T> fill) {
  return Pack<T>::of([&](int i) { return load_first(p + i * kLanes<T>, n - i * kLanes<T>, fill.reg[i]); });
}
template <class T> INLINE void store_first(T* p, long n, Pack<T> v) {
  for (int i = 0; i < kRegisters; ++i) store_first(p + i * kLanes<T>, n - i * kLanes<T>, v.reg[i]);
}
// Ask for a pack's memory; locality 3 is the first-level cache, 2 the second.
template <int locality, int registers = kRegisters, class T> INLINE void prefetch(const T* p) {
  for (int i = 0; i < registers; ++i) __builtin_prefetch(p + i * kLanes<T>, 0, locality);
}
// Rows are asked for this far ahead, into the second level: the first one has room for few requests, which others wait for. At
// one distance for all rows, what follows row after row is asked for without a gap. No multiple of a page: up to 18 % slower.
constexpr long kAheadBytes = 7168;
// From there into the first level. Left to the processor's own guess, rows of some lengths are up to 18 % slower.
constexpr long kSoonBytes = 512;
template <int registers = kRegisters, class T> INLINE void prefetch_ahead(const T* p) {
  prefetch<2, registers>(p + kAheadBytes / long(sizeof(T)));
  prefetch<3, registers>(p + kSoonBytes / long(sizeof(T)));
}
// A constant that the compiler keeps in a register: it would reload a known one for each use, in units that multiply.
template <class T> INLINE Pack<T> held(Pack<T> v) {
#if defined(__AVX512F__)
  asm("" : "+v"(v.reg[0]));
  for (int i = 1; i < kRegisters; ++i) v.reg[i] = v.reg[0];
#endif
  return v;
}

// ---- Across the lanes of a register ----

template <int distance, class V, int... I> INLINE V swap_lanes(V v, std::integer_sequence<int, I...>) {
  return __builtin_shufflevector(v, v, (I ^ distance)...);
}
// join(join(v0, v1), join(v2, v3)) ... over all lanes; `Value` swaps its lanes by swap<distance>().
template <int distance, class Value, class Join> INLINE Value fold_lanes(Value v, Join join) {
  if constexpr (distance == kLanes<typename Value::Number>) return v;
  else return fold_lanes<2 * distance>(join(v, v.template swap<distance>()), join);
}
template <class T> struct Folded {
  using Number = T;
  Register<T> v;
  template <int distance> INLINE Folded swap() const { return {swap_lanes<distance>(v, Indices<kLanes<T>>{})}; }
};
template <class T, int registers, class Join> INLINE T reduce(Pack<T, registers> v, Join join) {
  Folded<T> all{v.reg[0]};
  for (int i = 1; i < registers; ++i) all.v = join(all.v, v.reg[i]);
  return fold_lanes<1>(all, [&](Folded<T> a, Folded<T> b) { return Folded<T>{join(a.v, b.v)}; }).v[0];
}
template <class T, int registers> INLINE T reduce_max(Pack<T, registers> v) { return reduce(v, [](auto a, auto b) { return max(a, b); }); }
template <class T, int registers> INLINE T reduce_add(Pack<T, registers> v) { return reduce(v, [](auto a, auto b) { return a + b; }); }

// ---- float to double and back ----

// GCC takes twice as many instructions for __builtin_convertvector.
#if defined(__AVX512F__)
INLINE D low_doubles(F v) { return _mm512_cvtps_pd(_mm512_castps512_ps256(v)); }
INLINE D high_doubles(F v) { return _mm512_cvtps_pd(_mm512_extractf32x8_ps(v, 1)); }
INLINE F floats(D low, D high) { return _mm512_insertf32x8(_mm512_castps256_ps512(_mm512_cvtpd_ps(low)), _mm512_cvtpd_ps(high), 1); }
#elif defined(__AVX2__)
INLINE D low_doubles(F v) { return _mm256_cvtps_pd(_mm256_castps256_ps128(v)); }
INLINE D high_doubles(F v) { return _mm256_cvtps_pd(_mm256_extractf128_ps(v, 1)); }
INLINE F floats(D low, D high) { return _mm256_set_m128(_mm256_cvtpd_ps(high), _mm256_cvtpd_ps(low)); }
#else
typedef float HalfF __attribute__((vector_size(kRegisterBytes / 2)));
INLINE D low_doubles(F v) { return __builtin_convertvector(__builtin_shufflevector(v, v, 0, 1), D); }
INLINE D high_doubles(F v) { return __builtin_convertvector(__builtin_shufflevector(v, v, 2, 3), D); }
INLINE F floats(D low, D high) { return __builtin_shufflevector(__builtin_convertvector(low, HalfF), __builtin_convertvector(high, HalfF), 0, 1, 2, 3); }
#endif
using Doubles = Pack<double, 2 * kRegisters>;  // as many numbers as a Pack<float>
template <int registers> INLINE Pack<double, registers> widen(Pack<double, registers> v) { return v; }
template <int registers> INLINE Pack<double, 2 * registers> widen(Pack<float, registers> v) {
  return Pack<double, 2 * registers>::of([&](int i) { return i % 2 ? high_doubles(v.reg[i / 2]) : low_doubles(v.reg[i / 2]); });
}
template <class T, int registers> INLINE Pack<T, registers * int(sizeof(T)) / 8> narrow(Pack<double, registers> v) {
  if constexpr (sizeof(T) == 8) return v;
  else return Pack<float, registers / 2>::of([&](int i) { return floats(v.reg[2 * i], v.reg[2 * i + 1]); });
}
template <class T, int registers = kRegisters> using Wide = Pack<double, registers * 8 / int(sizeof(T))>;

// ---- Transposing kLanes x kLanes numbers ----

// Even units of `a` and `b` within each group to `a`, odd ones to `b`. Units within 16 bytes, and then units of 16 bytes, are
// the shuffles that need one instruction and no register for their pattern.
template <int unit, int group, class V, int... I> INLINE void unzip(V& a, V& b, std::integer_sequence<int, I...>) {
  constexpr int count = sizeof...(I);
  constexpr auto source = [](int i, int odd) constexpr {
    const int start = i / group * group, within = i % group, half = group / 2;
    const int k = within % half, from_b = within / half * count;
    return from_b + start + k / unit * 2 * unit + k % unit + odd * unit;
  };
  const V even = __builtin_shufflevector(a, b, source(I, 0)...), odd = __builtin_shufflevector(a, b, source(I, 1)...);
  a = even, b = odd;
}
// One step of a transposition, of two lines that are `distance` apart.
template <int distance, class T> INLINE void unzip_at(Register<T>& a, Register<T>& b) {
  constexpr int count = kLanes<T>, block = 16 / sizeof(T);
  if constexpr (distance < block) unzip<1, block>(a, b, Indices<count>{});
  else unzip<block, count>(a, b, Indices<count>{});
}
template <int distance, class T> INLINE void transpose_from(Register<T>* line) {
  constexpr int count = kLanes<T>;
  if constexpr (distance < count) {
    for (int i = 0; i < count; ++i)
      if (!(i & distance)) unzip_at<distance, T>(line[i], line[i + distance]);
#if defined(__clang__) && defined(__x86_64__)
    for (int i = 0; i < count; ++i) asm("" : "+v"(line[i]));  // else Clang merges two shuffles into a slower one
#endif
    transpose_from<2 * distance, T>(line);
  }
}
// Copy at most kLanes rows, `from_stride` apart, as the first `columns` columns of each, `to_stride` apart.
// Whole registers are read and written.
template <class T> INLINE void transpose(const T* from, long from_stride, long rows, long columns, T* to, long to_stride) {
  Register<T> line[kLanes<T>];
#pragma GCC unroll 16
  for (int i = 0; i < kLanes<T>; ++i) line[i] = load_register<Register<T>>(from + (i < rows ? i : 0) * from_stride);
  transpose_from<1, T>(line);
#pragma GCC unroll 16
  for (int i = 0; i < kLanes<T>; ++i)
    if (i < columns) std::memcpy(to + i * to_stride, &line[i], kRegisterBytes);
}

}  // namespace thermoscope::LEVEL
