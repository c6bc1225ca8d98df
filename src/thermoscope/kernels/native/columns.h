// Softmax of columns: rows of the definition that lie side by side, `inner` apart.
#pragma once
#include "tiles.h"

namespace thermoscope::LEVEL {

constexpr long kPanelColumns = 1024;  // columns worked together: their state stays in a first-level cache
// Entries of each column worked one after the other: a first-level cache of eight ways holds that many streams, also where
// they are a power of two apart.
constexpr long kStreams = 5;

template <class T> struct Panel {  // of each column
  static constexpr long kRoom = kPanelColumns + 64;
  alignas(64) T scale[kRoom], scale_low[kRoom], anchor[kRoom], rounder[kRoom], threshold[kRoom], total[kRoom], total_low[kRoom];

  // Softmax of `width` columns, a multiple of a pack. False if nothing was written, since a maximum or T is unsupported.
  bool softmax(const T* z, T* out, long stride, long n, long width) {
    using C = Constants<T>;
    using V = Pack<T>;
    constexpr long step = V::kSize;
    // Calls work(k, r, e) for runs of kStreams entries k to e of each pack of columns r, forwards or backwards.
    const auto each_run = [&](bool forwards, auto work) INLINE_LAMBDA {
      const long runs = (n + kStreams - 1) / kStreams;
      for (long run = 0; run < runs; ++run) {
        const long k = (forwards ? run : runs - 1 - run) * kStreams;
        for (long r = 0; r < width; r += step) work(k, r, std::min(k + kStreams, n));
      }
    };
    for (long r = 0; r < width; r += step) store(anchor + r, V(C::kLowest));
    each_run(true, [&](long k, long r, long end) INLINE_LAMBDA {
      V maximum = load(anchor + r);
      for (long i = k; i < end; ++i) {
        prefetch<2>(z + (i + kStreams) * stride + r);
        maximum = max(load(z + i * stride + r), maximum);
      }
      store(anchor + r, maximum);
    });
    V odd(T(0));
    for (long r = 0; r < width; r += step) {
      const Shift<T> shift({load(scale + r), load(scale_low + r)}, load(anchor + r));
      odd = odd + (shift.rounder - shift.rounder);
      store(anchor + r, shift.anchor), store(rounder + r, shift.rounder), store(threshold + r, shift.threshold);
      store(total + r, V(C::kAboveExp)), store(total_low + r, V(T(0)));
    }
    if (!(reduce_add(odd) == 0)) return false;
    const Exp2<T> exp2;
    each_run(true, [&](long k, long r, long end) INLINE_LAMBDA {
      const DoubleWord<V> scales{load(scale + r), load(scale_low + r)};
      const V less = load(anchor + r), rounders = load(rounder + r), lowest = load(threshold + r);
      ExpSum<T> sum(load(total + r));
      sum.low = load(total_low + r);
      for (long i = k; i < end; ++i) {
        prefetch<2>(z + (i + kStreams) * stride + r), prefetch<2>(out + (i + kStreams) * stride + r);
        store(out + i * stride + r, sum.add(exp2.at(max(lowest, load(z + i * stride + r) - less), scales, rounders)));
      }
      sum.fold();
      store(total + r, sum.total), store(total_low + r, sum.low);
    });
    for (long r = 0; r < width; r += step) {
      const V all = load(total + r) - V(C::kAboveExp);
      V high, low;
      reciprocal<T>({all, load(total_low + r)}, high, low);
      store(total + r, all), store(scale + r, high), store(scale_low + r, low);
    }
    const V unit(C::kExpUnit);
    each_run(false, [&](long k, long r, long end) INLINE_LAMBDA {  // the last entries are still in a cache
      const DoubleWord<V> inverse{load(scale + r), load(scale_low + r)};
      for (long i = k; i < end; ++i) {
        prefetch<2>(out + (i - kStreams) * stride + r);
        store(out + i * stride + r, normalized(load(out + i * stride + r), inverse, unit, -C::kExpScaleLog2));
      }
    });
    return true;
  }
};

// Columns begin to end of each matrix. Panels are worked in the result itself; what is narrower than a pack, or has an
// unsupported column, in a copy of a few columns.
template <class T> void columns(const Job<T>& job, long begin, long end) {
  constexpr long width = Pack<T>::kSize;
  const Scratch<Panel<T>> panel(1);
  const Scratch<T> copy(job.entries * width);
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
        if (panel->softmax(z, out, job.inner, job.entries, count)) {
          for (long r = 0; r < count; ++r) if (std::isnan(panel->total[r])) job.refuse(row + r);
          continue;
        }
      }
      for (long c = 0; c < count; c += width) {
        const long some = std::min(width, count - c);
        for (long k = 0; k < job.entries; ++k) std::memcpy(copy + k * width, z + k * job.inner + c, some * sizeof(T));
        scales.set(job, row + c, some);
        T totals[width];
        store(totals, softmax_tile<3, T>(copy, job.entries, scales.get(), copy, copy));
        for (long r = 0; r < some; ++r) {
          if (std::isnan(totals[r])) job.refuse(row + c + r);
          else for (long k = 0; k < job.entries; ++k) out[k * job.inner + c + r] = copy[k * width + r];
        }
      }
    }
}

}  // namespace thermoscope::LEVEL
