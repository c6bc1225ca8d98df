/** A beside what is shown. */
import { describe, expect, test } from "vitest";
import { compare, matched } from "../src/model/compare";
import { Instrument } from "../src/model/instrument";
import type { State } from "../src/model/state";
import { memoryHost } from "./memory";
import { stateOf } from "./states";

const instrument = (logits: number[], change: Partial<State> = {}) =>
  new Instrument(memoryHost(stateOf(logits, change)));

describe("items are matched", () => {
  const items = (logits: number, labels: string[] | null = null) =>
    stateOf(new Float64Array(logits), { labels });
  test.each<[string, State, State, number[] | null]>([
    ["by their place without labels", items(2), items(3), [0, 1, -1]],
    [
      "by the same labels in the same order, twins too",
      items(2, ["a", "a"]),
      items(2, ["a", "a"]),
      [0, 1],
    ],
    ["by labels in another order", items(2, ["a", "b"]), items(3, ["b", "c", "a"]), [1, -1, 0]],
    ["not where one has no labels", items(2, ["a", "b"]), items(2), null],
    ["not where a label stands twice", items(2, ["a", "a"]), items(2, ["a", "b"]), null],
    ["not where a label stands twice now", items(2, ["a", "b"]), items(2, ["a", "a"]), null],
  ])("%s", (_, a, now, expected) => {
    const found = matched(a, now);
    expect(found && Array.from(found)).toEqual(expected);
  });
});

test("the total variation counts what only one of the two has", () => {
  const { variation, same, largest } = compare(
    Float64Array.of(0.5, 0.25, 0.25),
    Float64Array.of(0.5, 0.5),
    Int32Array.of(0, -1),
  );
  expect([variation, same]).toEqual([0.5, false]);
  expect(largest).toEqual([
    { item: 1, itemOfA: null, size: 0.5 },
    { item: null, itemOfA: 1, size: 0.25 },
    { item: null, itemOfA: 2, size: 0.25 },
  ]);
  const equal = compare(Float64Array.of(1), Float64Array.of(1), Int32Array.of(0));
  expect(equal).toEqual({ variation: 0, same: true, largest: [] });
});

test("the outlines are those at T = 1, and of A once that is pinned", () => {
  const view = instrument([1, 3, 2], { temperature: 0.5 });
  const outline = () => view.rows.value.map((row) => Number(row.outlineDigits.value));
  expect(outline()[1]).toBeCloseTo(0.6652, 4);
  view.pin();
  const pinned = outline();
  expect(pinned[1]).toBeCloseTo(0.8668, 4);
  view.change({ temperature: 9 });
  expect(outline()).toEqual(pinned);
  expect(view.comparison.value!.largest[0]!.item).toBe(1);
  view.change({ logits: Float64Array.of(5, 5), labels: ["x", "y"] });
  expect(outline()).toEqual([0, 0]);
  expect(view.comparison.value).toBeNull();
  view.pinned.value = null;
  expect(outline()).toEqual([0.5, 0.5]);
});

test("what the outlines show outside of the window", () => {
  const view = instrument(Array.from({ length: 100 }, (_, i) => i / 10));
  const atOne = view.outline.value.outside;
  view.pin();
  expect(view.outline.value.outside).toBeCloseTo(atOne, 14);
  view.select(60);
  const inside = view.rows.value.reduce((sum, row) => sum + Number(row.outlineDigits.value), 0);
  expect(view.outline.value.outside + inside).toBeCloseTo(1, 9);
});

test("draws that follow the same probabilities, and others", () => {
  const view = instrument([2, 1, 0.1], { temperature: 0.5 });
  view.pin();
  expect(view.comparison.value!.same).toBe(true);
  view.change({ truncation: { top_k: 1 } });
  // Only what A gives to the other two would differ.
  const { variation } = view.comparison.value!;
  expect(variation).toBeCloseTo(1 - view.frame.value.top, 14);
  expect(view.drawn.value.percent(1)).toBe("0 %");
  expect(view.pinned.value!.drawn.percent(1)).toBe("11.69 %");
  expect(view.drawn.value.percent(0)).toBe("100 %");
});

test("no probability is said to be 0 or 1 that is not", () => {
  const view = instrument([0, 800]);
  expect([0, 1].map((item) => view.drawn.value.percent(item))).toEqual(["< 1e−321 %", "> 99.99 %"]);
  view.change({ temperature: 0 });
  expect([0, 1].map((item) => view.drawn.value.percent(item))).toEqual(["0 %", "100 %"]);
});
