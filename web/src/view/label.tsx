import type { ReadonlySignal } from "@preact/signals";
import { type Piece, pieces } from "../text/format";
import { strings } from "../text/strings";

/**
 * An item's label. It is always text, its direction is isolated from the text around it, and
 * invisible characters are shown.
 */
export function Label({ text }: { readonly text: ReadonlySignal<string> }) {
  const label = text.value;
  if (label === "") return <span class="label empty">{strings.label.empty}</span>;
  return (
    <bdi class="label" title={label.length > 12 ? label : undefined}>
      <Pieces of={pieces(label)} />
    </bdi>
  );
}

/** A text in which invisible characters are shown. */
export function Pieces({ of }: { readonly of: readonly Piece[] }) {
  return of.map(({ kind, text }) => (kind === "text" ? text : <span class={kind}>{text}</span>));
}
