// Columns: rows of the definition that lie side by side, `inner` apart.
#pragma once
#include "log.h"

namespace thermoscope::LEVEL {

constexpr long kPanelColumns = 1024;  // columns worked together: their state stays in a first-level cache
// Entries of each column worked one after the other: a first-level cache of eight ways holds that many streams, also where
// they are a power of two apart.
constexpr long kStreams = 5;

// Up to this many columns of a pack are computed one by one.
constexpr int kFewColumns = 4;

template <class T> struct Panel {  // of each column
  static constexpr long kRoom = kPanelColumns + 64;
  alignas(64) T scale[kRoom], scale_low[kRoom], maximum[kRoom], anchor[kRoom], rounder[kRoom], threshold[kRoom], total[kRoom], total_low[kRoom];

  // Calls work(k, r, end) for runs of kStreams entries, k to end, of each pack of columns r, forwards or backwards.
  template <class Work> static INLINE void each_run(bool forwards, long n, long width, Work work) {
    const long runs = (n + kStreams - 1) / kStreams;
    for (long run = 0; run < runs; ++run) {
      const long k = (forwards ? run : runs - 1 - run) * kStreams;
      for (long r = 0; r < width; r += Pack<T>::kSize) work(k, r, std::min(k + kStreams, n));
    }
  }

  // The totals of `width` columns, a multiple of a pack, and their exp_z if `stored`. False, and nothing is written, where a
  // maximum or T is unsupported.
  template <bool stored> bool exponentials(const T* z, T* out, long stride, long n, long width) {
    using C = Constants<T>;
    using V = Pack<T>;
    constexpr long step = V::kSize;
    for (long r = 0; r < width; r += step) store(maximum + r, V(C::kLowest));
    each_run(true, n, width, [&](long k, long r, long end) INLINE_LAMBDA {
      V largest = load(maximum + r);
      for (long i = k; i < end; ++i) {
        prefetch<2>(z + (i + kStreams) * stride + r);
        largest = max(load(z + i * stride + r), largest);
      }
      store(maximum + r, largest);
    });
    V odd(T(0));
    for (long r = 0; r < width; r += step) {
      const Shift<T> shift({load(scale + r), load(scale_low + r)}, load(maximum + r));
      odd = odd + (shift.rounder - shift.rounder);
      store(anchor + r, shift.anchor), store(rounder + r, shift.rounder), store(threshold + r, shift.threshold);
      store(total + r, V(C::kAboveExp)), store(total_low + r, V(T(0)));
    }
    if (!(reduce_add(odd) == 0)) return false;
    const Exp2<T> exp2;
    each_run(true, n, width, [&](long k, long r, long end) INLINE_LAMBDA {
      const DoubleWord<V> scales{load(scale + r), load(scale_low + r)};
      const V less = load(anchor + r), rounders = load(rounder + r), lowest = load(threshold + r);
      ExpSum<T> sum(load(total + r));
      sum.low = load(total_low + r);
      for (long i = k; i < end; ++i) {
        prefetch<2>(z + (i + kStreams) * stride + r);
        if (stored) prefetch<2>(out + (i + kStreams) * stride + r);
        const V exp_z = sum.add(exp2.at(max(lowest, load(z + i * stride + r) - less), scales, rounders));
        if (stored) store(out + i * stride + r, exp_z);
      }
      sum.fold();
      store(total + r, sum.total), store(total_low + r, sum.low);
    });
    for (long r = 0; r < width; r += step) store(total + r, load(total + r) - V(C::kAboveExp));
    return true;
  }

  bool softmax(const T* z, T* out, long stride, long n, long width) {
    using V = Pack<T>;
    if (!exponentials<true>(z, out, stride, n, width)) return false;
    for (long r = 0; r < width; r += V::kSize) {
      V high, low;
      reciprocal<T>({load(total + r), load(total_low + r)}, high, low);
      store(scale + r, high), store(scale_low + r, low);
    }
    const V unit(Constants<T>::kExpUnit);
    each_run(false, n, width, [&](long k, long r, long end) INLINE_LAMBDA {  // the last entries are still in a cache
      const DoubleWord<V> inverse{load(scale + r), load(scale_low + r)};
      for (long i = k; i < end; ++i) {
        prefetch<2>(out + (i - kStreams) * stride + r);
        store(out + i * stride + r, normalized(load(out + i * stride + r), inverse, unit));
      }
    });
    return true;
  }

  // The same for logarithms. Columns that an entry dominates, or that are unsupported, are computed apart: few in `copy`.
  bool log_softmax(const Job<T>& job, long row, const T* z, T* out, long width, T* copy) {
    using V = Pack<T>;
    using W = Wide<T>;
    const long n = job.entries, stride = job.inner;
    if (!exponentials<false>(z, out, stride, n, width)) return false;
    bool dominated[kPanelColumns];
    int apart[kPanelColumns / V::kSize] = {};  // how many of a pack's columns are
    for (long r = 0; r < width; r += V::kSize) {
      const DoubleWord<W> log = log_sum_exp<T>(DoubleWord<W>{widen(load(total + r)), widen(load(total_low + r))}, widen(load(rounder + r)));
      double logs[V::kSize], lows[V::kSize];
      store(logs, log.high), store(lows, log.low);
      for (long i = 0; i < V::kSize; ++i) {
        const double temperature = job.temperature_of(row + r + i);
        const LogLine<T> line(inverse_of(temperature), {logs[i], lows[i]});
        scale[r + i] = line.slope.high, scale_low[r + i] = line.slope.low, total[r + i] = line.offset.high, total_low[r + i] = line.offset.low;
        dominated[r + i] = anchor[r + i] != 0 || !is_undominated(logs[i], double(maximum[r + i]), temperature);
        apart[r / V::kSize] += dominated[r + i];
      }
    }
    const auto on_lines = [&](long r, long begin, long end) INLINE_LAMBDA {
      const V slope = load(scale + r), slope_low = load(scale_low + r), offset = load(total + r), offset_low = load(total_low + r);
      for (long i = begin; i < end; ++i) store(out + i * stride + r, on_line(load(z + i * stride + r), slope, slope_low, offset, offset_low));
    };
    each_run(false, n, width, [&](long k, long r, long end) INLINE_LAMBDA {
      if (!apart[r / V::kSize]) on_lines(r, k, end);
    });
    for (long r = 0; r < width; r += V::kSize) {
      if (apart[r / V::kSize] > kFewColumns) {
        Scales<T> scales;
        scales.set(job, row + r, V::kSize);
        T supported[V::kSize];
        store(supported, log_tile(job, z + r, out + r, stride, row + r, V::kSize, scales, z + r + V::kSize, out + r + V::kSize));
        for (long i = 0; i < V::kSize; ++i) if (std::isnan(supported[i])) job.refuse(row + r + i);
        continue;
      }
      if (!apart[r / V::kSize]) continue;
      const auto each_apart = [&](auto work) {
        for (long i = 0; i < V::kSize; ++i)
          if (dominated[r + i]) work(copy + i * n, r + i);
      };
      each_apart([&](T* own, long c) { for (long k = 0; k < n; ++k) own[k] = z[k * stride + c]; });
      on_lines(r, 0, n);
      each_apart([&](T* own, long c) {  // an unsupported column gets its logits back
        if (!dominated_row(own, own, n, maximum_of(own, n), job.temperature_of(row + c))) job.refuse(row + c);
        for (long k = 0; k < n; ++k) out[k * stride + c] = own[k];
      });
    }
    return true;
  }
};

// Columns begin to end of each matrix, in panels; `narrow(z, out, row, count)` works up to a pack of them otherwise.
template <class T, class Wide, class Narrow> void by_panels(const Job<T>& job, long begin, long end, Wide wide, Narrow narrow) {
  constexpr long width = Pack<T>::kSize;
  const Scratch<Panel<T>> panel(1);
  Scales<T> scales;
  for (long matrix = 0; matrix < job.matrices; ++matrix)
    for (long column = begin, count; column < end; column += count) {
      const T* z = job.z + matrix * job.entries * job.inner + column;
      T* out = job.out + matrix * job.entries * job.inner + column;
      const long row = matrix * job.inner + column;
      count = std::min(kPanelColumns, end - column);
      if (count >= width) {
        count -= count % width;
        for (long r = 0; r < count; r += width) {
          scales.set(job, row + r, width);
          std::memcpy(panel->scale + r, scales.high, sizeof scales.high), std::memcpy(panel->scale_low + r, scales.low, sizeof scales.low);
        }
        if (wide(*static_cast<Panel<T>*>(panel), z, out, row, count)) continue;
      }
      for (long c = 0; c < count; c += width) {
        const long some = std::min(width, count - c);
        scales.set(job, row + c, some);
        T supported[width];
        store(supported, narrow(z + c, out + c, row + c, some, scales));
        for (long r = 0; r < some; ++r) if (std::isnan(supported[r])) job.refuse(row + c + r);
      }
    }
}

template <class T> void columns(const Job<T>& job, long begin, long end) {
  constexpr long width = Pack<T>::kSize;
  const Scratch<T> copy(job.entries * width);
  by_panels(job, begin, end,
    [&](Panel<T>& panel, const T* z, T* out, long row, long count) {
      if (!panel.softmax(z, out, job.inner, job.entries, count)) return false;
      for (long r = 0; r < count; ++r) if (std::isnan(panel.total[r])) job.refuse(row + r);
      return true;
    },
    [&](const T* z, T* out, long, long count, const Scales<T>& scales) {  // in a copy: unsupported columns are not written
      for (long k = 0; k < job.entries; ++k) std::memcpy(copy + k * width, z + k * job.inner, count * sizeof(T));
      const Pack<T> total = softmax_tile<3, T>(copy, job.entries, scales.get(), copy, copy);
      T totals[width];
      store(totals, total);
      for (long r = 0; r < count; ++r)
        if (!std::isnan(totals[r])) for (long k = 0; k < job.entries; ++k) out[k * job.inner + r] = copy[k * width + r];
      return total;
    });
}
template <class T> void log_columns(const Job<T>& job, long begin, long end) {
  const Scratch<T> copy(job.entries * Pack<T>::kSize);
  by_panels(job, begin, end,
    [&](Panel<T>& panel, const T* z, T* out, long row, long count) { return job.entries >= kLineEntries<T> && panel.log_softmax(job, row, z, out, count, copy); },
    [&](const T* z, T* out, long row, long count, const Scales<T>& scales) { return log_tile(job, z, out, job.inner, row, count, scales, z + count, out + count); });
}

}  // namespace thermoscope::LEVEL
