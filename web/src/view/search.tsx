import { useComputed, useSignal, useSignalEffect } from "@preact/signals";
import { useRef } from "preact/hooks";
import { count } from "../text/format";
import { strings } from "../text/strings";
import type { Part } from "./part";

/** How long a search may block the page before it yields. */
const SLICE_MS = 5;

interface Found {
  /** The positions of the matching items found so far, the highest logit first. */
  readonly positions: readonly number[];
  readonly done: boolean;
}

const NOTHING: Found = { positions: [], done: true };

/** Finds items by a part of their label, and goes from match to match. */
export function Search({ instrument }: Part) {
  const { search: texts } = strings;
  const query = useSignal("");
  const found = useSignal(NOTHING);
  /** Which of the matches is selected. */
  const at = useSignal(0);

  const labelsOf = useComputed(() => instrument.items.value.labels);
  const last = useRef<{ wanted: string; labels: readonly string[] | null }>({
    wanted: "",
    labels: null,
  });

  useSignalEffect(() => {
    const wanted = query.value.toLowerCase();
    const labels = labelsOf.value;
    const order = instrument.order.value;
    // Where only the order has changed, an item was edited: that one stays selected.
    const isNew = wanted !== last.current.wanted || labels !== last.current.labels;
    last.current = { wanted, labels };
    found.value = NOTHING;
    at.value = 0;
    if (wanted === "" || !instrument.many.value) return;

    const positions: number[] = [];
    let position = 0;
    let timer: ReturnType<typeof setTimeout>;
    function scan(): void {
      const end = performance.now() + SLICE_MS;
      while (position < order.length) {
        const item = order[position]!;
        const label = labels === null ? String(item) : labels[item]!;
        if (label.toLowerCase().includes(wanted)) {
          positions.push(position);
          if (positions.length === 1 && isNew) instrument.select(position);
        }
        position++;
        if (position % 256 === 0 && performance.now() > end) {
          timer = setTimeout(scan);
          return;
        }
      }
      found.value = { positions, done: true };
    }
    found.value = { positions, done: false };
    timer = setTimeout(scan);
    return () => clearTimeout(timer);
  });

  function go(step: number): void {
    const { positions } = found.peek();
    if (positions.length === 0) return;
    at.value = (at.peek() + step + positions.length) % positions.length;
    instrument.select(positions[at.peek()]!);
  }

  const summary = useComputed(() => {
    if (query.value === "") return "";
    const { positions, done } = found.value;
    if (!done) return texts.running;
    if (positions.length === 0) return texts.nothing;
    return texts.match(count(at.value + 1), count(positions.length));
  });
  const idle = useComputed(() => found.value.positions.length < 2);
  if (!instrument.many.value) return null;
  return (
    <div class="search" role="search">
      <input
        type="search"
        aria-label={texts.name}
        placeholder={texts.name}
        autocomplete="off"
        spellcheck={false}
        value={query}
        onInput={(event) => (query.value = event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === "Enter") go(event.shiftKey ? -1 : 1);
          if (event.key !== "Escape" || query.peek() === "") return;
          event.preventDefault();
          query.value = "";
        }}
      />
      <button type="button" aria-label={texts.previous} disabled={idle} onClick={() => go(-1)}>
        ↑
      </button>
      <button type="button" aria-label={texts.next} disabled={idle} onClick={() => go(1)}>
        ↓
      </button>
      <output aria-live="polite">{summary}</output>
    </div>
  );
}
