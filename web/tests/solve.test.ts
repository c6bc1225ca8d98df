import { expect, test } from "vitest";
import written from "../../tests/vectors/solve.json";
import { Distribution, softmax } from "../src/math/definition";
import { ends, type Measure, temperatureFor } from "../src/math/solve";

const NAMES: Record<string, number> = { inf: Infinity, "-inf": -Infinity, nan: NaN };
const read = (written: number | string): number =>
  typeof written === "number" ? written : NAMES[written]!;
const distributionOf = (...logits: number[]) => new Distribution(Float64Array.from(logits));
const MEASURES: Record<string, Measure> = {
  entropy: "entropy",
  perplexity: "perplexity",
  top_probability: "top",
};

function expectNear(got: number, want: number, error: number): void {
  if (Number.isFinite(want)) expect(Math.abs(got - want)).toBeLessThanOrEqual(error * want);
  else expect(got).toBe(want);
}

test.each(written)(
  "$name",
  ({ logits, measure: name, value, temperature, condition = 0, ...at }) => {
    const distribution = distributionOf(...logits.map(read));
    const measure = MEASURES[name]!;
    const got = temperatureFor(distribution, measure, read(value));
    const possible = ends(distribution, measure);
    at.ends.map(read).forEach((end, i) => {
      expectNear(possible[i]!, end, 1e-15);
    });
    if (temperature === null) expect(got).toBeNull();
    else if (condition <= 1000) expectNear(got!, read(temperature), 1e-12);
    else expectNear(distribution.at(got!)[measure], read(value), 1e-12);
  },
);

test("an answer beyond the doubles is the nearest value", () => {
  const narrow = distributionOf(5e-324, 0);
  const wide = distributionOf(1e308, -1e308);
  expect(temperatureFor(narrow, "top", 0.9999)).toBe(0);
  expect(temperatureFor(narrow, "top", 0.75)).toBe(5e-324);
  expect(temperatureFor(wide, "top", 0.501)).toBe(Infinity);
  expect(temperatureFor(wide, "top", 0.75)).toBe(Number.MAX_VALUE);
});

test("NaN is no value", () => {
  for (const measure of Object.values(MEASURES)) {
    expect(temperatureFor(distributionOf(2, 1), measure, NaN)).toBeNull();
  }
});

test.each([10, 1000, 262_144])("%d items: few steps, and the value is reached", (size) => {
  const logits = Float64Array.from({ length: size }, (_, i) => 12 * Math.sin(i) ** 3 + (i % 3));
  let calls = 0;
  class Counted extends Distribution {
    override at(...view: Parameters<Distribution["at"]>) {
      calls++;
      return super.at(...view);
    }
  }
  const distribution = new Counted(logits);
  for (const place of [1e-6, 0.01, 0.3, 0.7, 0.99]) {
    const nats = place * Math.log(size);
    for (const [measure, value] of [
      ["entropy", nats],
      ["perplexity", Math.exp(nats)],
      ["top", Math.exp(-nats)],
    ] as const) {
      calls = 0;
      const temperature = temperatureFor(distribution, measure, value)!;
      expect(calls).toBeLessThanOrEqual(40);
      expectNear(distribution.at(temperature)[measure], value, 1e-12);
    }
  }
});

test("where interpolation sees nothing, halves alone find it", () => {
  // One entropy below a jump, another above it.
  for (const jump of [1e-300, 0.7, 3, 1e300]) {
    let calls = 0;
    class Jumping extends Distribution {
      override at(temperature: number, ...window: number[]) {
        calls++;
        const frame = super.at(temperature, ...window);
        if (temperature === 0 || temperature === Infinity) return frame;
        return { ...frame, entropy: temperature < jump ? 1e-9 : 0.69 };
      }
    }
    const found = temperatureFor(new Jumping(Float64Array.of(1, 0)), "entropy", 0.5)!;
    expect(Math.abs(found - jump)).toBeLessThanOrEqual(jump * 2.3e-16);
    expect(calls).toBeLessThanOrEqual(126);
  }
});

test("the probabilities at the temperature found have the wanted one on top", () => {
  const logits = Float64Array.of(2, 1, 0.1);
  const temperature = temperatureFor(new Distribution(logits), "top", 0.9)!;
  expect(softmax(logits, temperature)[0]).toBeCloseTo(0.9, 15);
});
