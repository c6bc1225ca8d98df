/** A text as its tokens: what the page makes of the chunks of a sequence. */
import { describe, expect, test, vi } from "vitest";
import type { Settings } from "../src/math/engines";
import { Instrument } from "../src/model/instrument";
import type { AboutSequence, Rows, WrittenChunk } from "../src/model/rows";
import type { Colour } from "../src/model/sequence";
import { tokenText } from "../src/model/token";
import { memoryHost } from "./memory";
import { stateOf } from "./states";

function base64({ buffer }: Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer>): string {
  return btoa(String.fromCharCode(...new Uint8Array(buffer)));
}

const floats = (values: readonly number[]) => base64(Float32Array.from(values));
const doubles = (values: readonly number[]) => base64(Float64Array.from(values));

/** A position by its probabilities, the likeliest first, and the place of the drawn token. */
interface Given {
  readonly probabilities: readonly number[];
  readonly place: number;
  readonly text?: string;
  readonly part?: number;
}

function chunk(given: readonly Given[], start = 0): WrittenChunk {
  const width = Math.max(...given.map(({ probabilities }) => probabilities.length));
  const rows = given.map(({ probabilities }) =>
    Array.from({ length: width }, (_, k) => Math.log(probabilities[k] ?? 0)),
  );
  const rest = given.map(({ probabilities }) =>
    probabilities.length === 0 ? -Infinity : Math.log(1 - probabilities.reduce((a, b) => a + b)),
  );
  return {
    start,
    width,
    sizes: given.map(({ probabilities }) => probabilities.length),
    drawn: given.map(({ place }) => place),
    places: given.map(({ place }) => place),
    parts: given.map(({ part = 0 }) => part),
    texts: given.map(({ text = "x" }) => text),
    logprobs: floats(rows.flat()),
    rest: doubles(rest),
    deltas: doubles(given.map(() => 0)),
  };
}

const HALF = { probabilities: [0.5, 0.25, 0.125], place: 1, text: " Paris" };
const EXTRA = { probabilities: [0.5, 0.25, 2 ** -10], place: 2 };
const WHOLE = { probabilities: [0.5, 0.5], place: 0 };
const UNREADABLE = { probabilities: [], place: -1, text: "?" };
const UNKNOWN = { probabilities: [0.5, 0.25], place: -1, text: "" };

async function shown(
  given: readonly Given[],
  change: { truncation?: Settings; temperature?: number } = {},
  applied = 1,
  passages: AboutSequence["passages"] = [[0, "answer", ""]],
) {
  const parts = [given.slice(0, 2), given.slice(2)].filter((part) => part.length > 0);
  const asked: unknown[] = [];
  const rows: Rows = {
    count: given.length,
    orders: ["given"],
    sequence: { temperature: applied, vocabulary: null, passages },
    async ask(query) {
      asked.push(query);
      return "sequence" in query
        ? chunk(parts[query.sequence === 0 ? 0 : 1]!, query.sequence)
        : null;
    },
  };
  const instrument = new Instrument(memoryHost(stateOf([1, 2], { row: 0, ...change }), rows));
  const sequence = instrument.sequence!;
  await vi.waitUntil(() => sequence.loaded.value === given.length);
  return { instrument, sequence, asked };
}

test("rows that are no text have no sequence", () => {
  const rows: Rows = { count: 2, orders: ["given"], ask: async () => null };
  expect(new Instrument(memoryHost(stateOf([1, 2]), rows)).sequence).toBeNull();
});

test("it is read chunk by chunk", async () => {
  const { sequence, asked } = await shown([HALF, EXTRA, WHOLE]);
  expect(asked).toEqual([{ sequence: 0 }, { sequence: 2 }]);
  expect(sequence.at(0).text).toBe(" Paris");
  expect([sequence.itemOf(0), sequence.itemOf(2), sequence.itemOf(null)]).toEqual([1, 0, -1]);
});

test("each passage goes on from its own prompt", async () => {
  const passages = [
    [0, "prompt", ""],
    [1, "answer", "2 + 2 ="],
    [3, "answer", ""],
  ] as const;
  const { sequence } = await shown([HALF, EXTRA, WHOLE, WHOLE], {}, 1, passages);
  expect([0, 1, 2, 3].map((row) => sequence.promptOf(row))).toEqual(["", "2 + 2 =", "2 + 2 =", ""]);
});

test("an error of the server is told", async () => {
  const rows: Rows = {
    count: 2,
    orders: ["given"],
    sequence: { temperature: 1, vocabulary: null, passages: [] },
    ask: async () => Promise.reject(new Error("many.json: gone")),
  };
  const { sequence } = new Instrument(memoryHost(stateOf([1, 2]), rows));
  await vi.waitUntil(() => sequence!.error.value !== "");
  expect(sequence!.error.value).toBe("many.json: gone");
});

describe("a token in words", () => {
  test.each([
    [HALF, "“ Paris”, rank 2, 2 bits, entropy at least 1.7 bits"],
    // 0.2490 may hold 255 tokens as likely as this one.
    [EXTRA, "“x”, rank 3 to 258, 10 bits, entropy at least 1.5 bits"],
    [WHOLE, "“x”, rank 1, 1 bits, entropy 1 bits"],
    [UNREADABLE, "“?”, not reported"],
    [UNKNOWN, "“(empty)”, entropy at least 1.5 bits"],
    [{ ...WHOLE, text: "☕", part: 1 }, "the rest of “☕”, rank 1, 1 bits, entropy 1 bits"],
    [{ ...WHOLE, text: "\n" }, "“\\n”, rank 1, 1 bits, entropy 1 bits"],
  ])("%o", async (given, words) => {
    const { sequence } = await shown([given]);
    expect(tokenText(sequence, 0)).toBe(`token 1 of 1, ${words}`);
  });

  test("says between what its numbers lie at another temperature", async () => {
    const { instrument, sequence } = await shown([HALF]);
    instrument.change({ temperature: 0.5 });
    // Weights 1/4, 1/16, 1/64 and a tail of up to 1/64.
    expect(tokenText(sequence, 0)).toContain("rank 2, 2.39 to 2.46 bits");
    instrument.change({ temperature: 2 });
    expect(tokenText(sequence, 0)).toContain(
      "rank 2, at least 1.9 bits, entropy at least 1.9 bits",
    );
    instrument.change({ temperature: 0 });
    expect(tokenText(sequence, 0)).toContain("rank 2, ∞ bits, entropy 0 bits");
  });

  test("says what the sampler makes of it", async () => {
    const { instrument, sequence } = await shown([HALF, EXTRA]);
    instrument.change({ truncation: { top_k: 1 } });
    expect(tokenText(sequence, 0)).toMatch(/, the sampler could not write it$/);
    instrument.change({ truncation: { top_k: 2 } });
    expect(tokenText(sequence, 0)).toMatch(/, the sampler could write it$/);
    instrument.change({ truncation: { top_k: 50 } });
    expect(tokenText(sequence, 1)).toMatch(/, can't be told whether the sampler/);
  });
});

test("the temperature that the server applied is that of what it reported", async () => {
  const { instrument, sequence } = await shown([HALF], { temperature: 0.5 }, 0.5);
  expect(tokenText(sequence, 0)).toContain("rank 2, 2 bits");
  instrument.change({ temperature: 0.25 });
  expect(tokenText(sequence, 0)).toContain("rank 2, 2.39 to 2.46 bits");
});

test.each<[Colour, number, number[]]>([
  ["surprisal", 1, [2, 4, 1, -1, -1]],
  ["entropy", 1, [2, 2, 1, -1, 2]],
  ["rank", 1, [1, 4, 0, -1, -1]],
  ["sampler", 1, [0, 1, 0, -1, -1]],
  ["sampler", 0, [2, 2, 0, -1, -1]],
])("levels of %s at T = %d", async (colour, temperature, levels) => {
  const { sequence } = await shown([HALF, EXTRA, WHOLE, UNREADABLE, UNKNOWN], {
    temperature,
    truncation: { top_k: 40 },
  });
  sequence.colour.value = colour;
  expect(levels.map((_, k) => sequence.level(sequence.at(k)))).toEqual(levels);
});

test("what the sampler could not have written is counted", async () => {
  const { instrument, sequence } = await shown([HALF, EXTRA, WHOLE, UNREADABLE, UNKNOWN]);
  expect(sequence.verdict.value).toEqual({ known: 3, dropped: 0, undecided: 0 });
  instrument.change({ truncation: { top_k: 1 } });
  expect(sequence.verdict.value).toEqual({ known: 3, dropped: 2, undecided: 0 });
  instrument.change({ truncation: { top_k: 100 } });
  expect(sequence.verdict.value).toEqual({ known: 3, dropped: 0, undecided: 1 });
});

test("lines along the text follow the temperature at rest", async () => {
  const { instrument, sequence } = await shown([HALF, EXTRA, WHOLE, UNREADABLE, UNKNOWN]);
  await vi.waitUntil(() => sequence.along.value?.surprisal.length === 5);
  const { surprisal, entropy } = sequence.along.value!;
  expect(surprisal[0]).toBeCloseTo(2 * Math.LN2, 6);
  expect(entropy[2]).toBeCloseTo(Math.LN2, 6);
  expect([surprisal[3], surprisal[4], entropy[3]]).toEqual([NaN, NaN, NaN]);
  instrument.change({ temperature: 0.5 }, false);
  expect(sequence.along.value!.temperature).toBe(1);
  await vi.waitUntil(() => sequence.along.value!.temperature === 0.5);
  // All have 5.25 times its weight, or 5.5 times with a tail of one token.
  const middle = (Math.log(5.25) + Math.log(5.5)) / 2;
  expect(sequence.along.value!.surprisal[0]).toBeCloseTo(middle, 6);
});

test("of a long text, the count goes on while the page is idle", async () => {
  const { instrument, sequence } = await shown(Array.from({ length: 300 }, () => HALF));
  let time = 0;
  vi.spyOn(performance, "now").mockImplementation(() => {
    time += 5;
    return time;
  });
  instrument.change({ temperature: 0.5 });
  expect(sequence.verdict.value).toBeNull();
  // Another change begins again.
  instrument.change({ temperature: 0, truncation: { top_k: 1 } });
  await vi.waitUntil(() => sequence.verdict.value !== null);
  expect(sequence.verdict.value).toEqual({ known: 300, dropped: 300, undecided: 0 });
  vi.restoreAllMocks();
});
