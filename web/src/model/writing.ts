/**
 * A text that is written with a model, token by token. `thermoscope/explorer/writing.py` asks the model and
 * draws; here is what the page knows of the text, and what it asks for.
 */
import { batch, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import type { Settings } from "../math/engines";
import { count } from "../text/format";
import { writingStrings } from "../text/strings";
import type { RowCursor } from "./cursor";
import {
  type Action,
  type ComparedBranches,
  type ComparedSettings,
  type FoundByAction,
  later,
  type Rows,
  type Sampling,
  type WritingStatus,
} from "./rows";
import type { Sequence } from "./sequence";
import { type Items, type State, writeTemperature } from "./state";

/** The part of the instrument that a text uses. */
interface Shown {
  readonly temperature: ReadonlySignal<number>;
  readonly truncation: ReadonlySignal<Settings>;
  readonly scale: ReadonlySignal<string>;
  readonly items: ReadonlySignal<Items>;
  readonly pinned: ReadonlySignal<{ readonly state: State } | null>;
  readonly cursor: RowCursor | null;
  readonly sequence: Sequence | null;
  tell(text: string): void;
}

/** How long it takes until the page asks again what has come of an action. */
const AGAIN_MS = 100;

/** Two settings, and how far apart they are on the text. */
export interface SettingsApart {
  readonly a: Sampling;
  readonly b: Sampling;
  readonly found: ComparedSettings;
}

type Answer = WritingStatus & Partial<FoundByAction>;

export class Writing {
  readonly status: Signal<WritingStatus>;
  /** Whether an action is under way: there is one at a time. */
  readonly isBusy = signal(false);
  /** How many tokens are still to be played; 0 where nothing plays. */
  readonly left = signal(0);
  /** Why the last action did not work. */
  readonly error: Signal<string>;
  /** Null until it is asked for, and once the text has changed. */
  readonly branches = signal<ComparedBranches | null>(null);
  readonly settings = signal<SettingsApart | null>(null);
  /** Whether tokens are played, also the last of them after a pause. */
  #isPlaying = false;
  #isClosed = false;
  /** Whether the positions could not be read after the last change. */
  #isStale = false;
  /** What is under way, and whether an action waits for its end. */
  #current: Promise<unknown> = Promise.resolve();
  #waits = false;

  constructor(
    private readonly instrument: Shown,
    private readonly rows: Rows,
  ) {
    this.status = signal(rows.writing!);
    this.error = signal(rows.writing!.error);
    // The page may be older than the text, as after a reload, or there before the first distribution is.
    void this.act({ do: "status" }, false);
  }

  close(): void {
    this.#isClosed = true;
    this.left.value = 0;
  }

  /** What the page draws by. */
  #sampling(): Sampling {
    const { temperature, truncation } = this.instrument;
    return { temperature: writeTemperature(temperature.peek()), truncation: truncation.peek() };
  }

  /**
   * Does something to the text, and shows what has come of it; null if it did not work. While something
   * else is under way, one action waits, and others are dropped: a key that is held down asks for many.
   */
  async act(action: Action, isTold = true): Promise<Answer | null> {
    if (this.#waits) return null;
    this.#waits = true;
    while (this.isBusy.peek()) await this.#current;
    this.#waits = false;
    if (this.#isClosed) return null;
    const current = this.#do(action, isTold);
    this.#current = current;
    return current;
  }

  async #do(action: Action, isTold: boolean): Promise<Answer | null> {
    this.isBusy.value = true;
    this.error.value = "";
    try {
      const { version } = this.status.peek();
      let found = await this.#ask({ ...action, version });
      while (found.busy && !this.#isClosed) {
        await later(AGAIN_MS);
        found = await this.#ask({ do: "status" });
      }
      if (this.#isClosed) return null;
      await this.#take(found);
      this.error.value = found.error;
      if (found.error !== "") return null;
      if (isTold && found.told !== "") this.instrument.tell(found.told);
      return found;
    } catch (error) {
      this.error.value = error instanceof Error ? error.message : String(error);
      return null;
    } finally {
      this.isBusy.value = false;
    }
  }

  async #ask(write: Action & { readonly version?: number }): Promise<Answer> {
    return (await this.rows.ask({ write })) as Answer;
  }

  async #take(status: WritingStatus): Promise<void> {
    const before = this.status.peek();
    if (status.version === before.version && !this.#isStale) {
      this.status.value = status;
      return;
    }
    // A page that has missed a change reads all again.
    const isNext = status.version === before.version + 1 && !this.#isStale;
    const from = isNext ? status.changed : 0;
    const { cursor, sequence } = this.instrument;
    const row = this.instrument.items.peek().row ?? Infinity;
    const stays = row < from && (this.#isPlaying ? row < before.count - 1 : isSame(status, before));
    batch(() => {
      this.status.value = status;
      this.branches.value = null;
      this.settings.value = null;
    });
    this.#isStale = true;
    await Promise.all([
      sequence!.renew(from, status.count),
      cursor!.renew(from, status.count, stays ? row : status.count - 1),
    ]);
    this.#isStale = false;
  }

  /** Draws the next token by the temperature and the steps of the page. */
  step(): Promise<Answer | null> {
    return this.act({ do: "step", ...this.#sampling() });
  }

  /** Draws some tokens, one after the other, until the text ends or `pause` is called. */
  async play(tokens: number): Promise<void> {
    if (this.#isPlaying) return;
    this.#isPlaying = true;
    this.left.value = tokens;
    let written = 0;
    while (this.left.peek() > 0) {
      const found = await this.act({ do: "step", ...this.#sampling() }, false);
      if (found === null) break;
      written++;
      // A pause has set it to 0.
      this.left.value = found.ended ? 0 : Math.max(0, this.left.peek() - 1);
    }
    this.#isPlaying = false;
    this.left.value = 0;
    if (this.error.peek() === "") this.instrument.tell(writingStrings.played(count(written)));
  }

  /** Stops after the token that is on the way. */
  pause(): void {
    this.left.value = 0;
  }

  /** Drops what is under way: the text stays as it was before it. */
  async cancel(): Promise<void> {
    this.left.value = 0;
    // Whatever waits hears of it by its own answer.
    if (this.isBusy.peek()) await this.#ask({ do: "cancel" }).catch(() => undefined);
  }

  /** Whether a position has a drawn token: all but the last one, which is the next token's. */
  isWritten(row: number | null): row is number {
    return row !== null && row < this.status.value.count - 1;
  }

  async compareBranches(name: string): Promise<void> {
    const found = await this.act({ do: "compare", with: name, ...this.#sampling() });
    this.branches.value = found?.comparison ?? null;
  }

  /** Compares what is set with A, or with T = 1 without steps. */
  async compareSettings(): Promise<void> {
    const { temperature = 1, truncation = {} } = this.instrument.pinned.peek()?.state ?? {};
    const a = { temperature: writeTemperature(temperature), truncation };
    const b = this.#sampling();
    const found = await this.act({ do: "settings", a, b });
    this.settings.value = found?.settings ? { a, b, found: found.settings } : null;
  }

  /** The text with all branches, as the content of a file; null if it can't be had. */
  json(): Promise<Partial<FoundByAction> | null> {
    return this.act({ do: "save" });
  }

  /** The current branch as a page that asks nothing; null if it can't be had. */
  page(): Promise<Partial<FoundByAction> | null> {
    return this.act({ do: "page", ...this.#sampling(), scale: this.instrument.scale.peek() });
  }
}

/** Whether the text is the same, as where a branch gets another name. */
function isSame(status: WritingStatus, before: WritingStatus): boolean {
  return status.count === before.count && status.changed >= status.count;
}
