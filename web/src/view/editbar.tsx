import { useComputed } from "@preact/signals";
import type { RefObject } from "preact";
import { withLabel } from "../model/edit";
import { rowStrings, strings } from "../text/strings";
import { add, copy, remove, shift } from "./commands";
import { OpenButton } from "./opening";
import type { Part } from "./part";

/** The text field for the label of the selected item. */
export interface LabelField {
  readonly labelField: RefObject<HTMLInputElement | null>;
}

/** Changes the selected item, and adds others. */
export function EditBar({ instrument, labelField }: Part & LabelField) {
  const { edit: texts } = strings;
  const { count, many, selected } = instrument;
  const locked = useComputed(() => !instrument.canArrange.value);
  const isOnly = useComputed(() => locked.value || count.value === 1);
  if (ROWS && instrument.isPartial.value) {
    return (
      <div class="edit" role="group" aria-label={texts.name}>
        <p class="note">{rowStrings.reported.logits}</p>
        <OpenButton instrument={instrument} />
        <Notice instrument={instrument} />
      </div>
    );
  }
  return (
    <div class="edit" role="group" aria-label={texts.name}>
      <Renamed instrument={instrument} labelField={labelField} />
      <button type="button" disabled={locked} onClick={() => copy(instrument)}>
        {texts.copyButton}
      </button>
      <button
        type="button"
        title={texts.titles.remove}
        disabled={isOnly}
        onClick={() => remove(instrument)}
      >
        {texts.remove}
      </button>
      <button
        type="button"
        class="square"
        aria-label={texts.up}
        title={texts.titles.up}
        disabled={useComputed(() => locked.value || many.value || selected.value === 0)}
        onClick={() => shift(instrument, -1)}
      >
        ↑
      </button>
      <button
        type="button"
        class="square"
        aria-label={texts.down}
        title={texts.titles.down}
        disabled={useComputed(
          () => locked.value || many.value || selected.value === count.value - 1,
        )}
        onClick={() => shift(instrument, 1)}
      >
        ↓
      </button>
      <button type="button" disabled={locked} onClick={() => add(instrument)}>
        {texts.add}
      </button>
      <OpenButton instrument={instrument} />
      <Notice instrument={instrument} />
    </div>
  );
}

/** What was read last. A screen reader hears it with the status; an error is an alert. */
function Notice({ instrument: { notice } }: Part) {
  const { text = "", isError = false } = notice.value ?? {};
  return isError ? (
    <p class="notice error" role="alert">
      {text}
    </p>
  ) : (
    <p class="notice">{text}</p>
  );
}

/** The label of the selected item. */
function Renamed({ instrument, labelField }: Part & LabelField) {
  const item = useComputed(() => instrument.itemAt(instrument.selected.value));
  const label = useComputed(() => instrument.label(item.value));
  return (
    <label class="field">
      {strings.edit.label}
      <input
        type="text"
        ref={labelField}
        readOnly={useComputed(() => !instrument.canArrange.value)}
        autocomplete="off"
        spellcheck={false}
        value={label}
        onFocus={(event) => event.currentTarget.select()}
        onChange={(event) => {
          const { value } = event.currentTarget;
          if (value === label.peek()) return;
          instrument.edit(withLabel(instrument.items.peek(), item.peek(), value), item.peek());
        }}
        onKeyDown={(event) => {
          if (event.key === "Escape") event.currentTarget.value = label.peek();
        }}
      />
    </label>
  );
}
