import { batch, computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import type { State } from "./state";

/** The parts of the state that are changed and restored together. */
const GROUPS: readonly (readonly (keyof State)[])[] = [
  ["temperature"],
  ["truncation"],
  ["scale"],
  ["logits", "labels", "source", "row", "target", "seed", "tail"],
];

/** Gestures of one kind that follow within this time are one: a key that is held repeats. */
const JOIN_MS = 1000;
const MOST_STEPS = 200;
/** How many logits the steps may hold together: 64 MB. */
const MOST_LOGITS = 8e6;

/** A gesture: the parts that it changed, before and after. */
interface Step {
  before: Partial<State>;
  after: Partial<State>;
  readonly kind: string;
  ended: number;
}

/**
 * What can be undone. One gesture is one step, from its first event to the last one. What others
 * change can't be undone here, nor can the steps before it that changed the same parts.
 */
export class History {
  readonly #done = signal<readonly Step[]>([]);
  readonly #undone = signal<readonly Step[]>([]);
  /** The gesture that is under way. */
  #open: Step | null = null;

  readonly canUndo: ReadonlySignal<boolean> = computed(() => this.#done.value.length > 0);
  readonly canRedo: ReadonlySignal<boolean> = computed(() => this.#undone.value.length > 0);

  constructor(private readonly state: () => State) {}

  /**
   * Notes a change that the user is about to make.
   *
   * @param settled - whether the gesture ends with it
   * @param kind - gestures of the same kind, if it has a name, join within a second
   */
  note(change: Partial<State>, settled: boolean, kind = ""): void {
    const names = affected(change);
    const state = this.state();
    const last = this.#done.peek().at(-1);
    const joins = kind !== "" && last?.kind === kind && performance.now() - last.ended < JOIN_MS;
    this.#open ??= joins ? last : { before: {}, after: {}, kind, ended: 0 };
    const open = this.#open;
    // What an earlier event of the gesture changed is known as it was before the gesture.
    open.before = { ...part(state, names), ...open.before };
    open.after = { ...open.after, ...part({ ...state, ...change }, names) };
    open.ended = performance.now();
    if (settled) this.#close();
  }

  #close(): void {
    const step = this.#open!;
    this.#open = null;
    const names = Object.keys(step.after) as (keyof State)[];
    const changed = names.some((name) => !Object.is(step.before[name], step.after[name]));
    const others = this.#done.peek().filter((other) => other !== step);
    batch(() => {
      this.#done.value = changed ? limited([...others, step]) : others;
      if (changed) this.#undone.value = [];
    });
  }

  /** What to change so that the last gesture is undone; null if there is none. */
  undo(): Partial<State> | null {
    return this.#move(this.#done, this.#undone, "before");
  }

  redo(): Partial<State> | null {
    return this.#move(this.#undone, this.#done, "after");
  }

  #move(
    from: Signal<readonly Step[]>,
    to: Signal<readonly Step[]>,
    side: "before" | "after",
  ): Partial<State> | null {
    if (this.#open !== null) this.#close();
    const step = from.peek().at(-1);
    if (step === undefined) return null;
    batch(() => {
      from.value = from.peek().slice(0, -1);
      to.value = [...to.peek(), step];
    });
    return step[side];
  }

  /** Drops the steps that others have overtaken by a change. */
  forget(change: Partial<State>): void {
    const names = affected(change);
    const kept = (step: Step) => !names.some((name) => name in step.after);
    if (this.#open !== null && !kept(this.#open)) this.#open = null;
    batch(() => {
      for (const steps of [this.#done, this.#undone]) {
        if (!steps.peek().every(kept)) steps.value = steps.peek().filter(kept);
      }
    });
  }
}

/** The parts that are restored where `change` is undone. */
function affected(change: Partial<State>): (keyof State)[] {
  return GROUPS.filter((group) => group.some((name) => name in change)).flat();
}

function part(state: State, names: readonly (keyof State)[]): Partial<State> {
  return Object.fromEntries(names.map((name) => [name, state[name]]));
}

/** The last steps, within the limits. */
function limited(steps: readonly Step[]): readonly Step[] {
  let room = MOST_LOGITS;
  let first = steps.length;
  while (first > 0 && steps.length - first < MOST_STEPS) {
    room -= steps[first - 1]!.before.logits?.length ?? 0;
    // The last step is kept, however large.
    if (room < 0 && first < steps.length) break;
    first--;
  }
  return steps.slice(first);
}
