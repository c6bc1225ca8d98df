import { randomLogits } from "../math/random";

/** Draws from a distribution. */
export interface Draws {
  /** The items in the order in which they were drawn. */
  readonly items: Uint32Array;
  /** How often each item was drawn; items that were not are left out. */
  readonly counts: ReadonlyMap<number, number>;
}

/**
 * Draws items by their probabilities: for each of `randomLogits(count, seed)`, the first item at
 * which the sum of the probabilities up to it is larger. So the same seed gives the same draws, the
 * first 10 of 100 are those of 10, and a little change of the temperature changes few of them.
 *
 * @returns null if there is no distribution
 */
export function draw(probabilities: Float64Array, count: number, seed: number): Draws | null {
  const sums = new Float64Array(probabilities.length);
  let sum = 0;
  let last = 0;
  probabilities.forEach((probability, item) => {
    sum += probability;
    sums[item] = sum;
    // Rounding may leave the last sum below 1; what has no probability is never drawn.
    if (probability > 0) last = item;
  });
  if (Number.isNaN(sum)) return null;
  const items = new Uint32Array(count);
  const counts = new Map<number, number>();
  randomLogits(count, seed).forEach((number, k) => {
    const item = Math.min(last, firstAbove(sums, number));
    items[k] = item;
    counts.set(item, (counts.get(item) ?? 0) + 1);
  });
  return { items, counts };
}

/** The first place at which rising numbers are above a number. */
function firstAbove(numbers: Float64Array, number: number): number {
  let low = 0;
  let high = numbers.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (numbers[middle]! > number) high = middle;
    else low = middle + 1;
  }
  return low;
}
