import { signal } from "@preact/signals";
import type { Frame, LockName, PartName } from "../model/frame";
import type { Host } from "../model/host";
import type { About, Query, Rows } from "../model/rows";
import type { State } from "../model/state";
import {
  logitsFromBytes,
  logitsToBytes,
  readScale,
  readTail,
  readTemperature,
  type WrittenTail,
  writeTail,
  writeTemperature,
} from "../model/state";
import { strings } from "../text/strings";

/** The part of anywidget's model that is used here. All views of one explorer share a model. */
export interface Model {
  get(name: string): unknown;
  set(name: string, value: unknown): void;
  save_changes(): void;
  send(content: unknown): void;
  on(event: string, listener: (content: never) => void): void;
  off(event: string, listener: (content: never) => void): void;
}

/** How each part of the state is stored in the model. */
const PARTS: {
  readonly [Name in keyof State]: {
    read(value: unknown): State[Name];
    write(value: State[Name]): unknown;
  };
} = {
  logits: { read: (bytes) => logitsFromBytes(bytes as DataView), write: logitsToBytes },
  labels: { read: (labels) => labels as State["labels"], write: (labels) => labels },
  temperature: { read: readTemperature, write: writeTemperature },
  source: { read: (source) => source as State["source"], write: (source) => source },
  row: { read: (row) => row as State["row"], write: (row) => row },
  target: { read: (target) => target as State["target"], write: (target) => target },
  tail: {
    read: (tail) => readTail(tail as WrittenTail | null),
    write: writeTail,
  },
  seed: { read: (seed) => seed as State["seed"], write: (seed) => seed },
  truncation: {
    read: (settings) => settings as State["truncation"],
    write: (settings) => settings,
  },
  scale: { read: readScale, write: (scale) => scale },
};
type Name = keyof State;
const NAMES = Object.keys(PARTS) as Name[];

/** Often enough to feel live in Python, and the kernel still has time for other work. */
const SAVE_EVERY_MS = 50;
/** Up to this many logits are sent while one of them is dragged: 160 KB at a time. */
const FOLLOWED = 20_000;

function read<Names extends Name>(model: Model, names: Iterable<Names>): Pick<State, Names> {
  const entries = Array.from(names, (name) => [name, PARTS[name].read(model.get(name))] as const);
  return Object.fromEntries(entries) as unknown as Pick<State, Names>;
}

function frameOf(model: Model): Frame {
  return {
    hide: (model.get("hide") ?? []) as readonly PartName[],
    lock: (model.get("lock") ?? []) as readonly LockName[],
  };
}

/**
 * A host over a widget's model. Each change is set in the model at once, where the other views in
 * this browser see it. It is sent to the kernel every 50 ms, and when the gesture has ended.
 */
export function modelHost(model: Model): Host & { close(): void } {
  const listeners = new Set<(change: Partial<State>) => void>();
  const unsaved = new Map<Name, unknown>();
  const received = new Set<Name>();
  let setting = false;
  /** What is set when a drag of one of many logits has ended. */
  let postponed: Partial<State> = {};
  let timer: ReturnType<typeof setTimeout> | undefined;

  function set(name: Name, value: unknown): void {
    setting = true;
    try {
      model.set(name, value);
    } finally {
      setting = false;
    }
  }

  function save(): void {
    clearTimeout(timer);
    timer = undefined;
    if (unsaved.size === 0) return;
    unsaved.clear();
    model.save_changes();
  }

  function notify(): void {
    const labels = model.get("labels") as State["labels"];
    const bytes = model.get("logits") as DataView;
    // Some hosts set the parts of a change one by one: the rest is still to come.
    if (labels !== null && 8 * labels.length !== bytes.byteLength) return;
    if (received.size === 0) return;
    const change = read(model, received);
    received.clear();
    for (const listener of listeners) listener(change);
  }

  const handlers = NAMES.map((name) => {
    function changed(): void {
      if (setting) return;
      if (unsaved.has(name)) {
        // The kernel's echo of an earlier moment of this drag: the newer value stays.
        set(name, unsaved.get(name));
        return;
      }
      received.add(name);
      // Listeners get the parts of one change together, and never a value that is corrected at once.
      queueMicrotask(notify);
    }
    model.on(`change:${name}`, changed);
    return () => model.off(`change:${name}`, changed);
  });

  const frame = signal(frameOf(model));
  for (const name of ["hide", "lock"]) {
    const changed = () => (frame.value = frameOf(model));
    model.on(`change:${name}`, changed);
    handlers.push(() => model.off(`change:${name}`, changed));
  }

  const about = model.get("_rows") as About | null;
  const asked = asker(model);

  return {
    frame,
    rows: about
      ? {
          ...about,
          ask: (query: Query) => asked.ask({ ask: query }),
          ...(WRITING && { subscribe: newsOf(model) }),
        }
      : undefined,
    html() {
      // The kernel writes the page of its own state.
      save();
      return asked.ask({ page: true }) as Promise<string>;
    },
    read: () => read(model, NAMES),
    write(change, settled) {
      const all = { ...postponed, ...change };
      const waits = !settled && (all.logits?.length ?? 0) > FOLLOWED;
      postponed = waits ? all : {};
      if (waits) return;
      for (const name of Object.keys(all) as Name[]) {
        const value = (PARTS[name].write as (value: unknown) => unknown)(all[name]);
        unsaved.set(name, value);
      }
      for (const [name, value] of unsaved) set(name, value);
      if (settled) save();
      else timer ??= setTimeout(save, SAVE_EVERY_MS);
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close() {
      save();
      for (const off of handlers) off();
      asked.close();
      listeners.clear();
      received.clear();
    },
  };
}

/** Python sets what it knows of a text after each action: so all views hear of it. */
function newsOf(model: Model): NonNullable<Rows["subscribe"]> {
  return (listener) => {
    const changed = () => listener((model.get("_rows") as About).writing!);
    model.on("change:_rows", changed);
    return () => model.off("change:_rows", changed);
  };
}

interface Answer {
  readonly id: number;
  readonly answer?: unknown;
  readonly error?: string;
}

/** How long a kernel may be busy with something else before that is an error. */
const PATIENCE_MS = 30_000;

/** Asks the kernel. All views of the model receive each answer, and know theirs by its id. */
function asker(model: Model): { ask(request: object): Promise<unknown>; close(): void } {
  const waiting = new Map<number, (answer: Omit<Answer, "id">) => void>();
  function answered(answer: Answer): void {
    waiting.get(answer.id)?.(answer);
  }
  model.on("msg:custom", answered);
  return {
    ask: (request) =>
      new Promise((resolve, reject) => {
        const id = Math.random();
        function settle({ answer, error }: Omit<Answer, "id">): void {
          clearTimeout(timer);
          waiting.delete(id);
          if (error === undefined) resolve(answer);
          else reject(new Error(error));
        }
        const timer = setTimeout(settle, PATIENCE_MS, { error: strings.errors.noKernel });
        waiting.set(id, settle);
        model.send({ id, ...request });
      }),
    close() {
      model.off("msg:custom", answered);
      for (const settle of waiting.values()) settle({ error: strings.errors.closed });
    },
  };
}
