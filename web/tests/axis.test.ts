import { expect, test } from "vitest";
import { fraction, logitAxis, roundUp } from "../src/math/axis";

test.each([
  ["just above 0", [0.14, 0.95, false], [0, 1, 0]],
  ["as far from 0 as apart", [1, 2, false], [0, 2, 0]],
  ["on both sides of 0", [-3.2, 5.1, true], [-4, 6, 0]],
  ["in view above 0, others below", [10.1, 12.2, true], [0, 15, 0]],
  ["in view below 0, others above", [-12.2, -10.1, true], [-15, 0, 0]],
  ["log-probabilities", [-8.3, -0.2, false], [-10, 0, -10]],
  ["log-probabilities, one of them 0", [-8.3, 0, false], [-10, 0, -10]],
  ["below a round number", [-10, -0.2, false], [-12, 0, -12]],
  ["far above 0", [100, 101, false], [99.8, 101, 99.8]],
  ["far below 0", [-180, -136, false], [-190, -130, -190]],
  ["all the same", [7, 7, false], [6, 8, 6]],
  ["all the same and below 0", [-7, -7, false], [-8, -6, -8]],
  ["all 0", [0, 0, false], [0, 1, 0]],
  ["none finite", [Infinity, -Infinity, false], [0, 1, 0]],
] as const)("axis of logits: %s", (_, [lowest, highest, crossed], [low, high, base]) => {
  expect(logitAxis(lowest, highest, crossed)).toEqual({ low, high, base });
});

test("the bar of a higher logit ends further along the axis, and no bar has no length", () => {
  for (const [lowest, highest] of [
    [-8.3, -0.2],
    [100, 101],
    [0.14, 0.95],
    [-7, -7],
  ] as const) {
    const axis = logitAxis(lowest, highest, false);
    expect(fraction(axis, lowest)).toBeGreaterThan(fraction(axis, axis.base));
    expect(fraction(axis, highest)).toBeLessThanOrEqual(1);
  }
});

test("the axis holds the largest float64s", () => {
  const axis = logitAxis(-1.7e308, 1.7e308, true);
  expect(fraction(axis, -1.7e308)).toBe(0);
  expect(fraction(axis, 0)).toBe(0.5);
  expect(fraction(axis, 1.7e308)).toBe(1);
});

test.each([
  [0.158, 0.2],
  [0.2, 0.2],
  [0.21, 0.5],
  [0.51, 1],
  [3e-7, 5e-7],
])("roundUp(%d) is %d", (value, rounded) => expect(roundUp(value)).toBe(rounded));
