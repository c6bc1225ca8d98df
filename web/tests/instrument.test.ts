import { describe, expect, test, vi } from "vitest";
import { randomLogits } from "../src/math/random";
import { Instrument } from "../src/model/instrument";
import type { State } from "../src/model/state";
import { memoryHost } from "./memory";
import { stateOf } from "./states";

function instrument(logits: number[], change: Partial<State> = {}) {
  return new Instrument(memoryHost(stateOf(logits, change)));
}

const many = Array.from({ length: 100 }, (_, i) => i / 10);

test("few items stand in the order given, many by their rank in a window", () => {
  const few = instrument([1, 3, 2]);
  expect(few.rows.value.map((row) => row.label.value)).toEqual(["A", "B", "C"]);
  // The formula is about the second highest: the power of the highest is e^0 at every temperature.
  expect(few.pointed.value).toBe(2);

  const window = instrument(many);
  expect(window.pointed.value).toBe(1);
  expect(window.rows.value[0]!.label.value).toBe("99");
  window.select(99);
  expect(window.rows.value.at(-1)!.label.value).toBe("0");
  expect(window.rows.value.length + window.rest.value).toBe(100);
});

test("the axis of the probabilities ends at 1 for few items, and just above the highest of more", () => {
  const flat = (count: number) =>
    instrument(Array.from({ length: count }, () => 0)).probabilityEnd.value;
  expect([1, 2, 10, 11, 50, 1000].map(flat)).toEqual([1, 1, 1, 0.1, 0.02, 0.001]);
});

test.each([0, 0.01, 1, 1e4, Infinity])(
  "at T = %d the window and the rest make one",
  (temperature) => {
    const view = instrument(many, { temperature });
    view.select(40);
    const shown = view.probabilities.value.reduce((sum, probability) => sum + probability, 0);
    expect(shown + view.frame.value.outside).toBeCloseTo(1, 12);
  },
);

describe("no probability is said to be 0 or 1 that is not", () => {
  test.each([
    [[0, 800], 1, ["< 1e−321 %", "> 99.99 %"]],
    [[0, 800], 0, ["0 %", "100 %"]],
    [[-Infinity, 800], 1, ["0 %", "100 %"]],
    [[0, Infinity], 1, ["0 %", "100 %"]],
    [[5], 1, ["100 %"]],
  ] as const)("%j at T = %d", (logits, temperature, texts) => {
    const view = instrument([...logits], { temperature });
    expect(view.rows.value.map((row) => row.percent.value)).toEqual(texts);
    expect(view.topText.value).toBe(texts.at(-1));
  });

  test("nor the rest", () => {
    const confident = instrument([1e6, ...many]);
    expect(confident.restText.value).toBe("< 1e−321 %");
    confident.select(60);
    expect(confident.restText.value).toBe("> 99.99 %");
    confident.change({ temperature: 0 });
    expect(confident.restText.value).toBe("100 %");
    confident.select(0);
    expect(confident.restText.value).toBe("0 %");
  });
});

test("random logits replace the given ones, which can be had again with their labels", () => {
  const view = instrument([1, 2], { labels: ["cat", "dog"], source: "pets.csv" });
  view.draw(1000);
  expect(view.count.value).toBe(1000);
  expect(view.items.value.labels).toBeNull();
  expect(view.items.value.logits.every((logit) => logit >= 0 && logit < 1)).toBe(true);
  expect(view.items.value.logits).toEqual(randomLogits(1000, view.items.value.seed!));
  view.change(view.given.value!);
  expect(view.items.value.seed).toBeNull();
  expect(view.rows.value.map((row) => row.label.value)).toEqual(["cat", "dog"]);
});

test("the host hears of what the user changes, and tells of what others change", () => {
  const listeners: ((change: Partial<State>) => void)[] = [];
  const write = vi.fn();
  const view = new Instrument({
    read: () => stateOf([1, 2]),
    write,
    subscribe: (listener) => {
      listeners.push(listener);
      return () => listeners.pop();
    },
  });
  const unfollow = view.follow();
  view.change({ temperature: 2 }, false);
  expect(write).toHaveBeenCalledExactlyOnceWith({ temperature: 2 }, false);

  listeners[0]!({ temperature: 3 });
  expect(view.temperature.value).toBe(3);
  listeners[0]!({ logits: Float64Array.of(1, 2, 3) });
  expect(view.count.value).toBe(3);
  expect(write).toHaveBeenCalledOnce();
  unfollow();
  expect(listeners).toEqual([]);
});

test("a frame costs no sort, and rows which did not change are not made again", () => {
  const view = instrument(many);
  const { value: distribution } = view.distribution;
  const { value: rows } = view.rows;
  view.change({ temperature: 0.5 });
  view.select(50);
  expect(view.distribution.value).toBe(distribution);
  expect(view.rows.value).toBe(rows);
});
