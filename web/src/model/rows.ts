/**
 * The protocol by which the page asks for rows: `RowSource.answer` in
 * `thermoscope/explorer/browse.py` is the other end, and `tests/vectors/rows.json` holds both to it.
 */
import type { WrittenState } from "./state";

/** "uncertain": the highest entropy at T = 1 first; "wrong": mistakes first, the surest at the top. */
export type Order = "given" | "uncertain" | "wrong";

/** What a passage of the text is: the prompt, or what a model made of it. */
export type Kind = "prompt" | "reasoning" | "answer" | "refusal";

/** What is known of a text before its chunks are there. */
export interface AboutSequence {
  /** The temperature that the server applied. */
  readonly temperature: number;
  /** Where each passage starts, and what it is. */
  readonly passages: readonly (readonly [start: number, kind: Kind])[];
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
  /** The texts of the drawn tokens. */
  readonly texts: readonly string[];
  readonly logprobs: string;
  /** The logarithm of the probability of all other tokens. */
  readonly rest: string;
}

/** What is known about the rows before the first request. */
export interface About {
  readonly count: number;
  readonly orders: readonly Order[];
  /** There if the rows are positions of a text. */
  readonly sequence?: AboutSequence;
}

/** A row, by its place in an order that is complete, or by its number. */
export type Wanted =
  | { readonly order: Order; readonly place: number }
  | { readonly order: Order; readonly row: number };

/**
 * A request for a row, or for the progress of an order. With `labels`, the answer has the labels
 * that all rows have in common.
 */
export type Query =
  | (Wanted & { readonly labels?: "all" })
  | { readonly order: Order }
  /** A chunk of the text from a position on, or all of its rows. */
  | { readonly sequence: number }
  | { readonly rows: number };

/** How many rows have been read for an order: all of them once it is complete. */
export interface Progress {
  readonly done: number;
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
