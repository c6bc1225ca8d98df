// Made by `python -m tools.polynomials`, which says what these are: don't edit.
#pragma once
#include <cstdint>

namespace thermoscope {

template <class T, int steps> struct Exp2Constants;

template <> struct Exp2Constants<float, 16> {
  static constexpr std::int32_t kTableBits[] = {
      0, -152893, -289342, -408621, -509968, -592590, -655657, -698305, -719629, -718684, -694486, -646004, -572163,
      -471841, -343865, -187011};
  static constexpr float kTableResiduals[] = {
      0x0.0p+0f, 0x1.8d96d4p-25f, -0x1.9c0c22p-27f, 0x1.964904p-25f, 0x1.125002p-25f, 0x1.370be4p-25f,
      -0x1.0a3550p-25f, -0x1.00d8acp-27f, 0x1.26055cp-26f, -0x1.05cb44p-25f, 0x1.67a1cap-28f, 0x1.a3b5e4p-28f,
      -0x1.f9c304p-27f, -0x1.6961b4p-28f, -0x1.a5217cp-28f, 0x1.61428ep-28f};
  // Relative error below 2^-29.23.
  static constexpr float kPolynomial[] = {
      0x1.62e430p-1f, 0x1.ebfffap-3f, 0x1.c6ace2p-5f};
};

template <> struct Exp2Constants<float, 8> {
  static constexpr std::int32_t kTableBits[] = {
      0, -289342, -509968, -655657, -719629, -694486, -572163, -343865};
  static constexpr float kTableResiduals[] = {
      0x0.0p+0f, -0x1.9c0c22p-27f, 0x1.125002p-25f, -0x1.0a3550p-25f, 0x1.26055cp-26f, 0x1.67a1cap-28f,
      -0x1.f9c304p-27f, -0x1.a5217cp-28f};
  // Relative error below 2^-32.16.
  static constexpr float kPolynomial[] = {
      0x1.62e430p-1f, 0x1.ebfbe2p-3f, 0x1.c6b8e2p-5f, 0x1.3b084ap-7f};
};

template <> struct Exp2Constants<double, 8> {
  static constexpr std::int64_t kTableBits[] = {
      0, -155339362315909, -273786814220523, -352003352548825, -386347768529971, -372849295843109, -307177783110739,
      -184611166772089};
  static constexpr double kTableResiduals[] = {
      0x0.0p+0, -0x1.01b15eaa59348p-55, 0x1.34d754db0abb6p-55, 0x1.690cebb7aafb0p-56, -0x1.3b3efbf5e2228p-54,
      0x1.db72fc1f0eab4p-55, 0x1.c1a7792cb3387p-55, 0x1.4a385a63d07a7p-56};
  // Relative error below 2^-58.11.
  static constexpr double kPolynomial[] = {
      0x1.62e42fefa39efp-1, 0x1.ebfbdff82c7a3p-3, 0x1.c6b08d704b15dp-5, 0x1.3b2ab6ef2b910p-7, 0x1.5d87fe4384a79p-10,
      0x1.430e6b66544f9p-13, 0x1.ffdca0de5cac0p-17};
};

template <> struct Exp2Constants<double, 4> {
  static constexpr std::int64_t kTableBits[] = {
      0, -273786814220523, -386347768529971, -307177783110739};
  static constexpr double kTableResiduals[] = {
      0x0.0p+0, 0x1.34d754db0abb6p-55, -0x1.3b3efbf5e2228p-54, 0x1.c1a7792cb3387p-55};
  // Relative error below 2^-57.91.
  static constexpr double kPolynomial[] = {
      0x1.62e42fefa39edp-1, 0x1.ebfbdff82c597p-3, 0x1.c6b08d7050e15p-5, 0x1.3b2ab6fb995cap-7, 0x1.5d87fdba581ebp-10,
      0x1.430913ff8a7cdp-13, 0x1.ffeb1ac00cf37p-17, 0x1.62b97de37e211p-20};
};

// Relative error of atanh below 2^-66.57.
constexpr double kAtanhPolynomial[] = {
      0x1.5555555555555p-2, 0x1.9999999999d0ap-3, 0x1.249249243a379p-3, 0x1.c71c724a7f1cep-4, 0x1.745ce211aba22p-4,
      0x1.3b2018472f6c0p-4, 0x1.0f68500fb9dbbp-4, 0x1.0f049e66f8028p-4};

}  // namespace thermoscope
