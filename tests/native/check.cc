// The kernels of one level against long doubles, without Python: run where Python is not, such as under an emulator.
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "level.cc"

using namespace thermoscope;
using namespace thermoscope::LEVEL;

namespace {

std::uint64_t state = 1;
double uniform() {  // xorshift64*
  state ^= state >> 12, state ^= state << 25, state ^= state >> 27;
  return double((state * 2685821657736338717u) >> 11) * 0x1p-53;
}
double normal() {
  double sum = -6;
  for (int k = 0; k < 12; ++k) sum += uniform();
  return sum;
}

enum Kind { kNormal, kWide, kOffset, kDominant, kTies, kKinds };
const char* const kNames[] = {"normal", "wide", "offset", "dominant", "ties"};

template <class T> std::vector<T> logits(long rows, long n, Kind kind, double t) {
  std::vector<T> z(rows * n);
  for (long i = 0; i < rows * n; ++i) {
    const double x = 3 * normal();
    z[i] = T(kind == kWide ? 30 * x : kind == kOffset ? x + 1e4 * t : kind == kDominant ? (i % n ? (x - 25) * t : 0) : kind == kTies ? std::round(x) * t : x);
  }
  return z;
}

template <class T> double error_in_ulp(T got, long double want) {
  const T rounded = std::max(T(std::abs(want)), std::numeric_limits<T>::min());
  return double(std::abs(static_cast<long double>(got) - want) / (std::nextafter(rounded, std::numeric_limits<T>::infinity()) - rounded));
}

double worst = 0;
long count = 0, failures = 0;

// One run of a layout: `rows` rows of n entries, which lie as `inner` says.
template <class T> void check(const char* name, typename Functions<T>::Range function, bool log, long rows, long n, bool columns, Kind kind, double t) {
  const std::vector<T> z = logits<T>(rows, n, kind, t);
  std::vector<T> in(z.size()), out(z.size() + 1, T(7));
  const auto place = [&](long row, long k) { return columns ? k * rows + row : row * n + k; };
  for (long row = 0; row < rows; ++row)
    for (long k = 0; k < n; ++k) in[place(row, k)] = z[row * n + k];
  std::vector<char> marks(rows);
  std::atomic<bool> any{false};
  const Job<T> job{in.data(), out.data(), &t, false, 1, n, columns ? rows : 1, rows, reinterpret_cast<bool*>(marks.data()), &any};
  function(job, 0, rows);
  double error = any || out.back() != 7 ? 1e9 : 0;
  for (long row = 0; row < rows; ++row) {
    long double maximum = z[row * n], rest = 0, equal = 0;
    for (long k = 0; k < n; ++k) maximum = std::max<long double>(maximum, z[row * n + k]);
    std::vector<long double> q(n), e(n);
    for (long k = 0; k < n; ++k) {
      q[k] = (z[row * n + k] - maximum) / t, e[k] = std::exp(q[k]);
      if (q[k] == 0) ++equal;
      else rest += e[k];
    }
    const long double extra = equal - 1 + rest, logarithm = std::log1p(extra);
    for (long k = 0; k < n; ++k, ++count) error = std::max(error, error_in_ulp(out[place(row, k)], log ? q[k] - logarithm : e[k] / (1 + extra)));
  }
  worst = std::max(worst, error);
  if (!(error <= 2)) {
    ++failures;
    std::printf("%s, %d bytes, %ld x %ld, %s, T = %g: %g ulp\n", name, int(sizeof(T)), rows, n, kNames[kind], t, error);
  }
}

template <class T> void check_all(const Functions<T>& f) {
  const double temperatures[] = {1, 0.3, 1e-4, 1e4};
  for (int kind = 0; kind < kKinds; ++kind)
    for (const double t : temperatures) {
      for (const long n : {2L, 3L, 17L, 100L, 400L}) {
        check<T>("long rows", f.long_rows, false, 3, n, false, Kind(kind), t);
        check<T>("log of long rows", f.log_long_rows, true, 3, n, false, Kind(kind), t);
      }
      for (const long n : {33L, 100L}) {
        check<T>("rows in groups", f.long_rows, false, 19, n, false, Kind(kind), t);
        check<T>("log of rows in groups", f.log_long_rows, true, 19, n, false, Kind(kind), t);
      }
      for (const long n : {2L, 3L, 10L, 33L}) {
        check<T>("short rows", f.short_rows, false, 19, n, false, Kind(kind), t);
        check<T>("log of short rows", f.log_short_rows, true, 19, n, false, Kind(kind), t);
        check<T>("columns", f.columns, false, 19, n, true, Kind(kind), t);
        check<T>("log of columns", f.log_columns, true, 19, n, true, Kind(kind), t);
      }
    }
  check<T>("long rows of blocks", f.long_rows, false, 1, 2 * kBlockEntries + 3, false, kWide, 1);
  check<T>("log of long rows of blocks", f.log_long_rows, true, 1, 2 * kBlockEntries + 3, false, kDominant, 1);
}

// A NaN, an infinity and T = 0 are refused, and nothing else of the array.
template <class T> void check_refusals(const Functions<T>& f) {
  const T inf = std::numeric_limits<T>::infinity();
  for (const bool log : {false, true})
    for (const bool is_short : {false, true}) {
      std::vector<T> z = logits<T>(9, 5, kNormal, 1), out(z.size());
      z[1 * 5 + 2] = NAN, z[3 * 5 + 1] = inf;
      for (int k = 0; k < 5; ++k) z[5 * 5 + k] = -inf;
      const double t[] = {1, 1, 1, 1, 1, 1, 1, 0, double(inf)};
      std::vector<char> marks(9);
      std::atomic<bool> any{false};
      const Job<T> job{z.data(), out.data(), t, true, 1, 5, 1, 9, reinterpret_cast<bool*>(marks.data()), &any};
      (is_short ? (log ? f.log_short_rows : f.short_rows) : (log ? f.log_long_rows : f.long_rows))(job, 0, 9);
      for (int row = 0; row < 9; ++row)
        if (bool(marks[row]) != (row == 1 || row == 3 || row == 5 || row > 6)) ++failures, std::printf("row %d: refused %d\n", row, marks[row]);
    }
}

template <class T> void check_moments(const Functions<T>& f) {
  for (const long n : {5L, 70L}) {
    const std::vector<T> z = logits<T>(19, n, kNormal, 1);
    std::vector<double> result(3 * 19);
    const double t = 0.7;
    const Job<T> job{z.data(), nullptr, &t, false, 19, n, 1, 19, nullptr, nullptr};
    f.moments(job, result.data(), 0, 19);
    for (long row = 0; row < 19; ++row) {
      long double maximum = z[row * n], total = 0, first = 0, second = 0;
      for (long k = 0; k < n; ++k) maximum = std::max<long double>(maximum, z[row * n + k]);
      for (long k = 0; k < n; ++k) {
        const long double d = z[row * n + k] - maximum, e = std::exp(d / t);
        total += e, first += e * d, second += e * d * d;
      }
      const long double mean = first / total, want[] = {std::log(total), mean, second / total - mean * mean};
      for (int k = 0; k < 3; ++k)
        if (!(std::abs(result[k * 19 + row] - want[k]) <= (sizeof(T) == 4 ? 1e-5 : 1e-12) * (1 + std::abs(want[k])))) ++failures, std::printf("moment %d of row %ld of %ld entries, %d bytes: %g, want %Lg\n", k, row, n, int(sizeof(T)), result[k * 19 + row], want[k]);
    }
  }
}

}  // namespace

int main() {
  const Level& kernels = level;
  check_all<float>(kernels.of_float), check_all<double>(kernels.of_double);
  check_refusals<float>(kernels.of_float), check_refusals<double>(kernels.of_double);
  check_moments<float>(kernels.of_float), check_moments<double>(kernels.of_double);
  std::printf("level %s: %ld results, worst %.2f ulp, %ld failures\n", kernels.name, count, worst, failures);
  return failures != 0;
}
