/**
 * A text as its tokens: what a server reported for each position, and what follows from it at any
 * temperature. `thermoscope/explorer/sequence.py` sends it in chunks.
 */
import { batch, computed, effect, type ReadonlySignal, signal } from "@preact/signals";
import { type Drawn, type Fate, type Range, rankWithTail, sampler } from "../math/allowed";
import type { Settings } from "../math/engines";
import { Bounds, Reported } from "../math/reported";
import { REST_MS, whenIdle } from "./idle";
import type { AboutSequence, Rows, WrittenChunk } from "./rows";
import { bytesOf, readNumbers } from "./state";

/** A token of the text, with what was reported for its position. */
export interface Position {
  readonly text: string;
  /** Which part of the text it is, from 0, where several tokens are one character. */
  readonly part: number;
  /** Which entry of the row was drawn; -1 if that is not known. */
  readonly item: number;
  /** Null where nothing can be said. */
  readonly reported: Reported | null;
  /** The place of the drawn token among the reported ones, the likeliest first. */
  readonly place: number;
  /** Between which ranks the drawn token lies, from 1. */
  readonly rank: Range;
}

/** In nats, between what these lie: NaN where they are not known. */
export interface Measures {
  readonly surprisal: Range;
  readonly entropy: Range;
}

/** What the colour of a token may say. */
export const COLOURS = ["surprisal", "entropy", "rank", "sampler"] as const;
export type Colour = (typeof COLOURS)[number];

/**
 * Where the next level of colour begins: of surprisal and entropy in bits, of ranks. The levels of the
 * sampler are kept, undecided and dropped.
 */
export const LEVELS: Readonly<Record<Exclude<Colour, "sampler">, readonly number[]>> = {
  surprisal: [0.5, 2, 4, 7, 11],
  entropy: [0.5, 1.5, 3, 5, 7],
  rank: [2, 4, 11, 101, 1001],
};
const FATES: readonly Fate[] = ["kept", "undecided", "dropped"];
/** The level of a token of which nothing is known. */
export const UNKNOWN = -1;

/** How long a part of a pass over all positions may keep the page from anything else. */
const SLICE_MS = 4;
/** The same in a frame of a drag, and how many positions that may be enough for. */
const FIRST_MS = 1;
const FEW = 2000;
/** Positions between two looks at the clock. */
const STEP = 32;

/** Of how many tokens it is known what the sampler makes of them, and what that is. */
export interface Verdict {
  readonly known: number;
  readonly dropped: number;
  readonly undecided: number;
}

/** What all positions have, in nats: the middle of what it lies between; NaN where nothing is known. */
export interface Along {
  readonly temperature: number;
  readonly surprisal: Float64Array;
  readonly entropy: Float64Array;
}

/** The part of the instrument that a sequence uses. */
interface Shown {
  readonly temperature: ReadonlySignal<number>;
  readonly truncation: ReadonlySignal<Settings>;
  /** The frame at rest. */
  readonly rested: ReadonlySignal<{ readonly temperature: number }>;
}

const NOTHING: Range = [NaN, NaN];

/** Filled again and again: a drag allocates nothing for it. */
const bounds = new Bounds();

export class Sequence {
  readonly passages: AboutSequence["passages"];
  /** Whether the server reports what its own sampler has left. */
  readonly isProcessed: boolean;
  /** How many positions there are, and how many of them are here. */
  readonly count;
  readonly loaded = signal(0);
  /** The first of the positions that changed last, in a text that is written. */
  readonly changed = signal({ from: 0 });
  readonly error = signal("");
  readonly colour = signal<Colour>("surprisal");
  /** Null while it is counted. */
  readonly verdict = signal<Verdict | null>(null);
  /** At rest: a line through all positions costs more than a frame. */
  readonly along = signal<Along | null>(null);
  readonly #positions: Position[] = [];
  readonly #closers: (() => void)[];
  #isClosed = false;
  /** Counts up when chunks that are on the way must no longer be added. */
  #turn = 0;
  readonly #temperature: number;
  readonly #vocabulary: number;

  constructor(
    private readonly instrument: Shown,
    private readonly rows: Rows,
  ) {
    const { temperature, vocabulary, passages, processed = false } = rows.sequence!;
    this.#temperature = temperature;
    this.#vocabulary = vocabulary ?? Infinity;
    this.passages = passages;
    this.isProcessed = processed;
    this.count = signal(rows.count);
    this.#closers = [effect(() => this.#countFates()), effect(() => this.#follow())];
    void this.#load();
  }

  close(): void {
    this.#isClosed = true;
    for (const close of this.#closers) close();
  }

  async #load(): Promise<void> {
    const turn = this.#turn;
    const isOver = () => turn !== this.#turn || this.#isClosed;
    try {
      while (this.#positions.length < this.count.peek() && !isOver()) {
        const { length } = this.#positions;
        const chunk = (await this.rows.ask({ sequence: length })) as WrittenChunk;
        if (isOver()) return;
        this.#add(chunk);
        this.loaded.value = this.#positions.length;
      }
    } catch (error) {
      if (!isOver()) this.error.value = error instanceof Error ? error.message : String(error);
    }
  }

  /**
   * Takes over that the positions from one on have changed, and how many there are now. They stay as they
   * were until the first ones of the others are here.
   */
  async renew(changed: number, count: number): Promise<void> {
    this.#turn++;
    const turn = this.#turn;
    const from = Math.min(changed, this.#positions.length);
    const chunk = from < count && ((await this.rows.ask({ sequence: from })) as WrittenChunk);
    if (turn !== this.#turn) return;
    batch(() => {
      this.error.value = "";
      this.#positions.length = from;
      if (chunk) this.#add(chunk);
      this.count.value = count;
      this.changed.value = { from };
      this.loaded.value = this.#positions.length;
    });
    void this.#load();
  }

  /** What the passage of a position goes on from; empty where that is not known, or has positions. */
  promptOf(position: number): string {
    return this.passages.findLast(([start]) => start <= position)?.[2] ?? "";
  }

  /** Whether a position is the one after a text that is written: no token is drawn there yet. */
  isNext(position: number): boolean {
    return this.rows.writing !== undefined && position === this.count.peek() - 1;
  }

  /** The text of the tokens that are here. */
  text(): string {
    return this.#positions.map(({ text, part }) => (part > 0 ? "" : text)).join("");
  }

  #add(chunk: WrittenChunk): void {
    const { width, sizes, drawn, parts, places, texts } = chunk;
    const logits = Float64Array.from(
      floatsFromBase64(chunk.logprobs),
      (logprob) => logprob * this.#temperature,
    );
    const rests = readNumbers(chunk.rest);
    const deltas = readNumbers(chunk.deltas);
    for (const [k, size] of sizes.entries()) {
      const [text, item, place] = [texts[k]!, drawn[k]!, places[k]!];
      const from = k * width;
      const rest = rests[k]!;
      // The last one may have been added to the likeliest because it was drawn.
      const isLast = place === size - 1 && size > 1 && rest > -Infinity;
      const tail = {
        mass: Math.exp(rest),
        cap: logits[from + size - (isLast ? 2 : 1)]! / this.#temperature,
        count: rest === -Infinity ? 0 : this.#vocabulary - size,
        temperature: this.#temperature,
        delta: deltas[k]!,
      };
      this.#positions.push({
        text,
        part: parts[k]!,
        item,
        reported: size === 0 ? null : new Reported(logits, tail, from, from + size),
        place,
        rank: isLast ? rankWithTail(tail, place, logits[from + place]!) : [place + 1, place + 1],
      });
    }
  }

  /** A position that is there. */
  at(position: number): Position {
    return this.#positions[position]!;
  }

  /** Which entry of a row was drawn; -1 if that is not known. */
  itemOf(row: number | null): number {
    this.changed.value;
    return row !== null && row < this.loaded.value ? this.at(row).item : -1;
  }

  /** What the drawn token and its position have at the settings; null where nothing is known. */
  measures(
    { reported, place }: Position,
    temperature = this.instrument.temperature.value,
  ): Measures | null {
    if (reported === null) return null;
    reported.at(temperature, bounds);
    const entropy: Range = [bounds.entropyLow, bounds.entropyHigh];
    if (place < 0) return { entropy, surprisal: NOTHING };
    const weight = bounds.weight(reported.logits[reported.from + place]!);
    // Adding 0 turns −0 into 0.
    const surprisal = [
      -Math.log(bounds.high(weight)) + 0,
      -Math.log(bounds.low(weight)) + 0,
    ] as const;
    return { entropy, surprisal };
  }

  /** Whether there are steps that could have kept a token from being written. */
  readonly isSampled = computed(() => Object.keys(this.instrument.truncation.value).length > 0);
  readonly #judge = computed(() =>
    sampler(this.instrument.temperature.value, this.instrument.truncation.value),
  );

  /** Whether the sampler could have drawn the token; null if it is not known. */
  fate(position: Position): Fate | null {
    const { reported, place } = position;
    return reported === null || place < 0 ? null : this.#judge.value(position as Drawn);
  }

  /** The level of colour of a position, from 0; `UNKNOWN` where nothing is known. */
  level(position: Position): number {
    const { value: colour } = this.colour;
    if (colour === "sampler") {
      const fate = this.fate(position);
      return fate === null ? UNKNOWN : FATES.indexOf(fate);
    }
    if (colour === "rank") return levelOf(colour, position.place < 0 ? NaN : middle(position.rank));
    const range = this.measures(position)?.[colour] ?? NOTHING;
    return levelOf(colour, middle(range) / Math.LN2);
  }

  /** Counts the fates: of a short text as many as a frame has room for at once, the others after a drag. */
  #countFates(): () => void {
    const found = { known: 0, dropped: 0, undecided: 0 };
    const size = this.loaded.value;
    this.changed.value;
    // Read here: the others are counted when this function has ended.
    this.#judge.value;
    this.verdict.value = null;
    return inSlices(
      size,
      size > FEW ? 0 : FIRST_MS,
      (k) => {
        const fate = this.fate(this.at(k));
        if (fate !== null) found.known++;
        if (fate === "dropped" || fate === "undecided") found[fate]++;
      },
      () => (this.verdict.value = found),
    );
  }

  #follow(): () => void {
    const size = this.loaded.value;
    this.changed.value;
    const { temperature } = this.instrument.rested.value;
    const surprisal = new Float64Array(size);
    const entropy = new Float64Array(size);
    return inSlices(
      size,
      0,
      (k) => {
        const measures = this.measures(this.at(k), temperature);
        surprisal[k] = middle(measures?.surprisal ?? NOTHING);
        entropy[k] = middle(measures?.entropy ?? NOTHING);
      },
      () => (this.along.value = { temperature, surprisal, entropy }),
    );
  }
}

/**
 * Does a work in parts, at first for as long as a frame has room, then while the page is idle and no
 * drag goes on; returns what cancels it.
 */
function inSlices(
  size: number,
  first: number,
  each: (k: number) => void,
  done: () => void,
): () => void {
  let k = 0;
  let cancel = () => {};
  function work(milliseconds: number): boolean {
    const end = performance.now() + milliseconds;
    while (k < size) {
      each(k++);
      if (k % STEP === 0 && performance.now() > end) return k === size;
    }
    return true;
  }
  function goOn(): void {
    if (work(SLICE_MS)) done();
    else cancel = whenIdle(goOn);
  }
  if (first > 0 && work(first)) done();
  else {
    const timer = setTimeout(goOn, REST_MS);
    cancel = () => clearTimeout(timer);
  }
  return () => cancel();
}

/** The middle of what a number lies between; its least value where there is no highest. */
export function middle([low, high]: Range): number {
  return high === Infinity ? low : (low + high) / 2;
}

function floatsFromBase64(written: string): Float32Array {
  const { buffer } = bytesOf(written);
  const view = new DataView(buffer);
  return new Float32Array(buffer.byteLength / 4).map((_, k) => view.getFloat32(4 * k, true));
}

function levelOf(colour: keyof typeof LEVELS, value: number): number {
  if (Number.isNaN(value)) return UNKNOWN;
  return LEVELS[colour].filter((least) => value >= least).length;
}
