/** Whether a sampler may draw a reported token: never surer than the data, and never wrong. */
import { expect, test } from "vitest";
import { type Drawn, type Fate, rankWithTail, sampler } from "../src/math/allowed";
import { Distribution } from "../src/math/definition";
import { ENGINES, type Settings, stepsOf, takes } from "../src/math/engines";
import { randomLogits } from "../src/math/random";
import { Reported } from "../src/math/reported";
import { Truncation } from "../src/math/truncation";

const SIZE = 60;

/** A token of a distribution, as a server that applied T₀ reports it beside the `k` likeliest. */
function reported(full: Distribution, rank: number, k: number, applied: number): Drawn {
  const { logits, order } = full;
  const { probability } = full.at(applied);
  const ranks = [...Array(k).keys(), ...(rank < k ? [] : [rank])];
  const probabilities = ranks.map((each) => probability(logits[order[each]!]!));
  const mass = 1 - probabilities.reduce((sum, each) => sum + each, 0);
  const z = Float64Array.from(probabilities, (each) => applied * Math.log(each));
  const tail = {
    mass: Math.max(0, mass),
    cap: Math.log(probabilities[k - 1]!),
    count: Infinity,
    temperature: applied,
    delta: 0,
  };
  const place = Math.min(rank, k);
  const more = rank < k ? 0 : Math.floor((mass / probabilities[k]!) * (1 + 1e-9));
  return { reported: new Reported(z, tail), place, rank: [place + 1, place + 1 + more] };
}

test("no more tokens are ahead than there are", () => {
  const tail = { mass: 0.5, cap: -1, temperature: 1, delta: 0 };
  expect(rankWithTail({ ...tail, count: Infinity }, 255, -10)).toEqual([256, 256 + 11013]);
  expect(rankWithTail({ ...tail, count: 1792 }, 255, -10)).toEqual([256, 2048]);
});

const STEPS: readonly Settings[] = [
  {},
  { top_k: 5 },
  { top_k: 20 },
  { top_p: 0.5 },
  { top_p: 0.95 },
  { min_p: 0.1 },
  { epsilon: 0.02 },
  { eta: 0.05 },
  { typical_p: 0.7 },
  { top_n_sigma: 1 },
  { top_k: 12, top_p: 0.8, min_p: 0.02 },
  { top_k: 30, top_p: 0.9 },
  { top_p: 0.9, min_p: 0.3, order: ["top_p", "temperature", "min_p"] },
  { typical_p: 0.5, top_k: 3 },
  { typical_p: 0.4, min_p: 0.3 },
  { typical_p: 0.3, min_p: 0.5, order: ["typical_p", "temperature", "min_p"] },
  { typical_p: 1 },
];

const CASES = [undefined, ...Object.keys(ENGINES)].flatMap((engine) =>
  STEPS.filter((settings) =>
    Object.entries(settings).every(
      ([rule, value]) =>
        rule === "order" ||
        engine === undefined ||
        takes(ENGINES[engine]!, rule as never, value as number),
    ),
  ).map((settings) => ({ ...settings, ...(engine !== undefined && { engine }) })),
);

test.each(CASES)("%j", (settings) => {
  const found: Record<Fate, number> = { kept: 0, dropped: 0, undecided: 0 };
  for (let seed = 0; seed < 8; seed++) {
    const spread = randomLogits(SIZE, seed).map((u) => -4 * Math.log(1 - u));
    // Tokens that tie, also those reported with those that are not.
    const logits = seed < 4 ? spread : spread.map((logit) => Math.round(logit / 2));
    const full = new Distribution(logits);
    const temperatures = seed < 4 ? [0, 0.3, 1, 1.7] : [0.3, 1, 1.7];
    for (const temperature of stepsOf(settings).includes("temperature") ? temperatures : [1]) {
      const kept = new Truncation(full).at(temperature, settings);
      const judge = sampler(temperature, settings);
      for (const applied of [1, 0.7]) {
        for (const k of [2, 10, 40]) {
          for (const rank of [0, 1, 2, 4, 8, 11, 25, 50]) {
            const fate = judge(reported(full, rank, k, applied));
            found[fate]++;
            // At T = 0 all that has no probability could not have been written.
            const isKept = kept.keeps(rank) && (temperature > 0 || rank === 0);
            if (fate !== "undecided") expect(fate).toBe(isKept ? "kept" : "dropped");
          }
        }
      }
    }
  }
  expect(found.kept > 0).toBe((settings.typical_p ?? 1) === 1);
  const isDecided = !("eta" in settings || "typical_p" in settings || "top_n_sigma" in settings);
  // Most can be told where the step needs no more than the leading tokens.
  if (isDecided) expect(found.kept + found.dropped).toBeGreaterThan(found.undecided);
});

test("of tokens that tie for the last place, all stay or the first ones", () => {
  const full = new Distribution(Float64Array.of(3, 2, 2, 2, 1));
  const fates = (settings: Settings) => {
    const judge = sampler(1, settings);
    return [0, 1, 2, 3].map((rank) => judge(reported(full, rank, 4, 1)));
  };
  expect(fates({ top_k: 2 })).toEqual(["kept", "kept", "kept", "kept"]);
  expect(fates({ top_k: 2, ties: "k" })).toEqual(["kept", "kept", "dropped", "dropped"]);
  expect(fates({ top_p: 0.6, engine: "llama.cpp" }).slice(0, 3)).toEqual([
    "kept",
    "kept",
    "dropped",
  ]);
  expect(fates({ top_p: 0.6 })).toEqual(["kept", "kept", "kept", "kept"]);
});
