/** Draws by a seed. */
import { expect, test } from "vitest";
import { draw } from "../src/model/draws";
import { Instrument } from "../src/model/instrument";
import { memoryHost } from "./memory";
import { stateOf } from "./states";

const HALVES = Float64Array.of(0.5, 0.25, 0.125, 0.125);

test("the first draws of a seed don't depend on how many there are", () => {
  const { items } = draw(HALVES, 1000, 7)!;
  expect(draw(HALVES, 10, 7)!.items).toEqual(items.subarray(0, 10));
  expect(draw(HALVES, 10, 8)!.items).not.toEqual(items.subarray(0, 10));
});

test("items are drawn as often as their probabilities say", () => {
  const n = 100_000;
  const { counts } = draw(HALVES, n, 1)!;
  HALVES.forEach((p, item) => {
    const deviation = Math.sqrt(n * p * (1 - p));
    expect(Math.abs(counts.get(item)! - n * p)).toBeLessThan(5 * deviation);
  });
});

test("what has no probability is never drawn, whatever rounding does", () => {
  const { counts } = draw(Float64Array.of(0, 0.1, 0, 0.2, 0), 1000, 3)!;
  expect([...counts.keys()].sort()).toEqual([1, 3]);
  expect(draw(Float64Array.of(NaN, NaN), 10, 3)).toBeNull();
});

test("the instrument draws after truncation, and again when a drag has rested", () => {
  const view = new Instrument(memoryHost(stateOf([2, 1, 0.1])));
  expect(view.draws.value).toBeNull();
  view.drawing.value = { count: 1000, seed: 7 };
  const { counts } = view.draws.value!;
  expect(counts.size).toBe(3);
  view.change({ truncation: { top_k: 2 } });
  expect(view.draws.value!.counts.has(2)).toBe(false);
  const before = view.draws.value;
  view.change({ temperature: 0.1 }, false);
  expect(view.draws.value).toBe(before);
  view.change({ temperature: 0 });
  expect([...view.draws.value!.counts]).toEqual([[0, 1000]]);
});
