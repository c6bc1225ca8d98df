import { expect, test } from "vitest";
import { softmax } from "../src/math/definition";
import { naivePower, naiveQuotient, naiveTotal, type Width } from "../src/math/naive";

function naiveSoftmax(logits: Float64Array, temperature: number, item: number, width: Width) {
  const power = naivePower(logits[item]!, temperature, width);
  const total = naiveTotal(logits, temperature, width);
  return { power, total, quotient: naiveQuotient(power, total, width) };
}

// As NumPy gives them: np.exp(z.astype(dtype) / dtype(T)), its sum in order, and their quotient.
test.each([
  ["float16", [11, 12], 1, { power: 59872 - 0, total: Infinity, quotient: 0 }],
  ["float16", [12, 13], 1, { power: Infinity, total: Infinity, quotient: NaN }],
  ["float16", [-18, -19], 1, { power: 0, total: 0, quotient: NaN }],
  ["float16", [1, 0], 1, { power: 2.71875, total: 3.71875, quotient: 0.731 }],
  ["float32", [88, 89], 1, { power: 1.6516362e38, total: Infinity, quotient: 0 }],
  ["float32", [89, 90], 1, { power: Infinity, total: Infinity, quotient: NaN }],
  ["float64", [709, 710], 1, { power: 8.218407461554972e307, total: Infinity, quotient: 0 }],
  ["float64", [7.1, 7.2], 0.01, { power: Infinity, total: Infinity, quotient: NaN }],
] as const)("in %s, %j at T = %d", (width, logits, temperature, want) => {
  const found = naiveSoftmax(Float64Array.from(logits), temperature, 0, width);
  for (const name of ["power", "total", "quotient"] as const) {
    if (Number.isFinite(want[name])) {
      expect(Math.abs(found[name] / (want[name] || 1) - (want[name] && 1))).toBeLessThan(2e-3);
    } else expect(found[name]).toBe(want[name]);
  }
});

test("where nothing overflows, float64 agrees with the definition", () => {
  const logits = Float64Array.of(2, 1, 0.1);
  for (let item = 0; item < 3; item++) {
    const { quotient } = naiveSoftmax(logits, 0.7, item, "float64");
    expect(quotient).toBeCloseTo(softmax(logits, 0.7)[item]!, 14);
  }
});

test("float16 is rounded to even, to multiples of 2^-24 at least, and overflows at 65520", () => {
  const round = (value: number) =>
    naiveSoftmax(Float64Array.of(Math.log(value)), 1, 0, "float16").power;
  expect(naiveSoftmax(Float64Array.of(0), 1, 0, "float16").power).toBe(1);
  expect(round(65600)).toBe(Infinity);
  expect(round(2 ** -26)).toBe(0);
  expect(round(2 ** -24) / 2 ** -24).toBeCloseTo(1, 12);
});
