/**
 * The protocol by which the page asks for rows: `RowSource.answer` in
 * `thermoscope/explorer/browse.py` is the other end, and `tests/vectors/rows.json` holds both to it.
 */
import type { WrittenState } from "./state";

/** "uncertain": the highest entropy at T = 1 first; "wrong": mistakes first, the surest at the top. */
export type Order = "given" | "uncertain" | "wrong";

/** What is known about the rows before the first request. */
export interface About {
  readonly count: number;
  readonly orders: readonly Order[];
}

/** A row, by its place in an order that is complete, or by its number. */
export type Wanted =
  | { readonly order: Order; readonly place: number }
  | { readonly order: Order; readonly row: number };

/**
 * A request for a row, or for the progress of an order. With `labels`, the answer has the labels
 * that all rows have in common.
 */
export type Query = (Wanted & { readonly labels?: "all" }) | { readonly order: Order };

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
  /** Resolves to a `WrittenRow` or a `Progress`, or rejects with an error whose message is for the user. */
  ask(query: Query): Promise<unknown>;
}
