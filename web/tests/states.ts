/** States for tests. */
import { randomLogits } from "../src/math/random";
import type { State } from "../src/model/state";

const PLAIN = {
  labels: null,
  temperature: 1,
  source: null,
  row: null,
  target: null,
  seed: null,
  tail: null,
  truncation: {},
  scale: "full",
} as const;

export function stateOf(logits: Iterable<number>, change: Partial<State> = {}): State {
  return { ...PLAIN, logits: Float64Array.from(logits), ...change };
}

export function drawn(n: number, seed: number, change: Partial<State> = {}): State {
  return { ...PLAIN, logits: randomLogits(n, seed), seed, ...change };
}
