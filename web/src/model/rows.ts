/**
 * The protocol by which the page asks for rows: `RowSource.answer` in
 * `thermoscope/explorer/browse.py` is the other end, and `tests/vectors/rows.json` holds both to it.
 */
import type { WrittenState } from "./state";

/**
 * "uncertain": the highest entropy at T = 1 first; "wrong": mistakes first, the surest at the top;
 * "bin:7:0.5": of all rows those whose confidence at T = 0.5 is in bin 7, as they are given.
 */
export type Order = Sorted | `bin:${number}:${string}`;
type Sorted = "given" | "uncertain" | "wrong";

/** What a passage of the text is: the prompt, or what a model made of it. */
export type Kind = "prompt" | "reasoning" | "answer" | "refusal";

/** What is known of a text before its chunks are there. */
export interface AboutSequence {
  /** The temperature that the server applied. */
  readonly temperature: number;
  /** How many tokens its model has; null if that is not known. */
  readonly vocabulary: number | null;
  /** Where each passage starts, and what it is. */
  readonly passages: readonly (readonly [start: number, kind: Kind])[];
  /** Whether the server says that it reports what its own sampler has left. */
  readonly processed?: boolean;
}

/** Some positions that follow one another, as Python writes them. */
export interface WrittenChunk {
  readonly start: number;
  /** How many log-probabilities are written for each position. */
  readonly width: number;
  /** How many of these it has: 0 if the server's answer can't be read there. */
  readonly sizes: readonly number[];
  /** Which entry of its row was drawn; -1 if that is not known. */
  readonly drawn: readonly number[];
  /** Which of the log-probabilities that is. */
  readonly places: readonly number[];
  /** The texts of the drawn tokens; tokens that only together are a character have its text. */
  readonly texts: readonly string[];
  /** Which part of its text each token is, from 0. */
  readonly parts: readonly number[];
  readonly logprobs: string;
  /** The logarithm of the probability of all other tokens. */
  readonly rest: string;
  /** How far a log-probability of the position may be from the true one. */
  readonly deltas: string;
}

/** What is known about the rows before the first request. */
export interface About {
  readonly count: number;
  readonly orders: readonly Sorted[];
  /** There if the rows are positions of a text. */
  readonly sequence?: AboutSequence;
  /** Whether there are targets, and so a reliability. */
  readonly reliability?: boolean;
}

/** A row, by its place in an order that is complete, or by its number. */
export type Wanted =
  | { readonly order: Order; readonly place: number }
  | { readonly order: Order; readonly row: number };

/**
 * A request for a row, for the progress of an order, or for the reliability at all stops of the sliders
 * or at a temperature. With `labels`, the answer has the labels that all rows have in common.
 */
export type Query =
  | (Wanted & { readonly labels?: "all" })
  | { readonly order: Order }
  /** A chunk of the text from a position on, or all of its rows. */
  | { readonly sequence: number }
  | { readonly rows: number }
  | { readonly reliability: string };

/** How many rows have been read for an order: all of them once it is complete. */
export interface Progress {
  readonly done: number;
  /** How many rows a complete order has, if not all. */
  readonly size?: number;
}

/** Reliability at some temperatures, in ascending order; arrays are in base64. */
export interface WrittenReliability {
  /** How many rows count. */
  readonly n: number;
  readonly temperatures: string;
  /**
   * For each temperature NLL, ECE, and of the ECE that right probabilities would show the mean and the
   * 95 % value; then of all bins the rows, the confidences, the accuracies, and the lower and upper ends
   * of where the accuracy would be.
   */
  readonly values: string;
  /** The fitted temperature and its interval. */
  readonly fit?: string;
  /** Why there is no fit, or what it lacks. */
  readonly reason?: string;
}

/** The answer to a request for the reliability. */
export type Found = Progress | { readonly found: WrittenReliability };

/** Waits until it is time to ask for the progress again. */
export function later(): Promise<void> {
  return new Promise((over) => setTimeout(over, 200));
}

/** A row in its written form; labels that all rows have in common are left out. */
export type WrittenRow = Omit<WrittenState, "labels"> & {
  readonly labels?: WrittenState["labels"];
  readonly row: number;
  readonly place: number;
};

/** Rows that are fetched one at a time. */
export interface Rows extends About {
  /** Resolves to a `WrittenRow`, a `Progress` or a `WrittenChunk`, or rejects with an error whose message is for the user. */
  ask(query: Query): Promise<unknown>;
}
