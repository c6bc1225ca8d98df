import type { Host } from "../model/host";
import type { Rows } from "../model/rows";
import type { State } from "../model/state";

/** The host of a page whose server has rows. It keeps its state in memory. */
export function memoryHost(state: State, rows?: Rows, html?: Host["html"]): Host {
  let current = state;
  return {
    read: () => current,
    write(change) {
      current = { ...current, ...change };
    },
    subscribe: () => () => undefined,
    rows,
    html,
  };
}
