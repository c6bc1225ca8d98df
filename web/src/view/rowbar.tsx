import { useComputed, useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import type { RowCursor } from "../model/cursor";
import type { Order } from "../model/rows";
import { count } from "../text/format";
import { rowStrings, strings } from "../text/strings";
import { useKeys } from "./keys";
import type { Part } from "./part";

/** The controls that go from row to row. */
export function RowBar({ instrument, cursor }: Part & { readonly cursor: RowCursor }) {
  const { rows, place, chosen, error } = cursor;
  const { value: size } = cursor.count;
  const bar = useRef<HTMLDivElement>(null);
  /** The content of the text field while it is not just the row. */
  const draft = useSignal<string | null>(null);

  useKeys(bar, { "[": () => cursor.step(-1), "]": () => cursor.step(1) });

  const text = useComputed(() => draft.value ?? String(instrument.items.value.row ?? ""));
  const last = size - 1;
  /** The order of a bin, which is chosen in the figure "Reliability". */
  const bin = useComputed(() => (cursor.names.has(chosen.value) ? chosen.value : null)).value;
  const { bar: texts } = rowStrings;
  return (
    <div class="stepper" role="group" aria-label={texts.name} ref={bar}>
      <button
        type="button"
        aria-label={texts.previous}
        aria-keyshortcuts="["
        title={strings.withKey(texts.previous, "[")}
        disabled={useComputed(() => place.value === 0)}
        onClick={() => cursor.step(-1)}
      >
        ←
      </button>
      <label class="field">
        {texts.row}
        <input
          type="text"
          inputMode="numeric"
          autocomplete="off"
          spellcheck={false}
          style={{ width: `${String(last).length + 4}ch` }}
          value={text}
          aria-invalid={useComputed(() =>
            draft.value !== null && error.value !== "" ? "true" : "false",
          )}
          aria-description={error}
          onInput={(event) => (draft.value = event.currentTarget.value)}
          onChange={(event) => {
            if (cursor.go(event.currentTarget.value)) draft.value = null;
          }}
          onKeyDown={(event) => {
            if (event.key !== "Escape" || draft.peek() === null) return;
            event.preventDefault();
            draft.value = null;
            error.value = "";
          }}
        />
      </label>
      <span class="of">{texts.of(count(size))}</span>
      <button
        type="button"
        aria-label={texts.next}
        aria-keyshortcuts="]"
        title={strings.withKey(texts.next, "]")}
        disabled={useComputed(() => place.value === cursor.size.value - 1)}
        onClick={() => cursor.step(1)}
      >
        →
      </button>
      <label class="field">
        {texts.order}
        <select
          value={chosen}
          onChange={(event) => cursor.choose(event.currentTarget.value as Order)}
        >
          {rows.orders.map((order) => (
            <option key={order} value={order}>
              {texts.orders[order]}
            </option>
          ))}
          {bin !== null && <option value={bin}>{cursor.names.get(bin)}</option>}
        </select>
      </label>
      <output aria-live="polite">{useComputed(() => cursor.note())}</output>
      <p class="error" role="alert">
        {error}
      </p>
    </div>
  );
}
