// placeholder with the final interface; being written
export interface Frame {
  readonly temperature: number;
  /** Shannon entropy in nats. */
  readonly entropy: number;
  /** exp(entropy). */
  readonly perplexity: number;
  /** The highest probability. */
  readonly top: number;
  /** What the ranks outside of [first, last) hold together. */
  readonly outside: number;
  /** The sum of all probabilities: what is inside, added up, and what is outside. */
  readonly sum: number;
  /** The probability of an item with this logit: O(1). */
  probability(logit: number): number;
}
export declare class Distribution {
  constructor(logits: Float64Array);
  readonly logits: Float64Array;
  /** order[rank] is the item (index into logits), highest logit first, ties in the order given. */
  readonly order: Uint32Array;
  /** One pass over the logits, nothing allocated but the frame. */
  at(temperature: number, first?: number, last?: number): Frame;
}
export declare function softmax(logits: Float64Array, temperature: number): Float64Array;
