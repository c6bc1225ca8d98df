import type { Host } from "../src/model/host";
import type { Rows } from "../src/model/rows";
import type { State } from "../src/model/state";

/** A host that keeps its state in memory. */
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
