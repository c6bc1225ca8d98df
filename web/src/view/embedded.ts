import { effect, type ReadonlySignal } from "@preact/signals";

/** Whether a key is Escape, and nothing in the instrument has a use for it. */
export function leaves(event: KeyboardEvent): boolean {
  if (event.key !== "Escape" || event.defaultPrevented) return false;
  const root = (event.composedPath()[0] as Node).getRootNode() as Document | ShadowRoot;
  return root.querySelector(":popover-open, :modal") === null;
}

/** What an embedded page sends to the page around it. */
type Message = { readonly height: number } | { readonly escape: true };

function send(message: Message): void {
  // Nothing here is a secret, so any page may read it.
  parent.postMessage({ type: "softmax-thermoscope", ...message }, "*");
}

/**
 * While the page is embedded, tells the page around it how high `place` is, in CSS pixels, and gives
 * the focus back at Escape.
 */
export function tellParent(place: HTMLElement, embedded: ReadonlySignal<boolean>): void {
  if (parent === window) return;
  effect(() => {
    if (!embedded.value) return;
    let told = 0;
    const observer = new ResizeObserver(() => {
      const height = Math.ceil(place.getBoundingClientRect().height);
      // The page around may set this height, which is then no news.
      if (height !== told) send({ height });
      told = height;
    });
    observer.observe(place);
    return () => observer.disconnect();
  });
  addEventListener("keydown", (event) => {
    if (!embedded.peek() || !leaves(event)) return;
    (document.activeElement as HTMLElement | null)?.blur();
    parent.focus();
    send({ escape: true });
  });
}
