/** Edits of the items, and a distribution that follows one logit without a sort. */
import { describe, expect, test } from "vitest";
import { Distribution, soleDifference } from "../src/math/definition";
import { randomLogits } from "../src/math/random";
import {
  withAdded,
  withCopy,
  withLabel,
  withLogit,
  withMoved,
  withoutItem,
} from "../src/model/edit";
import { Instrument } from "../src/model/instrument";
import { itemsOf } from "../src/model/state";
import { memoryHost } from "./memory";
import { drawn, stateOf } from "./states";

const three = itemsOf(drawn(3, 7, { target: 1 }));
const given = { source: "given", row: null, seed: null };

test("an edited logit is the user's own; another label changes no logits", () => {
  const edited = withLogit(three, 2, 5);
  expect(edited).toMatchObject({ ...given, labels: null, target: 1 });
  expect([...edited.logits]).toEqual([...three.logits.slice(0, 2), 5]);
  expect(withLabel(three, 1, "dog")).toEqual({ ...three, labels: ["A", "dog", "C"] });
  const row = itemsOf(stateOf([1, 2], { row: 4, source: "x.csv", target: 1 }));
  expect(withLogit(row, 0, 3)).toMatchObject({ ...given, target: 1 });
  expect(withLabel(row, 0, "cat")).toMatchObject({ row: 4, source: "x.csv" });
});

test("items keep their labels and the target its item", () => {
  const removed = withoutItem(three, 0);
  expect(removed).toMatchObject({ ...given, labels: ["B", "C"], target: 0 });
  expect(withoutItem(three, 1).target).toBeNull();
  // The last letter is the only one that goes: the others are as they would be without labels.
  expect(withoutItem(three, 2)).toMatchObject({ labels: null, target: 1 });
  expect(withMoved(three, 0, 2)).toMatchObject({ labels: ["B", "C", "A"], target: 0 });
  expect(withMoved(three, 2, 1)).toMatchObject({ labels: ["A", "C", "B"], target: 2 });
  expect(withCopy(three, 0)).toMatchObject({ labels: ["A", "A (copy)", "B", "C"], target: 2 });
  expect(withCopy(three, 1)).toMatchObject({ target: 1 });
  expect(withAdded(three)).toMatchObject({ ...given, labels: null, target: 1 });
  expect(withAdded(removed).labels).toEqual(["B", "C", "D"]);
});

test("the label of a new item is new", () => {
  const many = itemsOf(drawn(26, 1));
  expect(withAdded(many).labels!.slice(-2)).toEqual(["Z", "26"]);
  expect(withAdded(itemsOf(drawn(30, 1))).labels).toBeNull();
});

describe("a distribution that follows one logit", () => {
  const values = [NaN, Infinity, -Infinity, 0, -0, 1e308, -1e308, 0.5, 0.25];

  test("is the one that is sorted anew", () => {
    for (const size of [1, 2, 32, 33, 200]) {
      // Half of the logits tie with others.
      let logits = randomLogits(size, size).map((z, i) => (i % 2 ? z : Math.round(z * 8) / 8));
      let before = new Distribution(logits);
      for (let turn = 0; turn < 60; turn++) {
        const [where, what] = randomLogits(2, turn);
        const value = turn % 3 ? what! * 2 - 0.5 : values[turn % values.length]!;
        logits = logits.with(Math.floor(where! * size), value);
        const [now, anew] = [Distribution.of(logits, before), new Distribution(logits)];
        expect(String(now.order)).toBe(String(anew.order));
        expect([now.ties, now.shrink]).toEqual([anew.ties, anew.shrink]);
        for (const temperature of [0, 0.003, 1, 70, Infinity]) {
          const [frame, expected] = [now, anew].map((one) => one.at(temperature, 3, 18));
          const { probability: _, distribution: __, ...numbers } = frame!;
          expect(expected).toMatchObject(numbers);
        }
        before = now;
      }
    }
  });

  test("is the same where nothing has changed", () => {
    const logits = Float64Array.of(1, NaN, 3);
    const before = new Distribution(logits);
    expect(Distribution.of(logits.slice(), before)).toBe(before);
    expect(soleDifference(logits, Float64Array.of(1, NaN, 4))).toBe(2);
    expect(soleDifference(logits, Float64Array.of(2, NaN, 4))).toBeNull();
    expect(soleDifference(logits, Float64Array.of(1, NaN))).toBeNull();
  });
});

describe("the window of many, while a logit is held", () => {
  const logits = randomLogits(400, 3).map((z) => 4 * z);

  test.each([0, 7, 14, 30])("has the same items, and the rest the rest, at rank %d", (rank) => {
    const view = new Instrument(memoryHost(stateOf(logits)));
    view.select(rank);
    const shown = () => view.rows.value.map((row) => row.item.value);
    const before = shown();
    const item = view.itemAt(rank);
    const axis = view.logitAxis.value;
    view.hold(item);
    for (const value of [-3, 1.7, 3.95, 4.5, 9, -Infinity, NaN, logits[item]!]) {
      view.edit(withLogit(view.items.value, item, value), item, false);
      expect(shown()).toEqual(before);
      expect(view.logitAxis.value).toBe(axis);
      if (Number.isNaN(value)) continue;
      for (const temperature of [0.01, 1, 0, Infinity]) {
        view.change({ temperature }, false);
        const inside = view.probabilities.value.reduce((sum, p) => sum + p, 0);
        expect(inside + view.frame.value.outside).toBeCloseTo(1, 12);
      }
    }
    view.edit(withLogit(view.items.value, item, 9), item);
    expect(view.selected.value).toBe(0);
    expect(shown()[0]).toBe(item);
    view.undo();
    expect(view.itemAt(view.selected.value)).toBe(item);
  });
});
