/**
 * The protocol by which the page asks for rows: `RowSource.answer` in
 * `thermoscope/explorer/rows.py` is the other end, and `tests/vectors/rows.json` holds both to it.
 */
import type { WrittenState } from "./state";

/** "uncertain": the highest entropy at T = 1 first; "wrong": mistakes first, the surest at the top. */
export type Order = "given" | "uncertain" | "wrong";

/** What is known of the rows before any is asked for. */
export interface About {
  readonly count: number;
  readonly orders: readonly Order[];
}

/** A row, by its place in an order that is complete, or by its number. */
export type Wanted =
  | { readonly order: Order; readonly place: number }
  | { readonly order: Order; readonly row: number };

/** Asks for a row, with the labels that all rows share only where they are not known; or for the progress of an order. */
export type Query = (Wanted & { readonly labels?: "all" }) | { readonly order: Order };

/** How many rows have been read for an order: all of them once it is complete. */
export interface Progress {
  readonly done: number;
}

/** A row as it is written; labels which all rows share are left out. */
export type WrittenRow = Omit<WrittenState, "labels"> & {
  readonly labels?: WrittenState["labels"];
  readonly row: number;
  readonly place: number;
};

/** Rows that are handed over one at a time. */
export interface Rows extends About {
  /** Resolves to a `WrittenRow` or a `Progress`, or rejects with an error whose message is for the user. */
  ask(query: Query): Promise<unknown>;
  /** Where the keys that step are pressed: by default within the instrument. */
  readonly keys?: EventTarget | undefined;
}
