import { describe, expect, test } from "vitest";
import { Distribution, softmax } from "../src/definition";
import written from "../../tests/vectors/softmax.json";

type Written = number | "inf" | "-inf" | "nan";

interface Vector {
  name: string;
  logits: Written[];
  temperature: Written;
  softmax: Written[];
  entropy: Written;
}

const vectors = written as Vector[];

const NAMES = { inf: Infinity, "-inf": -Infinity, nan: NaN };
const read = (written: Written): number =>
  typeof written === "number" ? written : NAMES[written];

/** How far apart two doubles of one sign are, in units in the last place. */
function ulps(a: number, b: number): number {
  const bits = (x: number) => new BigInt64Array(Float64Array.of(Math.abs(x)).buffer)[0]!;
  return Object.is(a, b) || a === b ? 0 : Math.abs(Number(bits(a) - bits(b)));
}

const exactlyTheRule = (temperature: number) => temperature === 0 || temperature === Infinity;

describe.each(vectors)("$name", (vector) => {
  const logits = Float64Array.from(vector.logits, read);
  const temperature = read(vector.temperature);

  test("softmax is within 2 ulp of exact arithmetic", () => {
    const got = softmax(logits, temperature);
    vector.softmax.map(read).forEach((want, item) => {
      if (Number.isNaN(want)) expect(got[item]).toBeNaN();
      else if (want === 0 || exactlyTheRule(temperature)) expect(got[item]).toBe(want);
      else expect(ulps(got[item]!, want), `item ${item}: ${got[item]}, not ${want}`).toBeLessThanOrEqual(2);
    });
  });

  test("entropy is within 1e-12 of exact arithmetic", () => {
    const want = read(vector.entropy);
    const got = new Distribution(logits).at(temperature).entropy;
    if (Number.isNaN(want)) expect(got).toBeNaN();
    else expect(Math.abs(got - want)).toBeLessThanOrEqual(1e-12 * want);
  });
});

test("the weight of a window and of what is outside of it add up at every cut", () => {
  const logits = Float64Array.from({ length: 300 }, (_, item) => 40 * Math.sin(item * item));
  const distribution = new Distribution(logits);
  for (const temperature of [0, 0.01, 1, 30, 1e4, Infinity]) {
    const { probability } = distribution.at(temperature);
    for (const [first, last] of [[0, 300], [0, 20], [1, 2], [100, 130], [280, 300], [0, 0]] as const) {
      let inside = 0;
      for (let rank = first; rank < last; rank++) {
        inside += probability(logits[distribution.order[rank]!]!);
      }
      const frame = distribution.at(temperature, first, last);
      expect(frame.outside + inside).toBeCloseTo(1, 13);
      expect(frame.sum).toBeCloseTo(1, 13);
    }
  }
});

test("order goes down, ties stay in the order given, and a NaN comes first", () => {
  const order = (logits: number[]) => [...new Distribution(Float64Array.from(logits)).order];
  expect(order([1, 3, 2, 3])).toEqual([1, 3, 2, 0]);
  expect(order([-Infinity, 0, Infinity, -Infinity, Infinity])).toEqual([2, 4, 1, 0, 3]);
  expect(order([5, NaN, 7])).toEqual([1, 2, 0]);
});

test("the sum of 262,144 probabilities is 1 at every temperature of the slider", () => {
  const size = 262144;
  const logits = Float64Array.from({ length: size }, (_, item) => (item * 0.6180339887498949) % 1);
  const distribution = new Distribution(logits);
  for (let exponent = -4; exponent <= 4; exponent += 2) {
    const { probability } = distribution.at(10 ** exponent);
    let sum = 0;
    for (const logit of logits) sum += probability(logit);
    expect(sum).toBeCloseTo(1, 10);
  }
});

test("a bad temperature is named", () => {
  const distribution = new Distribution(Float64Array.of(1, 2));
  expect(() => distribution.at(-1)).toThrow("temperature must be >= 0, got -1");
  expect(() => distribution.at(NaN)).toThrow("temperature must be >= 0, got NaN");
});

test("order is that of a sort which compares, over the whole range of doubles", () => {
  const bits = new BigUint64Array(2000);
  let seed = 1n;
  for (let i = 0; i < bits.length; i++) {
    seed = (seed * 6364136223846793005n + 1442695040888963407n) & 0xffffffffffffffffn;
    bits[i] = seed;
  }
  const doubles = new Float64Array(bits.buffer);
  const small = doubles.map((_, i) => (i % 7) - 3 + (i % 5 === 0 ? 0.5 : 0));
  const zeros = Float64Array.of(-0, 0, 5e-324, -5e-324, -0, 0, Infinity, -Infinity);
  for (const logits of [doubles.filter((z) => !Number.isNaN(z)), small, zeros]) {
    const want = [...logits.keys()].sort((a, b) => logits[b]! - logits[a]! || a - b);
    expect([...new Distribution(logits).order]).toEqual(want);
  }
});

test("chunks of lanes weigh what their lanes weigh, at every temperature of the slider", () => {
  const logits = Float64Array.from({ length: 20_000 }, (_, i) => 12 * Math.sin(i) ** 3 + (i % 3));
  const distribution = new Distribution(logits);
  for (let exponent = -4; exponent <= 4; exponent += 0.1) {
    const { probability, entropy } = distribution.at(10 ** exponent);
    let sum = 0;
    let plain = 0;
    for (const item of [...distribution.order].reverse()) {
      const p = probability(logits[item]!);
      sum += p;
      if (p > 0) plain -= p * Math.log(p);
    }
    expect(Math.abs(sum - 1), `sum at 10^${exponent}`).toBeLessThan(1e-13);
    expect(Math.abs(plain - entropy), `entropy at 10^${exponent}`).toBeLessThan(1e-12);
  }
});
