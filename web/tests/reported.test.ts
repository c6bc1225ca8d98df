/** Intervals of reported distributions: whole distributions lie inside, and some reach the ends. */
import { describe, expect, test } from "vitest";
import vectors from "../../tests/vectors/reported.json";
import { randomLogits } from "../src/math/random";
import { Bounds, Reported, type Tail, temperaturesFor } from "../src/math/reported";

const TEMPERATURES = [0, 1e-300, 0.05, 0.3, 0.5, 0.7, 0.99, 1, 1.01, 1.3, 2, 50, 1e300, Infinity];
const sum = (values: Iterable<number>) => Array.from(values).reduce((a, b) => a + b, 0);

/** A sum of many numbers that loses nothing of them (Neumaier, 1974). */
function exactSum(values: Iterable<number>): number {
  let [total, lost] = [0, 0];
  for (const value of values) {
    const next = total + value;
    lost += Math.abs(total) >= Math.abs(value) ? total - next + value : value - next + total;
    total = next;
  }
  return total + lost;
}

/** A distribution of which the first `size` are reported; `drawn` is one of the others that is reported too. */
interface Whole {
  readonly probabilities: readonly number[];
  readonly size: number;
  readonly drawn?: number;
  readonly temperature?: number;
}

const isReported = ({ size, drawn }: Whole, k: number) => k < size || k === drawn;

function reported(whole: Whole, change: Partial<Tail> = {}): Reported {
  const { probabilities, size, temperature = 1 } = whole;
  const known = probabilities.filter((_, k) => isReported(whole, k));
  const tail = {
    mass: sum(probabilities.filter((_, k) => !isReported(whole, k))),
    cap: Math.log(probabilities[size - 1]!),
    count: probabilities.length - known.length,
    temperature,
    delta: 0,
    ...change,
  };
  return new Reported(
    Float64Array.from(known, (p) => temperature * Math.log(p)),
    tail,
  );
}

/** The definition, quicker for few numbers than a `Distribution`. */
function plainSoftmax(logits: readonly number[], temperature: number, add = sum): number[] {
  const top = Math.max(...logits);
  const weights = logits.map((logit) => {
    if (logit === -Infinity) return 0;
    return logit === top ? 1 : Math.exp((logit - top) / temperature);
  });
  const total = add(weights);
  return weights.map((weight) => weight / total);
}

/** What the whole distribution has at a temperature. */
function truth({ probabilities, size, drawn, temperature = 1 }: Whole, at: number, add = sum) {
  const p = plainSoftmax(
    probabilities.map((q) => temperature * Math.log(q)),
    at,
    add,
  );
  return {
    known: p.filter((_, k) => k < size || k === drawn),
    entropy: add(p.map((q) => (q === 0 ? 0 : -q * Math.log(q)))),
    tail: add(p.filter((_, k) => !(k < size || k === drawn))),
  };
}

/** Fails unless the truth is inside of every interval. */
function holds(
  whole: Whole,
  change: Partial<Tail> = {},
  published = reported(whole, change),
  spare = 1e-12,
  add = sum,
) {
  const bounds = new Bounds();
  for (const temperature of TEMPERATURES) {
    published.at(temperature, bounds);
    const { known, entropy, tail } = truth(whole, temperature, add);
    const inside = (name: string, low: number, value: number, high: number) => {
      const slack = spare * (1 + Math.abs(value));
      if (low <= value + slack && value <= high + slack) return;
      const about = `T = ${temperature}, ${JSON.stringify(whole).slice(0, 500)}`;
      expect.fail(`${name}: ${value} is not in [${low}, ${high}], ${about}`);
    };
    known.forEach((p, k) => {
      const weight = bounds.weight(published.logits[k]!);
      inside(`p${k}`, bounds.low(weight), p, bounds.high(weight));
    });
    const all = sum(Array.from(published.logits, (logit) => bounds.weight(logit)));
    inside("kept", bounds.low(all), add(known), bounds.high(all));
    inside("tail", bounds.tailLow, tail, bounds.tailHigh);
    inside("entropy", bounds.entropyLow, entropy, bounds.entropyHigh);
    inside("top", bounds.topSurprisalLow, -Math.log(known[0]!), bounds.topSurprisalHigh);
  }
}

/** Random distributions: the highest first, the tail at most the last reported. */
function* wholes(count: number): Generator<Whole> {
  for (let seed = 0; seed < count; seed++) {
    const random = Array.from(randomLogits(64, seed));
    const next = () => random.pop()!;
    const size = 1 + Math.floor(next() * 6);
    const others = 1 + Math.floor(next() * 12);
    const spread = 10 ** (2 * next() - 1.3);
    const logits = Array.from({ length: size + others }, () => -Math.log(next()) * spread * 3);
    logits.sort((a, b) => b - a);
    const kind = seed % 5;
    // Ties at the top, at the cap, and a tail of equals.
    if (kind === 1) logits[1] = logits[0]!;
    if (kind === 2) logits.fill(logits[size - 1]!, size, size + 1 + Math.floor(others * next()));
    if (kind === 3) logits.fill(logits.at(-1)!, size);
    const drawn = kind === 4 && others > 1 ? { drawn: size + others - 1 } : {};
    const probabilities = plainSoftmax(logits, 1);
    yield { probabilities, size, temperature: [1, 0.7, 1.6][seed % 3]!, ...drawn };
  }
}

describe("the truth is inside", () => {
  test("of random distributions", () => {
    for (const whole of wholes(3000)) holds(whole);
  });

  test.each([20, 1000])("of %i of 50,257 tokens, with nothing to spare", (size) => {
    const logits = Array.from(randomLogits(50_257, 5), (x) => 3 * x - 2 * Math.log(1.01 - x));
    const probabilities = plainSoftmax(
      logits.sort((a, b) => b - a),
      1,
      exactSum,
    );
    const whole = { probabilities, size };
    const mass = exactSum(probabilities.slice(size));
    for (const count of [probabilities.length - size, Infinity]) {
      holds(whole, { mass, count }, reported(whole, { mass, count }), 0, exactSum);
    }
  });

  test("where the vocabulary is not known", () => {
    for (const whole of wholes(500)) holds(whole, { count: Infinity });
  });

  test("where the log-probabilities are rounded", () => {
    for (const whole of wholes(1000)) {
      const { probabilities, size, temperature = 1 } = whole;
      const cut = Array.from(reported(whole).logits, (z) => Number((z / temperature).toFixed(2)));
      const missing = 1 - sum(cut.map(Math.exp));
      const tail = {
        mass: missing,
        cap: cut[size - 1]!,
        count: probabilities.length - cut.length,
        temperature,
        delta: 0.005,
      };
      const logits = Float64Array.from(cut, (log) => log * temperature);
      holds(whole, {}, new Reported(logits, tail));
    }
  });

  test("where a drawn token is far less likely than the cap", () => {
    for (const far of [1e-5, 1e-30, 1e-300]) {
      for (const rest of [
        [0.3, 0.3, 0.1],
        [0.7 / 3, 0.7 / 3, 0.7 / 3],
      ]) {
        holds({ probabilities: [0.3, ...rest, far], size: 1, drawn: 4 });
      }
    }
  });

  test("where everything is reported", () => {
    const whole = { probabilities: [0.5, 0.3, 0.2], size: 3 };
    holds(whole);
    const { entropyLow, entropyHigh } = reported(whole).at(0.4);
    expect(entropyHigh).toBeCloseTo(entropyLow, 12);
  });
});

describe("the ends are reached", () => {
  const known = [0.4, 0.2, 0.1];
  const spread = [...known, ...Array.from({ length: 12 }, () => 0.3 / 12)];
  const heaped = [...known, 0.1, 0.1, 0.1, ...Array.from({ length: 9 }, () => 0)];
  const wholeOf = (probabilities: number[]): Whole => ({ probabilities, size: 3 });

  test.each([0, 0.3, 0.8, 1, 1.5, 4])("of each probability, at T = %f", (temperature) => {
    const bounds = reported(wholeOf(spread)).at(temperature);
    const ends = [spread, heaped].map((all) => truth(wholeOf(all), temperature).known);
    known.forEach((p, k) => {
      const weight = bounds.weight(Math.log(p));
      const [low, high] = ends.map((end) => end[k]!).sort((a, b) => a - b);
      expect(bounds.low(weight)).toBeCloseTo(low!, 12);
      expect(bounds.high(weight)).toBeCloseTo(high!, 12);
    });
  });

  test.each([1, 1.5, 4, Infinity])("of the entropy, at T = %f", (temperature) => {
    const { entropyLow, entropyHigh } = reported(wholeOf(spread)).at(temperature);
    expect(entropyLow).toBeCloseTo(truth(wholeOf(heaped), temperature).entropy, 12);
    expect(entropyHigh).toBeCloseTo(truth(wholeOf(spread), temperature).entropy, 12);
  });

  test.each([0.3, 0.5, 0.7, 0.9])("of the entropy by a real number of tokens, at T = %f", (t) => {
    const { entropyLow, entropyHigh } = reported(wholeOf(spread)).at(t);
    let [least, most] = [Infinity, -Infinity];
    // Of tails that have k tokens at the cap and j others, a real number of each.
    const weight = (p: number) => p ** (1 / t);
    const entropy = (groups: [number, number][]) => {
      const all = sum(groups.map(([count, p]) => count * weight(p)));
      return sum(
        groups.map(([count, p]) => {
          const part = weight(p) / all;
          return part > 0 ? -count * part * Math.log(part) : 0;
        }),
      );
    };
    const ones = known.map((p): [number, number] => [1, p]);
    for (let step = 0; step <= 20_000; step++) {
      const full = (3 * step) / 20_000;
      const others = 12 - full;
      least = Math.min(
        least,
        entropy([...ones, [full, 0.1], [others, Math.max(0, 0.3 - 0.1 * full) / others]]),
      );
      const count = 3 + (9 * step) / 20_000;
      most = Math.max(most, entropy([...ones, [count, 0.3 / count]]));
    }
    expect(entropyLow).toBeCloseTo(least, 7);
    expect(entropyHigh).toBeCloseTo(most, 7);
  });
});

test("at the server's temperature, reported probabilities are as reported", () => {
  const bounds = reported({ probabilities: [0.5, 0.2, 0.1, 0.1, 0.1], size: 2 }).at(1);
  expect(bounds.low(bounds.weight(Math.log(0.5)))).toBeCloseTo(0.5, 12);
  expect(bounds.high(bounds.weight(Math.log(0.5)))).toBeCloseTo(0.5, 12);
});

test("without a vocabulary, only T below the server's bounds the entropy", () => {
  const published = reported(
    { probabilities: [0.5, 0.2, 0.1, 0.1, 0.1], size: 2 },
    { count: Infinity },
  );
  expect(published.at(0.5).entropyHigh).toBeLessThan(3);
  for (const temperature of [1, 2, Infinity]) {
    expect(published.at(temperature).entropyHigh).toBe(Infinity);
  }
  expect(published.at(2).low(1)).toBe(0);
});

describe("the temperature for a wanted value", () => {
  const published = reported({ probabilities: [0.4, 0.2, 0.1, 0.1, 0.1, 0.1], size: 3 });

  test.each(["entropy", "perplexity", "top"] as const)("is an interval: %s", (measure) => {
    for (const whole of wholes(40)) {
      const one = reported(whole);
      for (const temperature of [0.4, 0.9, 1, 1.7]) {
        const { known, entropy } = truth(whole, temperature);
        // Next to 1, a probability has lost the digits that tell the temperature.
        if (measure === "top" && known[0]! > 0.999) continue;
        const value = { entropy, perplexity: Math.exp(entropy), top: known[0]! }[measure];
        const [low, high] = temperaturesFor(one, measure, value)!;
        expect(low).toBeLessThanOrEqual(temperature * (1 + 1e-7));
        expect(high).toBeGreaterThanOrEqual(temperature * (1 - 1e-7));
      }
    }
  });

  test("ends where a bound has the value", () => {
    const [low, high] = temperaturesFor(published, "entropy", 1.2)!;
    expect(published.at(low).entropyHigh).toBeCloseTo(1.2, 10);
    expect(published.at(high).entropyLow).toBeCloseTo(1.2, 10);
  });

  test("is none where no tail has the value", () => {
    expect(temperaturesFor(published, "entropy", 5)).toBeNull();
    expect(temperaturesFor(published, "top", 0.1)).toBeNull();
    expect(temperaturesFor(published, "top", 1)).toEqual([0, 0]);
    expect(temperaturesFor(published, "entropy", NaN)).toBeNull();
  });
});

describe("the vectors that Python has too", () => {
  test.each(vectors)("$name", (one) => {
    const { logprobs, vocabulary, applied_temperature: server, delta } = one;
    const read = (value: number | string) => Number(String(value).replace("inf", "Infinity"));
    // Probabilities of the tail, as precise as 1 - their sum allows.
    const mass = Math.max(
      0,
      logprobs.reduce((left, log) => left - Math.exp(log), 1),
    );
    const tail = {
      mass,
      cap: Math.min(...logprobs),
      count: vocabulary === null ? Infinity : vocabulary - logprobs.length,
      temperature: server,
      delta,
    };
    const logits = Float64Array.from(logprobs, (log) => log * server);
    const bounds = new Reported(logits, tail).at(read(one.temperature));
    const weights = Array.from(logits, (logit) => bounds.weight(logit));
    const got = {
      softmax: [weights.map((w) => bounds.low(w)), weights.map((w) => bounds.high(w))],
      not_reported: [bounds.tailLow, bounds.tailHigh],
      entropy: [bounds.entropyLow, bounds.entropyHigh],
    };
    /** Within rounding: 1 - the sum has lost digits of a small tail. */
    const near = (value: number, other: number | string) => {
      const wanted = read(other);
      if (wanted === Infinity) expect(value).toBe(Infinity);
      else expect(Math.abs(value - wanted)).toBeLessThanOrEqual(1e-9 + 1e-6 * wanted);
    };
    if (one.inside !== undefined) {
      const { softmax, not_reported, entropy } = one.inside;
      softmax.forEach((value, k) => {
        expect(got.softmax[0]![k]!).toBeLessThanOrEqual(value);
        expect(got.softmax[1]![k]!).toBeGreaterThanOrEqual(value);
      });
      expect(got.not_reported[0]).toBeLessThanOrEqual(not_reported);
      expect(got.not_reported[1]).toBeGreaterThanOrEqual(not_reported);
      expect(got.entropy[0]).toBeLessThanOrEqual(entropy);
      expect(got.entropy[1]).toBeGreaterThanOrEqual(entropy);
      return;
    }
    for (const end of [0, 1]) {
      one.softmax![end]!.forEach((value, k) => {
        near(got.softmax[end]![k]!, value);
      });
      near(got.not_reported[end]!, one.not_reported![end]!);
      near(got.entropy[end]!, one.entropy![end]!);
    }
  });
});
