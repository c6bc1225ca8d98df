import type { RefObject } from "preact";
import { useLayoutEffect } from "preact/hooks";

/** What single keys do, by the name of the key. */
export type Actions = Readonly<Record<string, () => void>>;

/**
 * Single keys that work while the focus is anywhere in the instrument, except where text is typed.
 *
 * @param part - any element of the instrument
 */
export function useKeys(part: RefObject<HTMLElement | null>, actions: Actions): void {
  // A layout effect runs before the first paint, so that no key is lost after it.
  useLayoutEffect(() => {
    const instrument = part.current!.closest<HTMLElement>(".instrument")!;
    function pressed(event: KeyboardEvent): void {
      const { altKey, ctrlKey, metaKey, key, target } = event;
      const action = actions[key];
      // On some keyboards brackets are typed with AltGr, which counts as Ctrl and Alt.
      const typed = event.getModifierState("AltGraph");
      if (action === undefined || metaKey || ((altKey || ctrlKey) && !typed)) return;
      if ((target as Element).closest('input:not([type="range"]), select, textarea')) return;
      event.preventDefault();
      // JupyterLab would do something to the cell.
      event.stopPropagation();
      action();
    }
    instrument.addEventListener("keydown", pressed);
    return () => instrument.removeEventListener("keydown", pressed);
  });
}
