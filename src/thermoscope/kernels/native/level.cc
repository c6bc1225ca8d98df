// The kernels of one level: compiled once for each, with LEVEL the name of its namespace.
#include "columns.h"
#include "groups.h"
#include "moments.h"

namespace thermoscope::LEVEL {

#define LEVEL_TEXT(name) #name
#define LEVEL_NAME(name) LEVEL_TEXT(name)

template <class T> constexpr Functions<T> functions() {
  return {long_rows<T>,         short_rows<T>,     columns<T>,   log_long_rows<T>, log_short_rows<T>, log_columns<T>, moments<T>,
          part_exponentials<T>, part_normalize<T>, retry_row<T>, part_total<T>,    undominated<T>,    part_line<T>,   supported<T>,
          part_maximum<T>,      part_log_total<T>, part_logarithms<T>};
}

extern const Level level;
constexpr Level level{LEVEL_NAME(LEVEL), functions<float>(), functions<double>(), Pack<float>::kSize, Pack<double>::kSize, int(kBlockEntries)};

}  // namespace thermoscope::LEVEL
