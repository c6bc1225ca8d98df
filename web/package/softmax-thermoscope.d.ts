/** The parameters of the sampler's steps besides the temperature. */
export interface Truncation {
  readonly top_k?: number;
  readonly top_p?: number;
  readonly min_p?: number;
  readonly typical_p?: number;
  readonly epsilon?: number;
  readonly eta?: number;
  readonly top_n_sigma?: number;
  /** The engine whose order and edge rules apply: "llama.cpp", "vllm", … */
  readonly engine?: string;
  /** The steps in their order, "temperature" among them; by default that of the engine. */
  readonly order?: readonly string[];
  /** Of the items that tie for the last place of top_k, whether all stay, or as many as make k. */
  readonly ties?: "all" | "k";
}

/** The detail of a `change` event. */
export interface Change {
  /** The state as a link, such as "logits=2,1,0.1&T=0.5"; null if that would be too long. */
  readonly state: string | null;
  /** In [0, Infinity]. */
  readonly temperature: number;
  /** False during a drag, true when it has ended. */
  readonly settled: boolean;
}

/** What the element adds to an HTMLElement. A value that is wrong throws nothing: the element tells it. */
export interface Properties {
  /** Set a text such as "2,1,0.1", or numbers; null removes the attribute. */
  get logits(): Float64Array;
  set logits(logits: string | Iterable<number> | null);
  /** Set a text such as "cat,dog,eel", or one text for each logit; null for no labels. */
  get labels(): readonly string[] | null;
  set labels(labels: string | Iterable<string> | null);
  /** In [0, Infinity]. */
  get temperature(): number;
  set temperature(temperature: number | string | null);
  /** The steps of the sampler besides the temperature; empty if nothing is truncated. */
  get truncation(): Truncation;
  set truncation(truncation: Truncation | null);
  /** All of it as a link; null if that would be too long. */
  get state(): string | null;
  set state(link: string | null);
  /** Names of parts that are not shown, with commas between them. */
  hide: string;
  /** Names of parts that can't be changed, with commas between them. */
  lock: string;
  /** The probabilities that a draw follows: the softmax, after truncation. */
  readonly probabilities: Float64Array;
}

export interface SoftmaxThermoscope extends HTMLElement, Properties {
  addEventListener(
    type: "change",
    listener: (this: SoftmaxThermoscope, event: CustomEvent<Change>) => unknown,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject,
    options?: boolean | AddEventListenerOptions,
  ): void;
}
export declare const SoftmaxThermoscope: { new (): SoftmaxThermoscope };

declare global {
  interface HTMLElementTagNameMap {
    "softmax-thermoscope": SoftmaxThermoscope;
  }
}
