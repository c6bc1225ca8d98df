// The Python module `thermoscope.kernels._native`: checks arrays, chooses a level and a layout, shares work among threads.
#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030b0000
#include <Python.h>
#define NPY_TARGET_VERSION NPY_2_0_API_VERSION
#define NPY_NO_DEPRECATED_API NPY_2_0_API_VERSION
#include <numpy/arrayobject.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <thread>
#include <vector>

#include "kernels.h"
#include "threads.h"

namespace thermoscope {

#if defined(__x86_64__) || defined(_M_X64)
namespace v3 { extern const Level level; }
namespace v4 { extern const Level level; }
#else
namespace plain { extern const Level level; }
#endif

namespace {

// The levels that this processor runs, the best one last.
const std::vector<const Level*>& levels() {
  static const std::vector<const Level*> found = [] {
    std::vector<const Level*> some;
#if defined(__x86_64__) || defined(_M_X64)
    const auto all = [](auto... features) { return (... && (features != 0)); };
    if (all(__builtin_cpu_supports("avx2"), __builtin_cpu_supports("fma"), __builtin_cpu_supports("bmi"), __builtin_cpu_supports("bmi2"))) {
      some.push_back(&v3::level);
      if (all(__builtin_cpu_supports("avx512f"), __builtin_cpu_supports("avx512bw"), __builtin_cpu_supports("avx512cd"),
              __builtin_cpu_supports("avx512dq"), __builtin_cpu_supports("avx512vl")))
        some.push_back(&v4::level);
    }
#else
    some.push_back(&plain::level);
#endif
    return some;
  }();
  return found;
}

template <class T> const Functions<T>& functions(const Level& level) {
  if constexpr (sizeof(T) == 4) return level.of_float;
  else return level.of_double;
}

constexpr long kThreadedEntries = 1 << 16;     // fewer are not worth a second thread,
constexpr long kManyChunksEntries = 1 << 19;   // nor are fewer than this worth several chunks for each,
constexpr long kPartedEntries = 1 << 16;       // nor shorter rows worth being worked in parts:
constexpr long kBlocksPerPart = 4, kPartsMultiple = 4;  // blocks of a part; two or four threads get equally many parts
constexpr long kChunksPerThread = 4;
// From this many on, all short rows are worked side by side, of fewer only those of fewer entries.
constexpr long kManyRows = 64, kShortEntries = 48;
constexpr long kKeepLockEntries = 4096;        // fewer take less time than to give the interpreter's lock away

// Call body(worker) on at most `threads` threads. A failed allocation is thrown when all are done.
template <class Body> void on_threads(int threads, Body body) {
  struct Shared { Body& body; std::atomic<bool> failed{false}; } shared{body};
  run_together(threads - 1, [](void* job, int worker) {
    auto& own = *static_cast<Shared*>(job);
    try {
      own.body(worker);
    } catch (const std::bad_alloc&) {
      own.failed = true;
    }
  }, &shared);
  if (shared.failed) throw std::bad_alloc();
}

// One row in parts, on several threads. The parts don't depend on the number of threads.
template <class T> class PartedRow {
 public:
  PartedRow(const Functions<T>& kernel, const Job<T>& job, int threads, long block)
      : kernel_(kernel), job_(job), threads_(threads), block_(block), blocks_((job.entries + block - 1) / block),
        count_(kPartsMultiple * std::max(1L, (blocks_ + kPartsMultiple * kBlocksPerPart / 2) / (kPartsMultiple * kBlocksPerPart))),
        rounders_(blocks_), totals_(count_, Total{0, 0}), chunks_(threads, count_) {}

  bool softmax() {
    each_part([&](long part, long begin, long end) { totals_[part] = kernel_.part_exponentials(job_, begin, end, rounders_of(part)); });
    T rounder;
    const Total total = sum(rounder);
    if (std::isnan(total.high)) return kernel_.retry_row(job_, rounders_.data());
    each_part([&](long part, long begin, long end) { kernel_.part_normalize(job_, begin, end, rounders_of(part), rounder, total); });
    return true;
  }

  bool log_softmax() {
    std::vector<T> maxima(count_, -std::numeric_limits<T>::infinity());
    each_part([&](long part, long begin, long end) { totals_[part] = kernel_.part_total(job_, begin, end, rounders_of(part), &maxima[part]); });
    T rounder;
    const Total total = sum(rounder);
    Total log;
    if (!std::isnan(total.high) && kernel_.undominated(job_, rounder, total, *std::max_element(maxima.begin(), maxima.end()), &log)) {
      each_part([&](long, long begin, long end) { kernel_.part_line(job_, begin, end, log); });
      return true;
    }
    each_part([&](long part, long begin, long end) { maxima[part] = kernel_.part_maximum(job_, begin, end); });
    const T maximum = *std::max_element(maxima.begin(), maxima.end());
    if (!kernel_.supported(maximum, job_.temperature[0])) return false;
    std::vector<LogTotal> log_totals(count_, LogTotal{0, {0, 0}});
    each_part([&](long part, long begin, long end) { log_totals[part] = kernel_.part_log_total(job_, begin, end, maximum); });
    LogTotal log_total{0, {0, 0}};
    for (const LogTotal& one : log_totals) log_total.count += one.count, add(log_total.rest, one.rest);
    if (std::isnan(log_total.rest.high)) return false;
    each_part([&](long, long begin, long end) { kernel_.part_logarithms(job_, begin, end, maximum, log_total); });
    return true;
  }

 private:
  long first_block(long part) const { return blocks_ * part / count_; }
  long begin_of(long part) const { return std::min(first_block(part) * block_, job_.entries); }
  template <class Work> void each_part(Work work) {
    chunks_.rewind();
    on_threads(threads_, [&](int worker) {
      chunks_.each(worker, [&](long part) {
        if (begin_of(part) < begin_of(part + 1)) work(part, begin_of(part), begin_of(part + 1));
      });
    });
  }
  T* rounders_of(long part) { return &rounders_[first_block(part)]; }
  // The total of all parts relative to `rounder`, that of the largest maximum.
  Total sum(T& rounder) const {
    for (const Total& one : totals_)
      if (std::isnan(one.high)) return one;
    rounder = *std::min_element(rounders_.begin(), rounders_.end());
    Total total{0, 0};
    for (long part = 0; part < count_; ++part) {
      if (begin_of(part) == begin_of(part + 1)) continue;
      const double lower = std::ldexp(1.0, int(rounder - rounders_[first_block(part + 1) - 1]));
      add(total, {totals_[part].high * lower, totals_[part].low * lower});
    }
    return total;
  }
  static void add(Total& total, Total term) {  // TwoSum
    const double sum = total.high + term.high, from_term = sum - total.high;
    total.low += ((total.high - (sum - from_term)) + (term.high - from_term)) + term.low;
    total.high = sum;
  }

  const Functions<T>& kernel_;
  const Job<T>& job_;
  int threads_;
  long block_, blocks_, count_;
  std::vector<T> rounders_;
  std::vector<Total> totals_;
  Chunks chunks_;
};

template <class T> void compute_parted_rows(const Level& level, const Job<T>& job, bool log, int threads) {
  const Functions<T>& kernel = functions<T>(level);
  // In place, a softmax may turn out to be unsupported when a part of the row is written.
  std::vector<T> copy(job.z == job.out && !log ? job.entries : 0);
  for (long i = 0; i < job.rows; ++i) {
    const T* z = job.z + i * job.entries;
    T* out = job.out + i * job.entries;
    if (!copy.empty()) z = static_cast<const T*>(std::memcpy(copy.data(), z, job.entries * sizeof(T)));
    const double temperature = job.temperature_of(i);
    const Job<T> row{z, out, &temperature, false, 1, job.entries, 1, 1, job.unsupported + i, job.any_unsupported};
    PartedRow<T> parted(kernel, row, threads, level.block_entries);
    if (log ? !parted.log_softmax() : !parted.softmax()) {
      row.refuse(0);
      if (!copy.empty()) std::memcpy(out, z, job.entries * sizeof(T));
    }
  }
}

template <class T> void compute(const Level& level, const Job<T>& job, bool log, int threads) {
  const long size = job.rows * job.entries;
  if (size < kThreadedEntries) threads = 1;
  if (job.inner == 1 && job.rows < threads && job.entries >= kPartedEntries) return compute_parted_rows(level, job, log, threads);
  const Functions<T>& kernel = functions<T>(level);
  const bool is_short = job.rows >= kManyRows ? job.entries * long(sizeof(T)) < kShortRowBytes : job.entries < kShortEntries && job.rows > 3;
  const auto function = job.inner > 1 ? (log ? kernel.log_columns : kernel.columns)
                        : is_short    ? (log ? kernel.log_short_rows : kernel.short_rows)
                                      : (log ? kernel.log_long_rows : kernel.long_rows);
  const long tile = sizeof(T) == 4 ? level.float_tile : level.double_tile;
  const long range = job.inner > 1 ? job.inner : job.rows, unit = is_short || job.inner > 1 ? tile : 1, units = (range + unit - 1) / unit;
  const long count = threads == 1 ? 1 : std::min<long>(units, threads * (size >= kManyChunksEntries ? kChunksPerThread : 1));
  if (count == 1) return function(job, 0, range);
  Chunks chunks(threads, count);
  on_threads(threads, [&](int worker) {
    chunks.each(worker, [&](long chunk) { function(job, units * chunk / count * unit, std::min(units * (chunk + 1) / count * unit, range)); });
  });
}

// ---- Python ----

class Unlocked {  // without the interpreter's lock
 public:
  explicit Unlocked(bool really) : state_(really ? PyEval_SaveThread() : nullptr) {}
  ~Unlocked() {
    if (!state_) return;
    // Where the interpreter ends meanwhile, Python before 3.14 ends a daemon thread here, by an exception of the C
    // library that no destructor lets pass. What the frames above hold may be freed with the lock alone: the thread
    // waits for the end of the process, as Python 3.14 makes it do.
    try { PyEval_RestoreThread(state_); } catch (...) { for (;;) std::this_thread::sleep_for(std::chrono::hours(1)); }
  }

 private:
  PyThreadState* state_;
};

struct Release { void operator()(PyObject* object) const { Py_DECREF(object); } };
using Owned = std::unique_ptr<PyObject, Release>;

struct Settings {
  PyObject *empty_large = nullptr, *finish = nullptr;
  long large_bytes = 0, threads = 1, smallest_inner = 1;
  std::atomic<int> suspended{0};
} settings;

// What is known of an array, read once, for another thread may change its shape. It is read by NumPy's own interface, because
// two buffers would make a call on ten numbers half as long again.
class Array {
 public:
  explicit Array(PyObject* object) {
    if (!PyArray_Check(object)) return;
    auto* array = reinterpret_cast<PyArrayObject*>(object);
    const int type = PyArray_TYPE(array);
    const bool plain = PyArray_ISCARRAY_RO(array);  // C-contiguous, aligned, in the machine's byte order
    if (!plain || (type != NPY_FLOAT && type != NPY_DOUBLE)) return;
    array_ = array, type_ = type, data_ = PyArray_DATA(array), ndim_ = PyArray_NDIM(array), size_ = 1;
    for (int k = 0; k < ndim_; ++k) size_ *= shape_[k] = PyArray_DIM(array, k);
  }
  // NPY_FLOAT, NPY_DOUBLE, or NPY_NOTYPE for everything that a kernel can't read.
  int type() const { return type_; }
  bool readable() const { return type_ != NPY_NOTYPE; }
  // With a Python error set if not, and a warning where NumPy gives one.
  bool writable() const { return PyArray_FailUnlessWriteable(array_, "out") == 0; }
  bool like(const Array& other) const { return type_ == other.type_ && ndim_ == other.ndim_ && std::equal(shape_, shape_ + ndim_, other.shape_); }
  bool overlaps(const Array& other) const {
    const char *own = static_cast<const char*>(data_), *its = static_cast<const char*>(other.data_);
    return own < its + other.bytes() && its < own + bytes();
  }
  void* data() const { return data_; }
  int ndim() const { return ndim_; }
  const npy_intp* shape() const { return shape_; }
  long size() const { return long(size_); }
  long bytes() const { return size() * (type_ == NPY_FLOAT ? 4 : 8); }

 private:
  PyArrayObject* array_ = nullptr;
  int type_ = NPY_NOTYPE, ndim_ = 0;
  void* data_ = nullptr;
  npy_intp size_ = 0, shape_[NPY_MAXDIMS];
};

// Compute along `axis`; None, or a byte for each row that says whether it is left to the reference kernel.
template <class T>
PyObject* compute(const Level& level, const Array& z, const Array& out, const double* temperature, bool per_row, int axis, bool log, int threads) {
  long matrices = 1, inner = 1;
  for (int k = 0; k < axis; ++k) matrices *= z.shape()[k];
  for (int k = axis + 1; k < z.ndim(); ++k) inner *= z.shape()[k];
  const long entries = z.shape()[axis], rows = matrices * inner;
  // calloc: pages that nobody writes cost nothing.
  char one_row[1] = {};
  const std::unique_ptr<char, void (*)(void*)> many(rows > 1 ? static_cast<char*>(std::calloc(rows, 1)) : nullptr, std::free);
  char* marks = rows > 1 ? many.get() : one_row;
  if (!marks) throw std::bad_alloc();
  std::atomic<bool> any{false};
  const Job<T> job{static_cast<const T*>(z.data()), static_cast<T*>(out.data()), temperature, per_row, matrices, entries, inner, rows,
                   reinterpret_cast<bool*>(marks), &any};
  {
    const Unlocked unlocked(rows * entries >= kKeepLockEntries);
    compute(level, job, log, threads);
  }
  if (!any) Py_RETURN_NONE;
  return PyBytes_FromStringAndSize(marks, rows);
}
PyObject* compute(const Level& level, const Array& z, const Array& out, const double* temperature, bool per_row, int axis, bool log, int threads) {
  return z.type() == NPY_FLOAT ? compute<float>(level, z, out, temperature, per_row, axis, log, threads)
                               : compute<double>(level, z, out, temperature, per_row, axis, log, threads);
}

const Level* level_at(long index) {
  if (0 <= index && index < long(levels().size())) return levels()[index];
  PyErr_Format(PyExc_ValueError, "level must be from 0 to %zd, got %ld", levels().size() - 1, index);
  return nullptr;
}

PyObject* py_compute(PyObject*, PyObject* const* arguments, Py_ssize_t count) try {
  if (count != 7) return PyErr_Format(PyExc_TypeError, "compute takes 7 arguments, got %zd", count);
  const Array z(arguments[0]), out(arguments[2]);
  const long axis = PyLong_AsLong(arguments[3]), threads = PyLong_AsLong(arguments[4]), log = PyObject_IsTrue(arguments[5]), index = PyLong_AsLong(arguments[6]);
  if (PyErr_Occurred()) return nullptr;
  const Level* level = level_at(index);
  if (!level) return nullptr;
  if (!z.readable() || !z.like(out) || axis < 0 || axis >= z.ndim() || threads < 1 || z.size() == 0)
    return PyErr_Format(PyExc_ValueError, "logits and out must be alike, C-contiguous, of float32 or float64 and not empty");
  if (!out.writable()) return nullptr;
  if (PyFloat_Check(arguments[1])) {
    const double temperature = PyFloat_AsDouble(arguments[1]);
    return compute(*level, z, out, &temperature, false, int(axis), log, int(threads));
  }
  const Array t(arguments[1]);
  if (t.type() != NPY_DOUBLE || t.size() * z.shape()[axis] != z.size()) return PyErr_Format(PyExc_ValueError, "temperature must be one float64 for each row");
  return compute(*level, z, out, static_cast<const double*>(t.data()), true, int(axis), log, int(threads));
} catch (const std::bad_alloc&) {
  return PyErr_NoMemory();
}

PyObject* nothing() {  // the general path says what is wrong, if anything is
  PyErr_Clear();
  Py_RETURN_NONE;
}
PyObject* new_result(const Array& z) {
  if (z.bytes() < settings.large_bytes) return PyArray_SimpleNew(z.ndim(), z.shape(), z.type());
  const Owned shape(PyTuple_New(z.ndim()));
  if (!shape) return nullptr;
  for (int k = 0; k < z.ndim(); ++k) PyTuple_SetItem(shape.get(), k, PyLong_FromSsize_t(z.shape()[k]));
  return PyObject_CallFunction(settings.empty_large, "ON", shape.get(), PyArray_DescrFromType(z.type()));
}
// The result of most calls without a look from Python, which would take longer than 10,000 entries.
template <bool log> PyObject* py_fast(PyObject*, PyObject* const* arguments, Py_ssize_t count) try {
  if (count != 4) return PyErr_Format(PyExc_TypeError, "the fast path takes 4 arguments, got %zd", count);
  PyObject *logits = arguments[0], *temperature = arguments[1], *along = arguments[2], *out = arguments[3];
  if (!PyArray_CheckExact(logits) || (out != Py_None && !PyArray_CheckExact(out)) || settings.suspended != 0) return nothing();
  if (!PyFloat_Check(temperature) && !PyLong_CheckExact(temperature)) return nothing();
  const double t = PyFloat_AsDouble(temperature);
  if (!(t >= 0) || PyErr_Occurred()) return nothing();
  const Array z(logits);
  if (!z.readable() || z.size() == 0 || z.ndim() == 0) return nothing();
  long axis = z.ndim() - 1;
  if (along != Py_None && PyLong_CheckExact(along)) axis = PyLong_AsLong(along), axis += axis < 0 ? z.ndim() : 0;
  else if (along != Py_None || z.ndim() > 1) return nothing();
  if (PyErr_Occurred() || axis < 0 || axis >= z.ndim() || z.shape()[axis] == 1) return nothing();
  long inner = 1;
  for (int k = int(axis) + 1; k < z.ndim(); ++k) inner *= z.shape()[k];
  if (inner > 1 && inner < settings.smallest_inner) return nothing();
  const Owned result(out == Py_None ? new_result(z) : Py_NewRef(out));
  if (!result) return nullptr;
  const Array target(result.get());
  if (!target.like(z) || !target.writable() || (target.data() != z.data() && target.overlaps(z))) return nothing();
  const Owned marks(compute(*levels().back(), z, target, &t, false, int(axis), log, int(settings.threads)));
  if (!marks) return nullptr;
  if (marks.get() != Py_None) {
    const Owned none(PyTuple_New(0));
    const Owned named(Py_BuildValue("{s:O,s:d,s:O,s:l,s:O,s:O}", "logits", logits, "temperature", t, "out", result.get(), "axis", axis, "log",
                                    log ? Py_True : Py_False, "marks", marks.get()));
    if (!none || !named) return nullptr;
    const Owned done(PyObject_Call(settings.finish, none.get(), named.get()));
    if (!done) return nullptr;
  }
  return Py_NewRef(result.get());
} catch (const std::bad_alloc&) {
  return PyErr_NoMemory();
}

PyObject* py_moments(PyObject*, PyObject* const* arguments, Py_ssize_t count) try {
  if (count != 4) return PyErr_Format(PyExc_TypeError, "moments takes 4 arguments, got %zd", count);
  const Array z(arguments[0]), result(arguments[2]);
  const double temperature = PyFloat_AsDouble(arguments[1]);
  const long index = PyLong_AsLong(arguments[3]);
  if (PyErr_Occurred()) return nullptr;
  const Level* level = level_at(index);
  if (!level) return nullptr;
  if (z.ndim() != 2 || z.size() == 0 || !z.readable() || result.type() != NPY_DOUBLE || result.size() != 3 * z.shape()[0])
    return PyErr_Format(PyExc_ValueError, "moments takes rows of float32 or float64, and room for three float64 for each");
  if (!result.writable()) return nullptr;
  const auto work = [&](auto zero) {
    using T = decltype(zero);
    const long rows = z.shape()[0];
    const Job<T> job{static_cast<const T*>(z.data()), nullptr, &temperature, false, rows, z.shape()[1], 1, rows, nullptr, nullptr};
    const Unlocked unlocked(true);
    functions<T>(*level).moments(job, static_cast<double*>(result.data()), 0, rows);
  };
  if (z.type() == NPY_FLOAT) work(0.0f);
  else work(0.0);
  Py_RETURN_NONE;
} catch (const std::bad_alloc&) {
  return PyErr_NoMemory();
}

PyObject* py_configure(PyObject*, PyObject* arguments) {
  Settings& s = settings;
  if (!PyArg_ParseTuple(arguments, "OOlll", &s.empty_large, &s.finish, &s.large_bytes, &s.threads, &s.smallest_inner)) return nullptr;
  for (PyObject* one : {s.empty_large, s.finish}) Py_INCREF(one);
  Py_RETURN_NONE;
}

PyObject* py_suspend(PyObject*, PyObject* change) {
  const long by = PyLong_AsLong(change);
  if (PyErr_Occurred()) return nullptr;
  settings.suspended += int(by);
  Py_RETURN_NONE;
}

PyObject* py_levels(PyObject*, PyObject*) {
  PyObject* names = PyTuple_New(Py_ssize_t(levels().size()));
  for (std::size_t k = 0; names && k < levels().size(); ++k) PyTuple_SetItem(names, Py_ssize_t(k), PyUnicode_FromString(levels()[k]->name));
  return names;
}

template <class Function> PyCFunction method(Function function) { return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(function)); }
PyMethodDef methods[] = {
    {"softmax", method(py_fast<false>), METH_FASTCALL,
     "softmax(logits, temperature, axis, out)\n--\n\nThe result, or None if the general path must handle the call."},
    {"log_softmax", method(py_fast<true>), METH_FASTCALL,
     "log_softmax(logits, temperature, axis, out)\n--\n\nThe result, or None if the general path must handle the call."},
    {"compute", method(py_compute), METH_FASTCALL,
     "compute(logits, temperature, out, axis, threads, log, level)\n--\n\n"
     "Write to out; None, or a byte for each row that says whether it is left to the reference kernel."},
    {"moments", method(py_moments), METH_FASTCALL, "moments(rows, temperature, result, level)\n--\n\nWrite three float64 for each row, (3, N) in all."},
    {"configure", py_configure, METH_VARARGS,
     "configure(empty_large, finish, large_bytes, threads, smallest_inner)\n--\n\nWhat `softmax` and `log_softmax` need to know."},
    {"suspend", py_suspend, METH_O, "suspend(change)\n--\n\nWhile the changes add up to more than 0, `softmax` and `log_softmax` return None."},
    {"levels", py_levels, METH_NOARGS, "levels()\n--\n\nNames of the levels that this processor runs, the best one last."},
    {},
};
PyModuleDef module_definition = {PyModuleDef_HEAD_INIT, "_native", "The native kernels.", -1, methods, nullptr, nullptr, nullptr, nullptr};

}  // namespace
}  // namespace thermoscope

PyMODINIT_FUNC PyInit__native() {
  if (_import_array() < 0) return nullptr;  // the error says that it is a NumPy of another ABI; import_array would print it
  return PyModule_Create(&thermoscope::module_definition);
}
