import type { Rows } from "./cursor";
import type { State } from "./state";

/**
 * Where an explorer lives: a notebook, a page or a file. The instrument reads its first state
 * from the host, tells it each change that the user makes, and hears of changes made elsewhere.
 */
export interface Host {
  read(): State;
  /**
   * Called for each change that the user makes, on every event of a drag; a host for which
   * that is too often throttles. `settled` says that the gesture has ended.
   */
  write(change: Partial<State>, settled: boolean): void;
  /** Changes from elsewhere (the kernel, another view); never an echo of `write`. */
  subscribe(listener: (change: Partial<State>) => void): () => void;
  /** The rows of which the state is one, where there are several. */
  readonly rows?: Rows | undefined;
}

/** A host with nothing behind it: a page or a file, which keeps its state in memory. */
export function memoryHost(state: State, rows?: Rows): Host {
  let current = state;
  return {
    read: () => current,
    write(change) {
      current = { ...current, ...change };
    },
    subscribe: () => () => undefined,
    rows,
  };
}
