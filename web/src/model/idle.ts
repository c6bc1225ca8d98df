/** What goes on has ended when it pauses for this long: a drag, or a text that grows. */
export const REST_MS = 100;

/** Calls a function when the page has nothing else to do; returns what cancels that. */
export function whenIdle(work: () => void): () => void {
  // Safari has no idle callbacks.
  if (typeof requestIdleCallback !== "function") {
    const timer = setTimeout(work);
    return () => clearTimeout(timer);
  }
  const request = requestIdleCallback(work);
  return () => cancelIdleCallback(request);
}
