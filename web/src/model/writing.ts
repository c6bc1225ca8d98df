/**
 * A text that is written with a model, token by token. `thermoscope/explorer/writing.py` asks the model and
 * draws; here is what the page knows of the text, and what it asks for.
 */
import { batch, computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { type Settings, stepsOf } from "../math/engines";
import { count } from "../text/format";
import { say, sayAll } from "../text/messages";
import { writingStrings } from "../text/strings";
import type { RowCursor } from "./cursor";
import {
  type Action,
  type ComparedBranches,
  type ComparedSettings,
  type Continuation,
  type FoundByAction,
  later,
  type News,
  type Rows,
  type Sampling,
  type WritingStatus,
} from "./rows";
import type { Sequence } from "./sequence";
import { type Items, type State, writeTemperature } from "./state";

/** The part of the instrument that a text uses. */
interface Shown {
  readonly temperature: ReadonlySignal<number>;
  /** The frame at rest. */
  readonly rested: ReadonlySignal<{ readonly temperature: number }>;
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

/** What a token is drawn by, as the page has it. */
export interface Setting {
  readonly temperature: number;
  readonly truncation: Settings;
}

/** Two settings, and how far apart they are on the text. */
export interface SettingsApart {
  readonly a: Setting;
  readonly b: Setting;
  readonly found: ComparedSettings;
}

/** The status after an action, with what it has found. */
export type Answer = WritingStatus & Partial<FoundByAction>;

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
  /** What is compared on the text: A, or T = 1 without steps, with what is set. */
  readonly a = computed<Setting>(() => {
    const { temperature = 1, truncation = {} } = this.instrument.pinned.value?.state ?? {};
    return { temperature, truncation };
  });
  readonly b = computed<Setting>(() => ({
    temperature: this.instrument.rested.value.temperature,
    truncation: this.instrument.truncation.value,
  }));
  /** Whether they are one setting: then there is nothing to compare. */
  readonly isOneSetting = computed(() => keyOf(this.a.value) === keyOf(this.b.value));
  /** Whether tokens are played, also the last of them after a pause. */
  #isPlaying = false;
  #isClosed = false;
  /** Whether the positions could not be read after the last change. */
  #isStale = false;
  /** What is under way, and whether an action waits for its end. */
  #current: Promise<unknown> = Promise.resolve();
  #waits = false;
  /** What was heard last of the other views, and whether that waits for the end of what is under way. */
  #heard: News | null = null;
  #listens = false;
  /** Counts the changes by other views: what was asked for before one of them is not done after it. */
  #others = 0;
  readonly #unsubscribe: (() => void) | undefined;

  constructor(
    private readonly instrument: Shown,
    private readonly rows: Rows,
  ) {
    this.status = signal(rows.writing!);
    this.error = signal(why(rows.writing!));
    this.#unsubscribe = rows.subscribe?.((news) => void this.#hear(news));
    // The page may be older than the text, as after a reload, or there before the first distribution is.
    void this.act({ do: "status" }, false);
  }

  close(): void {
    this.#isClosed = true;
    this.left.value = 0;
    this.#unsubscribe?.();
  }

  /** What the page draws by. */
  #sampling(): Sampling {
    const { temperature, truncation } = this.instrument;
    return sampling({ temperature: temperature.peek(), truncation: truncation.peek() });
  }

  /**
   * Does something to the text, and shows what has come of it; null if it did not work. While something
   * else is under way, one action waits, and others are dropped: a key that is held down asks for many.
   *
   * @param seen - how many changes by other views the user has seen
   */
  async act(action: Action, isTold = true, seen = this.#others): Promise<Answer | null> {
    if (this.#waits) return null;
    this.#waits = true;
    while (this.isBusy.peek()) await this.#current;
    this.#waits = false;
    if (this.#isClosed) return null;
    if (seen !== this.#others) {
      // It was meant for another text: its position may be that of another token now.
      this.error.value = writingStrings.elsewhere;
      return null;
    }
    const current = this.#do(action, isTold);
    this.#current = current;
    return current;
  }

  /**
   * Does something to the token that is chosen. Its row may still be on the way: until it is here, another one is shown,
   * and that one is not meant.
   */
  async actHere(actionAt: (position: number) => Action): Promise<Answer | null> {
    const seen = this.#others;
    const { cursor, items } = this.instrument;
    await cursor!.arrival();
    const { row } = items.peek();
    // Where the row has not come, that is told beside its number.
    if (row === null || cursor!.error.peek() !== "") return null;
    return this.act(actionAt(row), true, seen);
  }

  /** @param isOthers - whether it is only asked what another view has done: why it failed is told there */
  async #do(action: Action, isTold: boolean, isOthers = false): Promise<Answer | null> {
    const tell = (error: string) => {
      if (!isOthers) this.error.value = error;
    };
    this.isBusy.value = true;
    tell("");
    try {
      const found = await this.#outcome(action);
      if (this.#isClosed) return null;
      const failed = found.error !== null || found.cancelled === true;
      const { made = found.version } = found;
      await this.#take(found, isOthers || failed || made !== found.version);
      tell(why(found));
      if (isTold && found.error === null && found.told.length > 0) {
        this.instrument.tell(sayAll(writingStrings.messages, found.told));
      }
      return failed ? null : found;
    } catch (error) {
      tell(error instanceof Error ? error.message : String(error));
      return null;
    } finally {
      this.isBusy.value = false;
    }
  }

  /** Asks for an action, and again until it has ended; for the status, until nothing is under way. */
  async #outcome(action: Action): Promise<Answer> {
    const { version } = this.status.peek();
    let found = await this.#ask({ ...action, version });
    // What has come of an action is told once: to the view that asked for it.
    const own = action.do !== "status" && found.action !== undefined && { action: found.action };
    while (found.busy && !this.#isClosed) {
      await later(AGAIN_MS);
      found = await this.#ask({ do: "status", version, ...own });
    }
    return found;
  }

  /** Takes over what another view has done, once nothing is under way here. */
  async #hear(news: News): Promise<void> {
    this.#heard = news;
    if (this.#listens) return;
    this.#listens = true;
    while (this.isBusy.peek()) await this.#current;
    this.#listens = false;
    const { version, busy } = this.#heard;
    const isKnown = version <= this.status.peek().version && !busy && !this.#isStale;
    if (isKnown || this.#isClosed) return;
    this.#current = this.#do({ do: "status" }, false, true);
  }

  async #ask(write: Action & { readonly version?: number }): Promise<Answer> {
    return (await this.rows.ask({ write })) as Answer;
  }

  /**
   * Shows the text as it is now.
   *
   * @param isOthers - whether another view has changed it: then the position that is shown stays, unless
   *   its token has gone
   */
  async #take(status: WritingStatus, isOthers: boolean): Promise<void> {
    const before = this.status.peek();
    if (status.version === before.version && !this.#isStale) {
      this.status.value = status;
      return;
    }
    const from = this.#isStale ? 0 : status.changed;
    const { cursor, sequence } = this.instrument;
    // Null where no row is shown, but logits that were typed.
    const row = this.instrument.items.peek().row === null ? null : cursor!.aim;
    const stays =
      row === null
        ? isOthers
        : row < from &&
          (isOthers || (this.#isPlaying ? row < before.count - 1 : isSame(status, before)));
    batch(() => {
      this.status.value = status;
      this.branches.value = null;
      this.settings.value = null;
    });
    this.#isStale = true;
    try {
      await Promise.all([
        sequence!.renew(from, status.count),
        cursor!.renew(from, status.count, stays ? row : status.count - 1),
      ]);
    } catch (error) {
      // What can't be read may be gone: another view may have changed the text again.
      const now = await this.#ask({ do: "status", version: status.version });
      if (now.version === status.version) throw error;
      return this.#take(now, true);
    } finally {
      // Only now does the user see it.
      if (isOthers) this.#others++;
    }
    this.#isStale = false;
  }

  /** Draws the next token by the temperature and the steps of the page. */
  step(): Promise<Answer | null> {
    return this.act({ do: "step", ...this.#sampling() });
  }

  /**
   * Draws some tokens, one after the other, until the text ends, `pause` is called or another view changes
   * the text.
   */
  async play(tokens: number): Promise<void> {
    if (this.#isPlaying) return;
    const seen = this.#others;
    this.#isPlaying = true;
    this.left.value = tokens;
    let written = 0;
    while (this.left.peek() > 0) {
      const found = await this.act({ do: "step", ...this.#sampling() }, false, seen);
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

  async compareSettings(): Promise<void> {
    const [a, b] = [this.a.peek(), this.b.peek()];
    const found = await this.act({ do: "settings", a: sampling(a), b: sampling(b) });
    this.settings.value = found?.settings ? { a, b, found: found.settings } : null;
  }

  /** What a page that has the model writes after the prompt, until its user has had enough. */
  goOn(setting: Setting): AsyncGenerator<Continuation> {
    return this.rows.inPage!.goOn(sampling(setting));
  }

  /** The text with all branches, as the content of a file; null if it can't be had. */
  json(): Promise<Answer | null> {
    return this.act({ do: "save" }, false);
  }

  /** The current branch as a page that asks nothing; null if it can't be had. */
  page(): Promise<Answer | null> {
    return this.act(
      { do: "page", ...this.#sampling(), scale: this.instrument.scale.peek() },
      false,
    );
  }
}

/** Why the last action did not work; empty if it did. */
function why({ error }: WritingStatus): string {
  return error === null ? "" : say(writingStrings.messages, error);
}

/** Whether the text is the same, as where a branch gets another name. */
function isSame(status: WritingStatus, before: WritingStatus): boolean {
  return status.count === before.count && status.changed >= status.count;
}

function sampling({ temperature, truncation }: Setting): Sampling {
  return { temperature: writeTemperature(temperature), truncation };
}

/** The same text for two settings that draw the same. */
function keyOf({ temperature, truncation }: Setting): string {
  const order = stepsOf(truncation);
  // Without steps an engine does nothing.
  const steps = order.length > 1 ? Object.entries({ ...truncation, order }).sort() : [];
  return String([temperature, steps]);
}
