import { computed } from "@preact/signals";
import { linkedHost } from "../hosts/linked";
import type { Rows } from "../model/rows";
import { readState } from "../model/state";
import { strings } from "../text/strings";
import { tellParent } from "./embedded";
import { mount } from "./mount";

/** What Python has written into the page, which from now on says what language it speaks. */
export function contentOf() {
  const { documentElement: root } = document;
  root.lang = strings.language;
  root.dir = strings.direction;
  const { textContent } = document.querySelector('script[type="application/json"]')!;
  const content = JSON.parse(textContent!);
  document.title = strings.pageTitle(content.source ?? null);
  return content;
}

/**
 * Shows the instrument as the whole page.
 *
 * @param content - a written state, and what the page has besides it but the rows
 * @param hasAddress - whether a link to the page shows what the page shows
 */
export function show(
  place: HTMLElement,
  { hide, lock, reliability, ...parts }: ReturnType<typeof contentOf>,
  rows: Rows | undefined,
  hasAddress: boolean,
): void {
  const frame = { ...(hide && { hide }), ...(lock && { lock }) };
  const linked = linkedHost(readState(parts), frame, rows);
  const host = { ...linked, address: hasAddress ? linked.address : undefined, reliability };
  mount(place, host, true);
  tellParent(
    place,
    computed(() => host.frame?.value.embed === true),
  );
  // Its keys work from the start. In a frame, the page around it keeps the focus.
  if (parent === window) {
    place.querySelector<HTMLElement>(".instrument")!.focus({ preventScroll: true });
  }
}
