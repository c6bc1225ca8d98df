/** An activity while a teacher makes it. It may not be right yet, so it is kept as it is written. */
import { computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { temperatureFor } from "../math/solve";
import { activityStrings } from "../text/strings";
import {
  type Activity,
  ActivityError,
  KINDS,
  type Kind,
  MODES,
  type Mode,
  readActivity,
  type Task,
  type Whole,
  writeActivity,
} from "./activity";
import { MOST_DRAWN } from "./attempt";
import { LOCKS, type LockName, PARTS, type PartName } from "./frame";
import type { Instrument } from "./instrument";

/** The parts of tasks besides their kind. */
type Field = Exclude<
  { [kind in Kind]: keyof Extract<Task, { readonly kind: kind }> }[Kind],
  "kind"
>;

/** A task, of which a part may hold anything: what was typed, if that is not right. */
export type WrittenTask = { readonly kind: Kind } & { readonly [field in Field]?: unknown };

export interface Written {
  readonly title: string;
  readonly intro: string;
  readonly mode: Mode;
  readonly tasks: readonly WrittenTask[];
  readonly hide: readonly PartName[];
  readonly lock: readonly LockName[];
}

/** What is not right yet. */
export interface Problem {
  /** The place of the task, counted from 0; null for what is no task's. */
  readonly task: number | null;
  readonly field: string;
  readonly must: string;
}

export const EMPTY: Written = {
  title: "",
  intro: "",
  mode: "practice",
  tasks: [],
  hide: [],
  lock: [],
};

/** Changes of one field that follow within this time are undone together. */
const JOIN_MS = 1000;
const MOST_STEPS = 200;

export class Draft {
  readonly #now: Signal<Written>;
  readonly #past = signal<readonly Written[]>([]);
  readonly #future = signal<readonly Written[]>([]);
  #last = { kind: "", at: 0 };

  readonly canUndo = computed(() => this.#past.value.length > 0);
  readonly canRedo = computed(() => this.#future.value.length > 0);
  readonly problems: ReadonlySignal<readonly Problem[]>;

  constructor(written: Written) {
    this.#now = signal(written);
    this.problems = computed(() => problemsOf(this.#now.value));
  }

  get written(): ReadonlySignal<Written> {
    return this.#now;
  }

  readonly #ids = new WeakMap<WrittenTask, number>();
  #lastId = 0;

  /** The number of a task, which it keeps while it is changed and moved. */
  idOf(task: WrittenTask): number {
    if (!this.#ids.has(task)) this.#ids.set(task, ++this.#lastId);
    return this.#ids.get(task)!;
  }

  /** The activity; an error if it is not right yet. */
  activity(): Activity {
    const { hide, lock, ...activity } = this.#now.value;
    return readActivity(activity);
  }

  /**
   * @param kind - changes of the same kind, if it has a name, are undone together where they follow
   * within a second
   */
  change(change: Partial<Written>, kind = ""): void {
    const now = performance.now();
    const joins = kind !== "" && kind === this.#last.kind && now - this.#last.at < JOIN_MS;
    if (!joins) this.#past.value = [...this.#past.peek(), this.#now.peek()].slice(-MOST_STEPS);
    this.#last = { kind, at: now };
    this.#future.value = [];
    this.#now.value = { ...this.#now.peek(), ...change };
  }

  undo(): void {
    this.#move(this.#past, this.#future);
  }

  redo(): void {
    this.#move(this.#future, this.#past);
  }

  #move(from: Signal<readonly Written[]>, to: Signal<readonly Written[]>): void {
    const next = from.peek().at(-1);
    if (next === undefined) return;
    from.value = from.peek().slice(0, -1);
    to.value = [...to.peek(), this.#now.peek()];
    this.#last = { kind: "", at: 0 };
    this.#now.value = next;
  }

  set(at: number, change: Readonly<Record<string, unknown>>, kind = ""): void {
    const tasks = this.#now.peek().tasks.map((task, k) => {
      if (k !== at) return task;
      const parts = Object.entries({ ...task, ...change });
      const said = parts.filter(([, value]) => value !== undefined);
      const changed = Object.fromEntries(said) as WrittenTask;
      this.#ids.set(changed, this.idOf(task));
      return changed;
    });
    this.change({ tasks }, kind && `${at} ${kind}`);
  }

  add(task: WrittenTask, at = this.#now.peek().tasks.length): void {
    this.change({ tasks: this.#now.peek().tasks.toSpliced(at, 0, task) });
  }

  remove(at: number): void {
    this.change({ tasks: this.#now.peek().tasks.toSpliced(at, 1) });
  }

  move(from: number, to: number): void {
    const { tasks } = this.#now.peek();
    if (tasks[to] === undefined) return;
    this.change({ tasks: tasks.toSpliced(from, 1).toSpliced(to, 0, tasks[from]!) });
  }
}

/** The draft of an activity that was read. */
export function draftOf({ activity, hide, lock }: Omit<Whole, "state">): Written {
  const { tasks } = writeActivity(activity);
  const { title, intro, mode } = activity;
  return { title, intro, mode, tasks: tasks as WrittenTask[], hide, lock };
}

/** What was kept of a draft, whether it is right or not. */
export function draftFrom(kept: unknown): Written {
  const { title, intro, mode, tasks, hide, lock } = Object(kept) as Record<string, unknown>;
  const text = (value: unknown) => (typeof value === "string" ? value : "");
  const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
  return {
    title: text(title),
    intro: text(intro),
    mode: MODES.find((one) => one === mode) ?? "practice",
    tasks: list(Array.isArray(kept) ? kept : tasks).filter((task): task is WrittenTask =>
      KINDS.includes((Object(task) as WrittenTask).kind),
    ),
    hide: PARTS.filter((part) => list(hide).includes(part)),
    lock: LOCKS.filter((part) => list(lock).includes(part)),
  };
}

/** What is not right in each task: a start may take long to read, and most tasks stay as they are. */
const known = new WeakMap<WrittenTask, Omit<Problem, "task"> | null>();

function problemsOf({ hide, lock, tasks, ...about }: Written): readonly Problem[] {
  const found: Problem[] = [];
  if (tasks.length === 0) {
    return [{ task: null, field: "tasks", must: activityStrings.editor.oneTask }];
  }
  for (const [at, task] of tasks.entries()) {
    if (!known.has(task)) known.set(task, errorOf({ tasks: [task] }));
    const wrong = known.get(task);
    if (wrong) found.push({ ...wrong, task: at });
  }
  const wrong = errorOf({ ...about, tasks: [{ kind: "number", ask: "?", answer: 0 }] });
  return wrong ? [...found, { ...wrong, task: null }] : found;
}

function errorOf(written: unknown): Omit<Problem, "task"> | null {
  try {
    readActivity(written);
    return null;
  } catch (error) {
    if (!(error instanceof ActivityError)) throw error;
    return { field: error.part.replace(/^tasks\[0\]\.?/, ""), must: error.must };
  }
}

/** Up to this many items are offered as answers. */
const MOST_OPTIONS = 10;

/** A new task about what is shown, which is right as it stands. */
export function newTask(kind: Kind, instrument: Instrument): WrittenTask {
  const { examples } = activityStrings.editor;
  const ask = examples[kind];
  const { value: distribution } = instrument.distribution;
  const temperature = instrument.temperature.peek();
  switch (kind) {
    case "choose": {
      const count = Math.max(2, Math.min(MOST_OPTIONS, distribution.logits.length));
      const options = Array.from({ length: count }, (_, item) =>
        item < distribution.logits.length ? instrument.label(item) || String(item) : String(item),
      );
      const leader = distribution.order[0]!;
      return { kind, ask, options, answer: [leader < count ? leader : 0] };
    }
    case "number": {
      const found = temperatureFor(distribution, "top", 0.9);
      if (found === null || !Number.isFinite(found)) {
        const choices = Number(instrument.rested.peek().perplexity.toPrecision(3));
        const answer = Number.isFinite(choices) ? choices : 1;
        return { kind, ask: examples.choices, answer, tolerance: 0.05 };
      }
      const answer = Number(found.toPrecision(3));
      return { kind, ask, answer, tolerance: Number((answer / 20).toPrecision(1)) };
    }
    case "predict": {
      // More bars can't be drawn, but the curve of one of them can.
      if (distribution.logits.length > MOST_DRAWN) {
        return {
          kind,
          ask: examples.curve,
          of: "curve",
          item: distribution.order[0]!,
          within: 0.1,
        };
      }
      const half = Number((temperature / 2).toPrecision(2));
      return { kind, ask, of: "bars", at: half > 0 && half < Infinity ? half : 1, within: 0.1 };
    }
    case "reach":
      return { kind, ask: examples.reach, quantity: "ties", least: 2, most: 2 };
  }
}
