import { Distribution, type Frame } from "../math/definition";
import { Truncation } from "../math/truncation";
import { Drawn } from "./drawn";
import type { Items, State } from "./state";

/** What was on the screen when it was pinned as A. */
export class Pinned {
  readonly frame: Frame;
  /** The softmax of each item. */
  readonly probabilities: Float64Array;
  readonly drawn: Drawn;

  constructor(readonly state: State) {
    const { logits, temperature, truncation } = state;
    const distribution = new Distribution(logits);
    this.frame = distribution.at(temperature, 0, 0);
    this.probabilities = logits.map(this.frame.probability);
    this.drawn = new Drawn(state, new Truncation(distribution).at(temperature, truncation));
  }
}

/**
 * Which item of A each item is, −1 for one that A does not have: the item with the same label, or at
 * the same place where none has a label. Null where labels don't tell: only one of the two has some,
 * or a label stands twice.
 */
export function matched(a: Items, items: Items): Int32Array | null {
  const { length } = items.logits;
  const place = (item: number) => (item < a.logits.length ? item : -1);
  if (a.labels === items.labels || sameTexts(a.labels, items.labels)) {
    return Int32Array.from({ length }, (_, item) => place(item));
  }
  if (a.labels === null || items.labels === null) return null;
  const known = new Map(a.labels.map((label, item) => [label, item]));
  if (known.size < a.labels.length || new Set(items.labels).size < length) return null;
  return Int32Array.from(items.labels, (label) => known.get(label) ?? -1);
}

function sameTexts(a: Items["labels"], b: Items["labels"]): boolean {
  return a?.length === b?.length && a?.every((label, item) => label === b![item]) === true;
}

/** An item whose probability differs; null where one of the two does not have it. */
export interface Difference {
  readonly item: number | null;
  readonly itemOfA: number | null;
  readonly size: number;
}

export interface Comparison {
  /** The total variation: the part of the draws that would differ, at the least. */
  readonly variation: number;
  /** Whether it is exactly 0, and not a rounded one. */
  readonly same: boolean;
  /** The items that differ most. */
  readonly largest: readonly Difference[];
}

const LARGEST = 3;

/** Compares what draws follow from A and now. */
export function compare(a: Float64Array, now: Float64Array, itemsOfA: Int32Array): Comparison {
  const largest: Difference[] = [];
  let sum = 0;
  let low = 0;
  let same = true;
  function add(item: number | null, itemOfA: number | null): void {
    const before = itemOfA === null ? 0 : a[itemOfA]!;
    const after = item === null ? 0 : now[item]!;
    const difference = Math.abs(before - after);
    // Compensated summation (Kahan).
    const term = difference - low;
    const next = sum + term;
    low = next - sum - term;
    sum = next;
    if (difference === 0) return;
    same = false;
    if (largest.length === LARGEST && difference <= largest[LARGEST - 1]!.size) return;
    largest.push({ item, itemOfA, size: difference });
    largest.sort((one, other) => other.size - one.size);
    largest.length = Math.min(largest.length, LARGEST);
  }

  const found = new Uint8Array(a.length);
  itemsOfA.forEach((itemOfA, item) => {
    if (itemOfA >= 0) found[itemOfA] = 1;
    add(item, itemOfA < 0 ? null : itemOfA);
  });
  found.forEach((isFound, itemOfA) => {
    if (isFound === 0) add(null, itemOfA);
  });
  return { variation: Math.min(1, sum / 2), same, largest };
}
