import { expect, test } from "vitest";
import { fraction, logitAxis, roundUp } from "../src/math/axis";

test.each([
  ["few, all positive", [0.14, 0.95, false], [0, 1, 0]],
  ["few, far from 0", [100, 101, false], [0, 150, 0]],
  ["few, on both sides", [-3.2, 5.1, false], [-4, 6, 0]],
  ["many, 0 within reach", [1e-6, 0.99, true], [0, 1, 0]],
  ["many, 0 far off", [-180, -136, true], [-180, -130, -180]],
  ["all the same", [7, 7, true], [0, 8, 0]],
  ["all 0", [0, 0, true], [0, 1, 0]],
  ["none finite", [Infinity, -Infinity, true], [0, 1, 0]],
] as const)("axis of logits: %s", (_, [lowest, highest, free], [low, high, base]) => {
  expect(logitAxis(lowest, highest, free)).toEqual({ low, high, base });
});

test("the axis holds the largest float64s", () => {
  const axis = logitAxis(-1.7e308, 1.7e308, false);
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
