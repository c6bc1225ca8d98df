/**
 * What a file holds before it is decided what its columns and arrays mean, as in
 * `thermoscope/data/content.py`. A page shows one row, so that of several only the first is kept.
 */

import { parseNumber } from "../text/format";

/** Why a text or a file cannot be read, in words for the user. */
export class ReadError extends Error {}

/** Numbers or texts along some axes; "other" holds neither. */
export interface NumberArray {
  readonly of: "fractions" | "whole" | "text" | "other";
  readonly shape: readonly number[];
  /** The numbers of the first row. */
  readonly row: Float64Array;
  /** What a text array holds; labels of numbers. */
  readonly words: readonly string[] | null;
}

/** Arrays with names. */
export class Archive {
  constructor(readonly arrays: ReadonlyMap<string, NumberArray>) {}
}

export type Kind = "float" | "integer" | "text" | "list";

/** A table of columns with names. */
export interface Table {
  /** Numbers from 0 where the file has no names. */
  readonly names: readonly string[];
  readonly isNamed: boolean;
  readonly kinds: readonly Kind[];
  readonly rows: number;
  /** Columns that the file itself marks as an index. */
  readonly index: readonly number[];
  readonly notes: readonly string[];
  /** All numbers of a column. */
  numbers(column: number): Float64Array;
  /** All cells of a column of texts. */
  words(column: number): readonly string[];
  /** The first list of a column of lists. */
  list(column: number): NumberArray;
}

export type Content = NumberArray | Archive | Table;

/** Rows of text below which fractions may all be whole numbers by chance. */
export const FEWEST_WHOLE = 5;

/** The number in a cell, as Python's `float` reads it; null if it is none. */
export function cellNumber(cell: string): number | null {
  return cell.includes("∞") ? null : parseNumber(cell);
}
