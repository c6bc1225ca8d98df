import { withAdded, withCopy, withMoved, withoutItem } from "../model/edit";
import type { Instrument } from "../model/instrument";
import { count, spoken } from "../text/format";
import { strings } from "../text/strings";

/** What buttons and keys do to the selected item; each says what was done. */

export function add(instrument: Instrument): void {
  if (!instrument.canArrange.peek()) return;
  const last = instrument.count.peek();
  instrument.edit(withAdded(instrument.items.peek()), last);
  instrument.tell(strings.edit.added(spoken(instrument.label(last))));
}

export function copy(instrument: Instrument): void {
  if (!instrument.canArrange.peek()) return;
  const item = instrument.itemAt(instrument.selected.peek());
  instrument.edit(withCopy(instrument.items.peek(), item), item + 1);
  instrument.tell(strings.edit.added(spoken(instrument.label(item + 1))));
}

/** Removes the selected item, unless it is the only one. */
export function remove(instrument: Instrument): void {
  const { items, selected } = instrument;
  const left = instrument.count.peek() - 1;
  if (left === 0 || !instrument.canArrange.peek()) return;
  const position = selected.peek();
  const item = instrument.itemAt(position);
  const name = spoken(instrument.label(item));
  instrument.edit(withoutItem(items.peek(), item), Math.min(item, left - 1));
  instrument.select(position);
  instrument.tell(strings.edit.removed(name));
}

/** Moves the selected item by some places. Many items have no order of their own. */
export function shift(instrument: Instrument, by: number): void {
  const item = instrument.itemAt(instrument.selected.peek());
  const to = item + by;
  const size = instrument.count.peek();
  if (!instrument.canArrange.peek() || instrument.many.peek() || to < 0 || to >= size) return;
  instrument.edit(withMoved(instrument.items.peek(), item, to), to);
  instrument.tell(strings.edit.moved(spoken(instrument.label(to)), count(to + 1), count(size)));
}
