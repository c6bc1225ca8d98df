/** Undo and redo: one gesture is one step, and what others change is not undone. */
import { beforeEach, expect, test, vi } from "vitest";
import { History } from "../src/model/history";
import { Instrument } from "../src/model/instrument";
import type { State } from "../src/model/state";
import { memoryHost } from "./memory";
import { stateOf } from "./states";

let view: Instrument;
let written: Partial<State>[];
let elsewhere: (change: Partial<State>) => void;

beforeEach(() => {
  written = [];
  view = new Instrument({
    ...memoryHost(stateOf([1, 3, 2], { source: "given" })),
    write: (change) => written.push(change),
    subscribe(listener) {
      elsewhere = listener;
      return () => undefined;
    },
  });
  view.follow();
});

const temperature = () => view.temperature.value;
const can = () => [view.history.canUndo.value, view.history.canRedo.value];

test("a drag is one step", () => {
  for (const value of [2, 3, 4]) view.change({ temperature: value }, false);
  view.change({ temperature: 5 });
  expect(can()).toEqual([true, false]);
  view.undo();
  expect([temperature(), ...can()]).toEqual([1, false, true]);
  expect(written.at(-1)).toEqual({ temperature: 1 });
  view.redo();
  expect([temperature(), ...can()]).toEqual([5, true, false]);
  view.undo();
  view.undo();
  expect(temperature()).toBe(1);
});

test("a gesture that is undone before it ends is undone whole", () => {
  view.change({ temperature: 2 });
  view.change({ temperature: 3 }, false);
  view.undo();
  expect(temperature()).toBe(2);
});

test("gestures of a kind that follow each other are one, others are not", () => {
  vi.useFakeTimers();
  try {
    for (const value of [2, 3]) view.change({ temperature: value }, true, "slider");
    vi.advanceTimersByTime(5000);
    view.change({ temperature: 4 }, true, "slider");
    for (const value of [0, Infinity]) view.change({ temperature: value });
    const seen = [4, 3, 2, 1].map(() => {
      view.undo();
      return temperature();
    });
    expect(seen).toEqual([0, 4, 3, 1]);
  } finally {
    vi.useRealTimers();
  }
});

test("a change ends what can be redone, and no change is no step", () => {
  view.change({ temperature: 2 });
  view.undo();
  view.change({ temperature: 1 });
  expect(can()).toEqual([false, true]);
  view.change({ temperature: 3 });
  expect(can()).toEqual([true, false]);
});

test("logits come back with their labels and their source", () => {
  const before = view.items.value;
  view.draw(7);
  view.change({ truncation: { top_k: 2 } });
  view.change({ scale: "0-2" });
  view.undo();
  expect(view.scale.value).toBe("full");
  view.undo();
  expect(view.truncation.value).toEqual({});
  view.undo();
  expect(view.items.value).toEqual(before);
  view.redo();
  expect(view.count.value).toBe(7);
});

test("a change from elsewhere is not undone, nor what it has overtaken", () => {
  view.change({ temperature: 2 });
  view.change({ scale: "0-2" });
  elsewhere({ temperature: 7 });
  view.undo();
  expect([view.scale.value, temperature(), ...can()]).toEqual(["full", 7, false, true]);
  view.change({ temperature: 3 }, false);
  elsewhere({ temperature: 8 });
  view.change({ temperature: 4 });
  view.undo();
  expect(temperature()).toBe(8);
});

test("to go to another row is no step", () => {
  view.draw(2);
  view.go(stateOf([5, 6], { row: 1 }));
  expect(can()).toEqual([false, false]);
});

test("steps hold a limited number of logits", () => {
  const logits = new Float64Array(1e6);
  const history = new History(() => ({ ...stateOf([]), logits }));
  for (let n = 0; n < 20; n++) history.note({ logits: new Float64Array(1) }, true);
  let steps = 0;
  while (history.undo() !== null) steps++;
  expect(steps).toBe(8);
});
