/** What a frame locks stays as it is; what it hides is told to the views. */
import { signal } from "@preact/signals";
import { describe, expect, test } from "vitest";
import { type Frame, PARTS } from "../src/model/frame";
import { Instrument } from "../src/model/instrument";
import type { State } from "../src/model/state";
import { memoryHost } from "./memory";
import { stateOf } from "./states";

const PETS = stateOf([1, 2], { labels: ["cat", "dog"] });

function framed(frame: Frame) {
  return new Instrument({ ...memoryHost(PETS), frame: signal(frame) });
}

describe("a change by the user", () => {
  const cooler = { temperature: 0.5 };
  const truncated = { truncation: { top_k: 1 } };
  const edited = { logits: Float64Array.of(3, 2) };
  const renamed = { labels: ["cat", "eel"] };
  const longer = { logits: Float64Array.of(1, 2, 3), labels: ["cat", "dog", "eel"] };
  const scaled = { scale: "0-2" } as const;

  test.each<[Frame["lock"], Partial<State>, boolean]>([
    [["temperature"], cooler, false],
    [["temperature"], truncated, true],
    [["temperature"], edited, true],
    [["temperature"], scaled, true],
    [["sampler"], truncated, false],
    [["sampler"], cooler, true],
    [["items"], edited, true],
    [["items"], renamed, false],
    [["items"], longer, false],
    [["items"], cooler, true],
    [["logits"], edited, false],
    [["logits"], renamed, false],
    [["logits"], cooler, true],
    [["logits", "temperature"], cooler, false],
  ])("with %j locked, %j", (lock, change, allowed) => {
    const view = framed({ lock: lock! });
    view.change(change);
    expect(view.state()).toEqual(allowed ? { ...PETS, ...change } : PETS);
    expect(view.history.canUndo.value).toBe(allowed);
  });

  test("is made in part where only a part is locked", () => {
    const view = framed({ lock: ["temperature"] });
    view.change({ ...cooler, ...truncated });
    expect(view.state()).toEqual({ ...PETS, ...truncated });
  });

  test("is not undone once it is locked", () => {
    const frame = signal<Frame>({});
    const view = new Instrument({ ...memoryHost(PETS), frame });
    view.change(cooler);
    frame.value = { lock: ["temperature"] };
    view.undo();
    expect(view.temperature.value).toBe(0.5);
  });
});

test("random logits are items", () => {
  const view = framed({ lock: ["items"] });
  view.draw(2);
  expect(view.state()).toEqual(PETS);
});

test("an embedded instrument has no title", () => {
  const hidden = (frame: Frame) => PARTS.filter((part) => !framed(frame).shows.value[part]);
  expect(hidden({})).toEqual([]);
  expect(hidden({ hide: ["why"] })).toEqual(["why"]);
  expect(hidden({ hide: ["why"], embed: true })).toEqual(["title", "why"]);
});
