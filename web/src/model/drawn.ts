import type { Kept } from "../math/truncation";
import { percent } from "../text/format";
import { afterText } from "./sampler";
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
    const rank = this.kept.distribution.order.indexOf(item);
    return this.kept.keeps(rank) ? afterText(this.kept, rank) : percent(0);
  }
}
