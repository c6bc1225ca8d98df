/** Truncation by the shared vectors, and what only the front end has. */
import { describe, expect, test } from "vitest";
import written from "../../tests/vectors/truncation.json";
import { Distribution } from "../src/math/definition";
import { ENGINES, type Settings, takes } from "../src/math/engines";
import { Truncation, totalVariation } from "../src/math/truncation";

const NAMES: Record<string, number> = { inf: Infinity, "-inf": -Infinity, nan: NaN };
const number = (written: number | string): number =>
  typeof written === "string" ? NAMES[written]! : written;

const truncate = (logits: number[], temperature: number, settings: Settings) =>
  new Truncation(new Distribution(Float64Array.from(logits))).at(temperature, settings);

function expectClose(got: number, want: number, tolerance = 1e-14) {
  if (Number.isNaN(want)) expect(got).toBeNaN();
  else expect(Math.abs(got - want)).toBeLessThanOrEqual(tolerance * want);
}

test.each(written)("$name", (vector) => {
  const kept = truncate(
    vector.logits.map(number),
    number(vector.temperature),
    vector.settings as Settings,
  );
  const { order } = kept.distribution;
  const items = [...order].filter((_, rank) => kept.keeps(rank)).sort((a, b) => a - b);
  expect(items).toEqual(vector.kept);
  expect(kept.count).toBe(vector.kept.length);
  expect(kept.temperature).toBe(number(vector.counts_as));
  expectClose(kept.mass, number(vector.mass));
  expectClose(kept.entropy, number(vector.entropy), 1e-12);
  const probabilities = kept.probabilities();
  vector.probabilities.forEach((want, item) => {
    expectClose(probabilities[item]!, number(want));
  });
  expect(Array.from(order, (_, rank) => kept.probability(rank))).toEqual(
    Array.from(order, (item) => probabilities[item]!),
  );
});

describe("the ranks that are kept", () => {
  const tied = [...Array(24).fill(0), ...Array(4).fill(2 * Math.LN2)];

  test("are leading ones", () => {
    expect(truncate(tied, 1, { top_k: 3, ties: "k" })).toMatchObject({
      start: 0,
      count: 3,
      ranks: null,
    });
  });
  test("or begin later after typical_p", () => {
    const kept = truncate(tied, 1, { typical_p: 0.5 });
    expect(kept).toMatchObject({ start: 4, count: 24, ranks: null });
    expectClose(kept.mass, 0.6);
  });
  test("or have a gap where only some of a tie are kept", () => {
    const kept = truncate(tied, 1, { typical_p: 0.65, engine: "llama.cpp" });
    expect(kept.start).toBe(0);
    expect(Array.from(kept.ranks!)).toEqual([0, ...Array.from({ length: 24 }, (_, k) => k + 4)]);
  });
  test("and in a long row the sums are those of single items", () => {
    const long = Array.from({ length: 20_000 }, (_, item) => 8 * Math.sin(item * item));
    for (const settings of [{ top_p: 0.8 }, { typical_p: 0.8 }, { typical_p: 0.1, eta: 1e-4 }]) {
      for (const temperature of [0.5, 1, 30, Infinity]) {
        const kept = truncate(long, temperature, settings);
        const p = kept.probabilities();
        expectClose(kept.sum(0, Infinity), 1);
        expectClose(
          p.reduce((sum, one) => sum + one),
          1,
          1e-12,
        );
        expectClose(
          p.reduce((sum, one) => (one > 0 ? sum - one * Math.log(one) : sum), 0),
          kept.entropy,
          1e-12,
        );
      }
    }
  });
});

describe("the total variation", () => {
  const halves = [4, 3, 2, 1, 1].map((z) => z * Math.LN2);
  const at = (settings: Settings, temperature = 1, logits = halves) =>
    truncate(logits, temperature, settings);
  const long = new Truncation(
    new Distribution(Float64Array.from({ length: 5000 }, (_, item) => 9 * Math.sin(item * item))),
  );

  test.each([
    ["of one and the same", at({}), at({}), 0],
    ["of two rows", at({ top_k: 1 }), at({ top_k: 1 }, 1, [...halves].reverse()), 1],
    // 2/3, 1/3 and 4/7, 2/7, 1/7.
    ["of an item more", at({ top_k: 2 }), at({ top_k: 3 }), 1 / 7],
    ["of the end T = 0", at({}), at({}, 0), 1 / 2],
  ])("%s", (_, a, b, want) => {
    expect(totalVariation(a, b)).toBeCloseTo(want, 14);
    expect(totalVariation(b, a)).toBeCloseTo(want, 14);
  });

  test("of one distribution is half of the sum of all differences", () => {
    const all: Settings[] = [
      {},
      { top_p: 0.7 },
      { top_k: 40, engine: "vllm" },
      { typical_p: 0.3 },
      { typical_p: 0.4, engine: "llama.cpp" },
      { typical_p: 0.01, order: ["typical_p", "temperature"] },
    ];
    const kept = [0, 0.05, 1, 1.1, 300, Infinity].flatMap((t) =>
      all.map((settings) => long.at(t, settings)),
    );
    for (const a of kept) {
      const p = a.probabilities();
      for (const b of kept) {
        const q = b.probabilities();
        const want = p.reduce((sum, one, item) => sum + Math.abs(one - q[item]!) / 2, 0);
        expect(Math.abs(totalVariation(a, b) - want)).toBeLessThan(1e-12);
      }
    }
  });
});

describe("what an engine does not take", () => {
  test.each<[string, number, Settings]>([
    ["temperature", NaN, {}],
    ["temperature", -1, {}],
    ["temperature", 2, { top_k: 1, order: ["top_k"] }],
    ["engine", 1, { engine: "toString" }],
    ["ties", 1, { engine: "llama.cpp", ties: "all" }],
    ["eta", 1, { engine: "vllm", eta: 0.1 }],
    ["top_p", 1, { top_p: 1.5 }],
    ["top_k", 1, { top_k: 1.5 }],
    ["order", 1, { top_k: 1, order: ["temperature"] }],
    ["order", 1, { order: ["temperature", "top_k"] }],
    ["order", 1, { top_k: 1, order: ["top_k", "top_k"] }],
  ])("%s at T = %d: %j", (name, temperature, settings) => {
    expect(() => truncate([1, 2], temperature, settings)).toThrow(name);
  });

  test.each([
    ["sglang", "top_k", [-1, 1], [-2, 0, 0.5]],
    ["transformers", "typical_p", [0.1, 1], [0, 1.1, NaN]],
    ["transformers", "eta", [0, 0.9], [1, -0.1]],
    ["llama.cpp", "top_n_sigma", [-3, 0, 3], [Infinity, -Infinity, NaN]],
  ] as const)("%s takes of %s %j, not %j", (name, rule, some, others) => {
    const engine = ENGINES[name]!;
    expect(some.filter((value) => !takes(engine, rule, value))).toEqual([]);
    expect(others.filter((value) => takes(engine, rule, value))).toEqual([]);
  });
});
