/** How an instrument is shown where it is a part of something else: a page, a lesson, a slide. */

/** The parts that can be hidden. docs/page.md says what each of them is. */
export const PARTS = [
  "title",
  "items",
  "history",
  "share",
  "help",
  "rows",
  "temperature",
  "sentence",
  "text",
  "search",
  "logits",
  "edit",
  "softmax",
  "curves",
  "reliability",
  "readings",
  "sampler",
  "why",
  "draws",
  "compare",
  "lesson",
  "engines",
  "values",
] as const;
export type PartName = (typeof PARTS)[number];

/** What can be locked, so that the user can't change it. */
export const LOCKS = ["items", "logits", "sampler", "temperature"] as const;
export type LockName = (typeof LOCKS)[number];

export interface Frame {
  /** The parts that are not shown. */
  readonly hide?: readonly PartName[];
  /** What the user can't change. */
  readonly lock?: readonly LockName[];
  /** Whether the instrument is a part of another page: then it has no title and no padding. */
  readonly embed?: boolean;
  /** The tasks of the page, packed, where the page can have any. */
  readonly activity?: string;
  /** Whether the page makes the tasks, and does not set them. */
  readonly edit?: boolean;
}
