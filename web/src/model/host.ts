import type { ReadonlySignal } from "@preact/signals";
import type { Frame } from "./frame";
import type { Rows, WrittenReliability } from "./rows";
import type { Items, State } from "./state";

/**
 * Where an explorer lives: a notebook, a page or a file. The instrument reads its first state
 * from the host, tells it each change that the user makes, and hears of changes made elsewhere.
 */
export interface Host {
  read(): State;
  /**
   * Called for each change that the user makes, and on every event of a drag; a host may
   * throttle. `settled` says that the gesture has ended.
   */
  write(change: Partial<State>, settled: boolean): void;
  /** Changes from elsewhere (the kernel, another view); never an echo of `write`. */
  subscribe(listener: (change: Partial<State>) => void): () => void;
  /** The rows that the state is one of, if there are several. */
  readonly rows?: Rows | undefined;
  /** The reliability of rows that are not here: that of a file. */
  readonly reliability?: WrittenReliability | undefined;
  /** The items of the page itself, where a link may show others. */
  readonly own?: Items | undefined;
  /** Which parts are hidden or locked; nothing is if there is no frame. */
  readonly frame?: ReadonlySignal<Frame> | undefined;
  /**
   * The address that opens a state, or null if it would be too long. A host without it has no address
   * that could be opened.
   */
  readonly address?: ((state: State) => string | null) | undefined;
  /** The page of a state, and of the reliability of rows, as one HTML file, where the host has it. */
  readonly html?:
    | ((state: State, reliability?: WrittenReliability) => string | Promise<string>)
    | undefined;
  /** What the host has to tell the user; empty if there is nothing. */
  readonly alert?: ReadonlySignal<string> | undefined;
}
