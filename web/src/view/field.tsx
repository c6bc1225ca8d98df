import {
  batch,
  effect,
  type ReadonlySignal,
  type Signal,
  useComputed,
  useSignal,
} from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { Instrument } from "../model/instrument";
import type { Items } from "../model/state";
import type { Refused } from "../text/format";
import type { Part } from "./part";

/** What is typed into a field, while it is not just the number that the field shows. */
export interface Draft {
  /** The name of the field. */
  readonly name: string;
  readonly text: string;
  /** Why the text is refused; empty if it is not. */
  readonly error: string;
  /** What was on the page when the text was typed. */
  readonly temperature: number;
  readonly items: Items;
}

/** The draft of a group of fields: null once anything else has changed the temperature or the items. */
export function useDraft({ temperature, items }: Instrument): Signal<Draft | null> {
  const draft = useSignal<Draft | null>(null);
  // useSignalEffect would request a second animation frame in each frame of a drag.
  useEffect(
    () =>
      effect(() => {
        const { value } = draft;
        if (value === null) return;
        if (value.temperature !== temperature.value || value.items !== items.value) {
          draft.value = null;
        }
      }),
    [draft, temperature, items],
  );
  return draft;
}

interface NumberFieldProps extends Part {
  readonly name: string;
  readonly draft: Signal<Draft | null>;
  /** What the field shows while nothing is typed. */
  readonly shown: ReadonlySignal<string>;
  /** The temperature that a typed text asks for, or why there is none. */
  temperatureOf(text: string): number | Refused;
}

/** A number in a text field, live while the temperature moves; to type another one sets the temperature. */
export function NumberField({ instrument, name, draft, shown, temperatureOf }: NumberFieldProps) {
  const { temperature, items } = instrument;
  const typed = useComputed(() => (draft.value?.name === name ? draft.value : null));
  const error = useComputed(() => typed.value?.error ?? "");

  function type(text: string): void {
    const asked = temperatureOf(text);
    // At once, or the draft would be taken for one of another temperature.
    batch(() => {
      if (typeof asked === "number") instrument.change({ temperature: asked }, false);
      draft.value = {
        name,
        text,
        error: typeof asked === "number" ? "" : asked.error,
        temperature: temperature.peek(),
        items: items.peek(),
      };
    });
  }

  function settle(): void {
    if (typed.peek()?.error !== "") return;
    draft.value = null;
    instrument.change({ temperature: temperature.peek() });
  }

  return (
    <input
      type="text"
      class="live"
      aria-label={name}
      inputMode="decimal"
      autocomplete="off"
      spellcheck={false}
      value={useComputed(() => typed.value?.text ?? shown.value)}
      readOnly={instrument.locked.value.temperature}
      aria-invalid={useComputed(() => (error.value === "" ? "false" : "true"))}
      aria-description={error}
      onInput={(event) => type(event.currentTarget.value)}
      onChange={settle}
      onBlur={settle}
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
