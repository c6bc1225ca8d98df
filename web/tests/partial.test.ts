/** The instrument where a server reported some tokens: intervals, and no item that is not a token. */
import { describe, expect, test } from "vitest";
import { withLogit } from "../src/model/edit";
import { Instrument } from "../src/model/instrument";
import { writeLink } from "../src/model/link";
import { picture } from "../src/model/picture";
import { readState, type State, writeState } from "../src/model/state";
import { csv } from "../src/model/table";
import { measureRange, percentRange } from "../src/text/format";
import { memoryHost } from "./memory";
import { stateOf } from "./states";

const LOGITS = [0.5, 0.2, 0.1].map(Math.log);
const TAIL = { mass: 0.2, cap: Math.log(0.1), count: 97, temperature: 1, delta: 0 };

function partial(change: Partial<State> = {}): State {
  return stateOf(LOGITS, { labels: ["a", "b", "c"], tail: TAIL, source: "x.json", ...change });
}

const shown = (change: Partial<State> = {}) => new Instrument(memoryHost(partial(change)));

describe("texts", () => {
  test.each([
    [0.5, 0.5, "50.00 %"],
    [0.41234, 0.41235, "41.23 %"],
    [0.412, 0.573, "41 to 58 %"],
    [0.552, 0.5561, "55.2 to 55.7 %"],
    [0.028, 0.0719, "2.8 to 7.2 %"],
    [1e-9, 0.004, "up to 0.40 %"],
    [0.97, 1, "97 to 100 %"],
    [0, 0, "0 %"],
    [0, 1e-7, "up to 1.0e−5 %"],
  ])("of the probabilities from %f to %f", (low, high, text) => {
    expect(percentRange(low, high)).toBe(text);
  });

  test.each([
    [2.1, 2.1, "2.1000"],
    [7.65, 3568.2, "up to 3,569"],
    [76.4, 3568.2, "76 to 3,569"],
    [1.567, Infinity, "at least 1.5"],
  ])("of the measures from %f to %f", (low, high, text) => {
    expect(measureRange(low, high)).toBe(text);
  });
});

test("at the server's temperature each probability is known", () => {
  const view = shown();
  expect(view.percents.value).toEqual(["50.00 %", "20.00 %", "10.00 %"]);
  expect(view.unreportedText.value).toBe("not reported: 20.00 % among 97 tokens");
  view.highestLengths.value.forEach((length, slot) => {
    expect(length).toBeCloseTo(view.lengths.value[slot]!, 12);
  });
});

test("at another one the bars have a part that is not known", () => {
  const view = shown({ temperature: 2 });
  view.highestLengths.value.forEach((length, slot) => {
    expect(length).toBeGreaterThan(1.5 * view.lengths.value[slot]!);
  });
  expect(view.percents.value[0]).toMatch(/^\d\d to \d\d %$/);
  expect(view.rows.value.map((row) => row.percent.value)).toEqual(view.percents.value);
});

test("what is not reported never wins: at T = 0 the likeliest token has it all", () => {
  const view = shown({ temperature: 0 });
  expect(view.percents.value).toEqual(["100 %", "0 %", "0 %"]);
  expect(view.unreportedText.value).toBe("not reported: 0 % among 97 tokens");
});

test("logits of a part are not edited, and other logits have no tail", () => {
  const view = shown();
  view.edit(withLogit(view.items.value, 0, 3), 0);
  expect(view.items.value.logits[0]).toBe(LOGITS[0]);
  view.draw(5);
  expect([view.items.value.tail, view.bounds.value, view.isPartial.value]).toEqual([
    null,
    null,
    false,
  ]);
  view.undo();
  expect(view.items.value.tail).toEqual(TAIL);
});

test("steps of a sampler decide as far as it is known", () => {
  expect(shown().fates.value).toEqual([]);
  expect(shown({ truncation: { top_k: 2 } }).fates.value).toEqual(["kept", "kept", "dropped"]);
  // At T = 2 the tail may have so much that the second is needed, or not.
  expect(shown({ temperature: 2, truncation: { top_p: 0.25 } }).fates.value).toEqual([
    "kept",
    "undecided",
    "undecided",
  ]);
  expect(shown({ truncation: { top_k: 2 } }).kept.value).toBeNull();
});

test("draws and a comparison need all tokens", () => {
  const view = shown();
  view.drawing.value = { count: 10, seed: 1 };
  view.pin();
  expect([view.draws.value, view.comparison.value]).toEqual([null, null]);
});

test("the written forms have the tail, and a link does not leave it out", () => {
  const state = partial({ temperature: 2 });
  expect(readState(writeState(state))).toEqual(state);
  const unknown = partial({ tail: { ...TAIL, count: Infinity } });
  expect(readState(JSON.parse(JSON.stringify(writeState(unknown)))).tail!.count).toBe(Infinity);
  expect(writeLink(state)).toBeNull();
  const lines = csv(state).trim().split("\r\n");
  expect(lines[0]).toBe("label,logit,probability_low,probability_high");
  expect(lines).toHaveLength(5);
  expect(lines[4]).toMatch(/^"not reported",,0\.\d+,0\.\d+$/);
  const { svg } = picture(new Instrument(memoryHost(state)));
  expect(svg).toContain("stroke-dasharray");
  expect(svg).toContain("not reported: ");
});

test("a token that was drawn, alone, says nothing of the others", () => {
  const tail = { mass: 0.9, cap: 0, count: Infinity, temperature: 1, delta: 0 };
  const view = new Instrument(memoryHost(stateOf([Math.log(0.1)], { tail, temperature: 0.5 })));
  expect(view.topText.value).toBe("1.2 to 100 %");
  const { entropyLow, entropyHigh } = view.bounds.value!;
  expect([entropyLow, entropyHigh]).toEqual([0, Infinity]);
});
