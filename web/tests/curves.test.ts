import { signal } from "@preact/signals";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Distribution, softmax } from "../src/math/definition";
import type { Settings } from "../src/math/engines";
import { along, SCALES, type ScaleName, written } from "../src/math/scales";
import { Truncation } from "../src/math/truncation";
import { curvesOf, nucleusOf } from "../src/model/curves";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function curves(logits: number[], name: ScaleName = "full", isDragged = false) {
  const distribution = signal(new Distribution(Float64Array.from(logits)));
  const found = curvesOf(distribution, signal(null), signal(name), signal(isDragged));
  return { distribution, found };
}

test.each(["full", "0-2"] as const)("the lines are softmax at the temperatures of %s", (name) => {
  const logits = Float64Array.from({ length: 30 }, (_, i) => Math.sin(3 * i));
  const { distribution, found } = curves([...logits], name);
  vi.runAllTimers();
  const { places, leading, others, entropy } = found.value!;
  const scale = SCALES[name];
  expect([places[0], places.at(-1)]).toEqual([0, 1]);
  expect(leading).toHaveLength(8);
  for (const [i, place] of places.entries()) {
    const stop = scale.min + place * (scale.max - scale.min);
    const temperature =
      name === "0-2" ? stop : place === 0 ? 0 : place === 1 ? Infinity : 10 ** stop;
    const expected = softmax(logits, temperature);
    for (const [rank, line] of leading.entries()) {
      expect(line[i]).toBeCloseTo(expected[distribution.value.order[rank]!]!, 9);
    }
    const shown = leading.reduce((sum, line) => sum + line[i]!, 0);
    expect(shown + others![i]!).toBeCloseTo(1, 12);
    const nats = -expected.reduce((sum, p) => sum + (p > 0 ? p * Math.log(p) : 0), 0);
    expect(entropy[i]! * Math.log(30)).toBeCloseTo(nats, 9);
  }
});

test("few items have no line of others, one item an entropy of 0, and a NaN no curves", () => {
  const [two, one, nan] = [curves([1, 2]), curves([5]), curves([1, NaN])];
  vi.runAllTimers();
  expect(two.found.value!.others).toBeNull();
  expect(one.found.value!.entropy.every((value) => value === 0)).toBe(true);
  expect(nan.found.value).toBeNull();
});

test("long work is done in slices, and new logits give it up", () => {
  const clock = vi.spyOn(performance, "now");
  let now = 0;
  clock.mockImplementation(() => (now += 3)); // the second look at the clock ends a slice
  const { distribution, found } = curves([3, 1, 2]);
  expect(found.value).toBeNull();
  vi.advanceTimersToNextTimer();
  expect(found.value).toBeNull();
  distribution.value = new Distribution(Float64Array.of(0, 0));
  vi.runAllTimers();
  expect(found.value!.leading.map((line) => line[0])).toEqual([0.5, 0.5]);
  clock.mockRestore();
});

test("what changes again and again is computed once it rests, and a drag is followed", () => {
  const [played, dragged] = [curves([3, 1, 2]), curves([3, 1, 2], "full", true)];
  const isThere = () => [played, dragged].map(({ found }) => found.value !== null);
  expect(isThere()).toEqual([true, true]);
  for (let k = 0; k < 5; k++) {
    vi.advanceTimersByTime(30);
    for (const { distribution } of [played, dragged]) {
      distribution.value = new Distribution(Float64Array.of(k, 0));
    }
    expect(isThere()).toEqual([false, true]);
  }
  vi.advanceTimersByTime(200);
  expect(isThere()).toEqual([true, true]);
  expect(played.found.value).toEqual(dragged.found.value);
});

test("the nucleus has the size that top_p alone keeps at each temperature", () => {
  const logits = Float64Array.from({ length: 30 }, (_, i) => Math.sin(3 * i));
  const truncation = signal(new Truncation(new Distribution(logits)));
  const settings = signal<Settings>({ top_p: 0.8, top_k: 2 });
  const scale = signal<ScaleName>("0-2");
  const nucleus = nucleusOf(truncation, settings, scale, signal(false));
  vi.runAllTimers();
  const sizes = nucleus.value!.map((part) => Math.round(30 ** part));
  const sizeAt = (temperature: number) => {
    const sorted = softmax(logits, temperature).sort().reverse();
    let sum = 0;
    const last = sorted.findIndex((probability) => {
      sum += probability;
      return sum >= 0.8;
    });
    return last + 1;
  };
  expect(sizes[0]).toBe(1);
  expect(sizes[80]).toBe(sizeAt(1));
  expect(sizes.at(-1)).toBe(sizeAt(2));
  expect(sizes.at(-1)).toBeGreaterThan(sizes[80]!);

  // A step besides changes nothing; before the temperature, the size is that at T = 1.
  const { value: before } = nucleus;
  settings.value = { top_p: 0.8, top_k: 3 };
  vi.runAllTimers();
  expect(nucleus.value).toBe(before);
  settings.value = { top_p: 0.8, engine: "llama.cpp" };
  vi.runAllTimers();
  expect(new Set(nucleus.value!.slice(1))).toEqual(new Set([before![80]]));
  settings.value = { top_k: 3 };
  expect(nucleus.value).toBeNull();
  settings.value = { top_p: 0.8 };
  truncation.value = new Truncation(new Distribution(Float64Array.of(1, NaN)));
  vi.runAllTimers();
  expect(nucleus.value).toBeNull();
});

test.each([
  ["full", 0, "-4.1", 0],
  ["full", 1e-4, "-4", 1e-4],
  ["full", 0.72, "-0.1", 0.7943],
  ["full", 1, "0", 1],
  ["full", 1e9, "4", 1e4],
  ["full", Infinity, "4.1", Infinity],
  ["0-2", 0, "0", 0],
  ["0-2", 0.7, "0.7", 0.7],
  ["0-2", 0.123, "0.12", 0.12],
  ["0-2", 30, "2", 2],
] as const)("on the scale %s, T = %d is at the stop %s", (name, temperature, stop, there) => {
  const scale = SCALES[name];
  expect(written(scale, scale.stopOf(temperature))).toBe(stop);
  expect(scale.temperatureAt(Number(stop))).toBe(there);
  expect(along(scale, scale.min)).toBe(0);
  expect(along(scale, scale.max)).toBe(1);
});
