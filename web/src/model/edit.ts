/**
 * Edits of the items. Edited logits are the user's own: no seed draws them, and they are no row of a
 * file. Items keep their labels, also where none were given.
 */

import { strings } from "../text/strings";
import { GIVEN, type Items, LETTERS, labelOf } from "./state";

/** An item gets another logit. */
export function withLogit(items: Items, item: number, logit: number): Items {
  return { ...items, logits: items.logits.with(item, logit), source: GIVEN, row: null, seed: null };
}

/** An item gets another label. The logits stay what they were drawn or read as. */
export function withLabel(items: Items, item: number, label: string): Items {
  return { ...items, labels: labelsOf(items).with(item, label) };
}

/** One more item at the end, with the logit 0. */
export function withAdded(items: Items): Items {
  const labels = labelsOf(items);
  const used = new Set(labels);
  let at = labels.length;
  while (used.has(LETTERS[at] ?? String(at))) at++;
  return edited(items, [...items.logits, 0], [...labels, LETTERS[at] ?? String(at)], items.target);
}

/** A copy of an item after it. */
export function withCopy(items: Items, item: number): Items {
  const places = Array.from(items.logits.keys()).toSpliced(item + 1, 0, item);
  const { logits, labels, target } = arranged(items, places);
  return edited(items, logits, labels.with(item + 1, strings.edit.copy(labels[item]!)), target);
}

/** All items but one. */
export function withoutItem(items: Items, item: number): Items {
  const { logits, labels, target } = arranged(
    items,
    Array.from(items.logits.keys()).toSpliced(item, 1),
  );
  return edited(items, logits, labels, target);
}

/** An item moves to another place, and those between make room. */
export function withMoved(items: Items, from: number, to: number): Items {
  const places = Array.from(items.logits.keys()).toSpliced(from, 1).toSpliced(to, 0, from);
  const { logits, labels, target } = arranged(items, places);
  return edited(items, logits, labels, target);
}

function labelsOf(items: Items): readonly string[] {
  return items.labels ?? Array.from(items.logits, (_, item) => labelOf(items, item));
}

/** The items at some places, in their order. */
function arranged(items: Items, places: readonly number[]) {
  const labels = labelsOf(items);
  const target = places.indexOf(items.target ?? -1);
  return {
    logits: places.map((place) => items.logits[place]!),
    labels: places.map((place) => labels[place]!),
    target: target < 0 ? null : target,
  };
}

function edited(
  items: Items,
  logits: readonly number[],
  labels: readonly string[],
  target: number | null,
): Items {
  const made = { ...items, logits: Float64Array.from(logits), labels: null };
  const own = items.labels === null && labels.every((label, item) => label === labelOf(made, item));
  return { ...made, labels: own ? null : labels, source: GIVEN, row: null, target, seed: null };
}
