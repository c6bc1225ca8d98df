import { type ComponentChildren, render } from "preact";
import type { Host } from "../model/host";
import { Instrument } from "../model/instrument";
import { strings } from "../text/strings";
import { View } from "./view";

export type Above = (instrument: Instrument) => ComponentChildren;

/**
 * Shows the instrument in `element`; returns a function that removes it. The style sheet is brought by
 * what is around it: the page, the widget or the shadow root of the element.
 *
 * @param alone - whether the instrument is the whole page: its title is then the title of the page
 * @param above - what a page of an activity has above the temperature
 */
export function mount(
  element: HTMLElement | ShadowRoot,
  host: Host,
  alone = false,
  above?: Above,
): () => void {
  const root = document.createElement("div");
  root.className = "thermoscope";
  root.lang = strings.language;
  root.dir = strings.direction;
  const place = document.createElement("div");
  root.append(place);
  element.append(root);
  let unfollow = () => {};
  try {
    const instrument = new Instrument(host);
    const view = ACTIVITY ? (
      <View instrument={instrument} alone={alone} above={above?.(instrument)} />
    ) : (
      <View instrument={instrument} alone={alone} />
    );
    render(view, place);
    unfollow = instrument.follow();
  } catch (error) {
    explain(place, error);
  }
  return () => {
    unfollow();
    render(null, place);
    root.remove();
  };
}

/** Shows in `element` why there is no instrument. */
export function explain(element: HTMLElement, error: unknown): void {
  const message = document.createElement("p");
  message.setAttribute("role", "alert");
  message.textContent = strings.errors.unavailable(
    error instanceof Error ? error.message : String(error),
  );
  element.replaceChildren(message);
}
