/** The page draws the logits that Python draws. */
import { describe, expect, test } from "vitest";
import vectors from "../../tests/vectors/random.json";
import { freshSeed, randomLogits } from "../src/math/random";

describe("random logits", () => {
  test.each(vectors)("of seed $seed from $start", ({ seed, start, logits }) => {
    const drawn = randomLogits(start + logits.length, seed);
    expect(Array.from(drawn.subarray(start))).toEqual(logits);
  });
});

test("a fresh seed has at most ten digits", () => {
  const seeds = new Set(Array.from({ length: 100 }, freshSeed));
  expect(seeds.size).toBeGreaterThan(90);
  for (const seed of seeds)
    expect(Number.isInteger(seed) && seed >= 0 && seed < 2 ** 32).toBe(true);
});
