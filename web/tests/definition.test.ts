import { describe, expect, test } from "vitest";
import written from "../../tests/vectors/softmax.json";
import { Distribution, softmax } from "../src/math/definition";

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
const read = (written: Written): number => (typeof written === "number" ? written : NAMES[written]);

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
      else
        expect(
          ulps(got[item]!, want),
          `item ${item}: ${got[item]}, not ${want}`,
        ).toBeLessThanOrEqual(2);
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
    for (const [first, last] of [
      [0, 300],
      [0, 20],
      [1, 2],
      [100, 130],
      [280, 300],
      [0, 0],
    ] as const) {
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

test("chunks of entries sum to what their entries sum to, at every temperature of the slider", () => {
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

/**
 * softmax in whole numbers of 200 bits after the point, which shares nothing with definition.ts.
 * exp(x) = 2^-power mantissa, for x = (z - max) / T as an exact fraction.
 */
const BITS = 200n;
const ONE = 1n << BITS;
const LOG_2 = (() => {
  let sum = 0n;
  for (let k = 1n; k <= BITS; k++) sum += (ONE >> k) / k;
  return sum;
})();

/** A finite double as a whole number of 2^-1074. */
function whole(x: number): bigint {
  const bits = new BigUint64Array(Float64Array.of(x).buffer)[0]!;
  const exponent = (bits >> 52n) & 0x7ffn;
  const fraction = bits & ((1n << 52n) - 1n);
  const magnitude = exponent === 0n ? fraction : (fraction | (1n << 52n)) << (exponent - 1n);
  return x < 0 ? -magnitude : magnitude;
}

/** For each entry how far `got` is from exact arithmetic, in ulp, of a subnormal in 2^-1074. */
function errorsInUlp(logits: Float64Array, temperature: number, got: Float64Array): number[] {
  const max = whole(Math.max(...logits));
  const exponential = (z: number) => {
    const x = ((max - whole(z)) << BITS) / whole(temperature);
    const power = x / LOG_2;
    // exp(-r) by 2^8 squarings of a series of r / 2^8, with 32 more bits.
    const r = ((x % LOG_2) << 32n) >> 8n;
    const one = ONE << 32n;
    let term = one;
    let sum = one;
    for (let k = 1n; term !== 0n; k++) {
      term = -(term * r) / (one * k);
      sum += term;
    }
    for (let k = 0; k < 8; k++) sum = (sum * sum) / one;
    return { power, mantissa: sum >> 32n };
  };
  const known = new Map([...new Set(logits)].map((z) => [z, exponential(z)]));
  const exponentials = Array.from(logits, (z) => known.get(z)!);
  let total = 0n;
  for (const { power, mantissa } of exponentials) total += mantissa >> power;
  return exponentials.map(({ power, mantissa }, entry) => {
    // Both times 2^power and 2^200: p lies between 2^-20 and 2 then.
    const p = (mantissa << BITS) / total;
    const shift = power + BITS - 1074n;
    const scaled = whole(got[entry]!);
    const mine = shift >= 0n ? scaled << shift : scaled >> -shift;
    const exponent = BigInt(p.toString(2).length - 1) - BITS - power;
    const spacing = exponent - 52n > -1074n ? exponent - 52n : -1074n;
    const distance = mine > p ? mine - p : p - mine;
    // Eight bits more than the spacing's own tell hundredths of it.
    const unit = spacing + power + BITS;
    return unit >= 8n
      ? Number(distance >> (unit - 8n)) / 256
      : Number(distance) / 2 ** Number(unit);
  });
}

describe("random rows against whole numbers of 200 bits", () => {
  let seed = 20;
  const draw = () => {
    // mulberry32
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const uniform = (low: number, high: number) => low + (high - low) * draw();
  const row = (size: number, entry: (index: number) => number) =>
    Float64Array.from({ length: size }, (_, index) => entry(index));
  const size = (low: number, high: number) => Math.floor(uniform(low, high + 1));

  const kinds: Record<string, (temperature: number) => Float64Array> = {
    "few entries": (t) => row(size(1, 8), () => t * uniform(-4, 4)),
    "tens of entries, some without probability": (t) =>
      row(size(9, 60), () => t * uniform(-760, 0) * draw()),
    "a common offset": (t) => {
      const offset = t * 10 ** uniform(0, 9);
      return row(size(2, 60), () => offset + t * uniform(-4, 4));
    },
    "one entry dominates": (t) => row(size(2, 60), (i) => (i === 0 ? t * 30 : t * uniform(-9, 9))),
    "near ties": (t) => row(size(2, 60), () => 3 * t * (1 + size(0, 30) * 2 ** -52)),
    "chunks, entry by entry": (t) => row(size(64, 160), () => t * uniform(-60, 0)),
    "chunks by their series": (t) => row(size(64, 160), () => t * uniform(-1, 0)),
    "chunks, both ways": (t) => row(size(64, 160), () => t * Math.tan(uniform(0, 1.5))),
    "chunks of chunks": (t) => row(size(300, 700), () => t * uniform(-1, 0)),
    // Few values, because the oracle takes its time for each.
    "chunks of those": (t) => row(size(2100, 6000), () => (t * size(-400, 0)) / 256),
    "evenly spaced entries": (t) => {
      const step = (t * uniform(0.3, 0.7)) / 31;
      return row(size(64, 160), (i) => -step * i);
    },
    "differences that round alike": (t) => {
      const max = t * uniform(5, 8);
      const other = max * 2 ** -54 * uniform(-2, 2);
      return row(size(500, 2000), (i) => (i === 0 ? max : other));
    },
    "subnormal results": (t) => row(size(2, 60), (i) => (i === 0 ? 0 : t * uniform(-746, -700))),
  };

  test.each(Object.entries(kinds))("%s: 2 ulp, a subnormal 1 of its spacing", (_, kind) => {
    for (let round = 0; round < 40; round++) {
      const temperature = 10 ** uniform(-4, 4);
      const logits = kind(temperature);
      const got = softmax(logits, temperature);
      errorsInUlp(logits, temperature, got).forEach((error, entry) => {
        const bound = got[entry]! < 2 ** -1022 ? 1 : 2;
        if (error <= bound) return;
        const what = `entry ${entry}, ${logits[entry]}, of [${logits.slice(0, 9)} ...]`;
        throw new Error(`${what} at ${temperature} is ${error} ulp off`);
      });
    }
  });

  test("and the oracle counts: a neighbour of the nearest double is 0.5 to 1.5 ulp off", () => {
    const logits = Float64Array.of(0.3, 0.7, -600, -740);
    const got = softmax(logits, 1);
    const exact = errorsInUlp(logits, 1, got);
    expect(Math.max(...exact)).toBeLessThan(0.6);
    const bits = new BigInt64Array(got.slice().buffer).map((pattern) => pattern + 1n);
    const next = new Float64Array(bits.buffer);
    for (const error of errorsInUlp(logits, 1, next)) {
      expect(error).toBeGreaterThan(0.4);
      expect(error).toBeLessThan(1.6);
    }
  });
});
