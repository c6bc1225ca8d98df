import type { ReadonlySignal } from "@preact/signals";
import { pieces } from "../text/format";
import { strings } from "../text/strings";

/**
 * An item's label: always text, kept apart from the direction of the text around it, with what
 * would be invisible shown.
 */
export function Label({ text }: { readonly text: ReadonlySignal<string> }) {
  const label = text.value;
  if (label === "") return <span class="label empty">{strings.label.empty}</span>;
  return (
    <bdi class="label" title={label.length > 12 ? label : undefined}>
      {pieces(label).map(({ kind, text: piece }) =>
        kind === "text" ? piece : <span class={kind}>{piece}</span>,
      )}
    </bdi>
  );
}
