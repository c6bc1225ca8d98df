import { useEffect, useRef } from "preact/hooks";

/**
 * Passes on the values of a drag, one for each frame: a mouse may report several moves in a frame, and
 * only the last one counts.
 */
export function useDrag(set: (value: number, settled: boolean) => void) {
  const pending = useRef({ value: 0, request: 0 });
  function cancel(): void {
    cancelAnimationFrame(pending.current.request);
    pending.current.request = 0;
  }
  useEffect(() => cancel, []);
  return {
    drag(value: number): void {
      pending.current.value = value;
      pending.current.request ||= requestAnimationFrame(() => {
        pending.current.request = 0;
        set(pending.current.value, false);
      });
    },
    settle(value: number): void {
      cancel();
      set(value, true);
    },
    cancel,
  };
}
