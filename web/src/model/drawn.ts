import type { Kept } from "../math/truncation";
import { percent } from "../text/format";
import type { Items } from "./state";

/** The probabilities that draws follow: the softmax after truncation. */
export class Drawn {
  readonly probabilities: Float64Array;

  constructor(
    readonly items: Items,
    private readonly kept: Kept,
  ) {
    this.probabilities = kept.probabilities();
  }

  get highest(): number {
    return this.kept.probability(this.kept.start);
  }

  /** The probability of an item as text: 0 % and 100 % only where it is exactly that. */
  percent(item: number): string {
    const { distribution, temperature, count, start } = this.kept;
    const { logits, order } = distribution;
    const isExactlyZero = (item: number) =>
      !this.kept.keeps(order.indexOf(item)) ||
      distribution.isExactlyZero(logits[item]!, temperature);
    const probability = this.probabilities[item]!;
    if (probability === 0) return percent(0, isExactlyZero(item));
    if (probability !== 1) return percent(probability);
    return percent(1, count === 1 || isExactlyZero(order[start + 1]!));
  }
}
