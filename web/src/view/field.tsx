import {
  batch,
  effect,
  type ReadonlySignal,
  type Signal,
  useComputed,
  useSignal,
} from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { LockName } from "../model/frame";
import type { Instrument } from "../model/instrument";
import type { State } from "../model/state";
import { ambiguous, type Refused } from "../text/format";
import type { Part } from "./part";

/** What is typed into a field, while it is not just the number that the field shows. */
export interface Draft {
  /** The name of the field. */
  readonly name: string;
  readonly text: string;
  /** Why the text is refused; empty if it is not. */
  readonly error: string;
  /** What was on the page when the text was typed. */
  readonly before: State;
}

/** The draft of a group of fields: null once anything else has changed what is on the page. */
export function useDraft(instrument: Instrument): Signal<Draft | null> {
  const { temperature, items, truncation } = instrument;
  const draft = useSignal<Draft | null>(null);
  // useSignalEffect would request a second animation frame in each frame of a drag.
  useEffect(
    () =>
      effect(() => {
        const { value } = draft;
        if (value === null) return;
        const { before } = value;
        const isSame =
          before.temperature === temperature.value &&
          before.truncation === truncation.value &&
          before.logits === items.value.logits &&
          before.labels === items.value.labels;
        if (!isSame) draft.value = null;
      }),
    [draft, temperature, items, truncation],
  );
  return draft;
}

interface NumberFieldProps extends Part {
  readonly name: string;
  readonly draft: Signal<Draft | null>;
  /** What the field shows while nothing is typed. */
  readonly shown: ReadonlySignal<string>;
  /** The same with all digits, while the field has the focus. */
  readonly full?: ReadonlySignal<string>;
  /** The part of the page that it changes, and that may be locked: by default the temperature. */
  readonly changes?: LockName;
  /** What a typed text changes, or why it is refused. */
  changeOf(text: string): Partial<State> | Refused;
}

/** A number in a text field, live while the temperature moves; to type another one changes the page. */
export function NumberField(props: NumberFieldProps) {
  const { instrument, name, draft, shown, full = shown, changes = "temperature", changeOf } = props;
  const focused = useSignal(false);
  const typed = useComputed(() => (draft.value?.name === name ? draft.value : null));
  const error = useComputed(() => typed.value?.error ?? "");

  function type(text: string): void {
    const change = ambiguous(text) ?? changeOf(text);
    const isRefused = "error" in change;
    // At once, or the draft would be taken for one of another state.
    batch(() => {
      if (!isRefused) instrument.change(change, false);
      const error = isRefused ? change.error : "";
      draft.value = { name, text, error, before: instrument.state() };
    });
  }

  function settle(): void {
    const { value } = typed;
    const change = value?.error === "" && changeOf(value.text);
    if (!change || "error" in change) return;
    draft.value = null;
    instrument.change(change);
  }

  return (
    <input
      type="text"
      class="live"
      aria-label={name}
      inputMode="decimal"
      autocomplete="off"
      spellcheck={false}
      title={useComputed(() => (full.value === shown.value ? "" : full.value))}
      value={useComputed(() => typed.value?.text ?? (focused.value ? full : shown).value)}
      readOnly={instrument.locked.value[changes]}
      aria-invalid={useComputed(() => (error.value === "" ? "false" : "true"))}
      aria-description={error}
      onInput={(event) => type(event.currentTarget.value)}
      onChange={settle}
      onFocus={() => (focused.value = true)}
      onBlur={() => {
        focused.value = false;
        settle();
      }}
      onKeyDown={(event) => {
        if (event.key !== "Escape" || typed.peek() === null) return;
        event.preventDefault();
        draft.value = null;
      }}
    />
  );
}

/** Why what is typed is refused. */
export function FieldError({ draft }: { readonly draft: Signal<Draft | null> }) {
  return (
    <p class="error" role="alert">
      {useComputed(() => draft.value?.error ?? "")}
    </p>
  );
}

/** A change of the temperature alone, if there is one. */
export function toTemperature(asked: number | Refused): Partial<State> | Refused {
  return typeof asked === "number" ? { temperature: asked } : asked;
}
