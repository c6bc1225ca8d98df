import type { ReadonlySignal } from "@preact/signals";
import { pieces } from "../text/format";
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
      {pieces(label).map(({ kind, text: piece }) =>
        kind === "text" ? piece : <span class={kind}>{piece}</span>,
      )}
    </bdi>
  );
}
