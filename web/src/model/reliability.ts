import { computed, effect, type ReadonlySignal, signal } from "@preact/signals";
import { numberText } from "../text/format";
import { type Found, later, type Rows, type WrittenReliability } from "./rows";
import { readNumbers } from "./state";

/** How many numbers there are of each temperature, and of each of its bins. */
const HEAD = 4;
const EACH = 5;
/** What the table of all stops is asked for by. */
const STOPS = "stops";

/** The reliability of all rows at a temperature. */
export interface Measured {
  readonly temperature: number;
  /** In the order of `WrittenReliability`. */
  readonly scores: Float64Array;
  readonly bins: readonly Bin[];
}

/** The rows with a confidence above one edge, up to the next. */
export interface Bin {
  readonly low: number;
  readonly high: number;
  readonly count: number;
  readonly confidence: number;
  readonly accuracy: number;
  /** Where the accuracy would be if the probabilities were right, in 95 of 100 cases. */
  readonly range: readonly [number, number];
}

/** Reliability at some temperatures. */
export class Table {
  readonly temperatures: Float64Array;
  /** The fitted temperature and its interval, or null. */
  readonly fit: Float64Array | null;
  private readonly values: Float64Array;

  constructor(readonly written: WrittenReliability) {
    this.temperatures = readNumbers(written.temperatures);
    this.values = readNumbers(written.values);
    this.fit = written.fit === undefined ? null : readNumbers(written.fit);
  }

  /** The number at a place of the row of each temperature. */
  column(place: number): Float64Array {
    const width = this.values.length / this.temperatures.length;
    return this.temperatures.map((_, at) => this.values[at * width + place]!);
  }

  /** What was measured at the temperature that is nearest, as a factor. */
  nearest(temperature: number): Measured {
    const { temperatures, values } = this;
    const after = Math.max(
      temperatures.findIndex((other) => other >= temperature),
      0,
    );
    const before = Math.max(after - 1, 0);
    const isBefore = temperature / temperatures[before]! < temperatures[after]! / temperature;
    const at = isBefore ? before : after;
    const width = values.length / temperatures.length;
    const row = values.subarray(at * width, (at + 1) * width);
    const count = (width - HEAD) / EACH;
    const bins = Array.from({ length: count }, (_, bin) => {
      const of = (part: number) => row[HEAD + part * count + bin]!;
      return {
        low: bin / count,
        high: (bin + 1) / count,
        count: of(0),
        confidence: of(1),
        accuracy: of(2),
        range: [of(3), of(4)] as const,
      };
    });
    return { temperature: temperatures[at]!, scores: row.subarray(0, HEAD), bins };
  }
}

/** The part of the instrument that the reliability follows. */
interface Followed {
  readonly temperature: ReadonlySignal<number>;
  readonly rested: ReadonlySignal<{ readonly temperature: number }>;
}

/**
 * The reliability of all rows, at the temperature of the instrument. A drag looks it up in a table of all
 * stops of the sliders; a temperature between them is asked for once the drag rests.
 */
export class Reliability {
  /** At all stops of the sliders and at the fitted temperature; null until it has come. */
  readonly table = signal<Table | null>(null);
  /** The fraction of the rows that are measured for the table; null once they are. */
  readonly progress = signal<number | null>(null);
  readonly error = signal("");
  /** At the temperature of the instrument, or at the nearest one that is known. */
  readonly now = computed(() => this.#at(this.followed.temperature.value));
  /** The same once a drag rests. */
  readonly rested = computed(() => this.#at(this.followed.rested.value.temperature));

  /** At the temperature that was asked for last. */
  readonly #asked = signal<Measured | null>(null);
  #busy = false;
  #isClosed = false;
  #unfollow = () => {};
  #whole: Promise<void> | null = null;

  /**
   * @param rows - what is asked for all that is not in the table
   * @param written - the table of a file, which has nothing to ask
   */
  constructor(
    private readonly followed: Followed,
    readonly rows: Rows | undefined,
    written?: WrittenReliability,
  ) {
    if (written !== undefined) this.table.value = new Table(written);
  }

  /** Measures the rows, unless that was begun before. */
  open(): void {
    if (this.rows === undefined || this.#whole !== null) return;
    this.#whole = this.#measure();
    this.#unfollow = effect(() => {
      // Asked for again if the temperature has changed meanwhile.
      if (!this.#isKnown(this.followed.rested.value.temperature) && !this.#busy)
        void this.#pursue();
    });
  }

  close(): void {
    this.#isClosed = true;
    this.#unfollow();
  }

  /** Waits for the table, and returns it as it was written; undefined if there is none. */
  async written(): Promise<WrittenReliability | undefined> {
    await this.#whole;
    return this.table.peek()?.written;
  }

  #at(temperature: number): Measured | null {
    const { value: asked } = this.#asked;
    const { value: table } = this.table;
    return asked?.temperature === temperature ? asked : (table?.nearest(temperature) ?? asked);
  }

  #isKnown(temperature: number): boolean {
    return this.#at(temperature)?.temperature === temperature;
  }

  async #measure(): Promise<void> {
    this.progress.value = 0;
    this.table.value = await this.#find(STOPS);
    this.progress.value = null;
  }

  async #pursue(): Promise<void> {
    this.#busy = true;
    for (;;) {
      const { temperature } = this.followed.rested.peek();
      if (this.#isClosed || this.#isKnown(temperature)) break;
      const found = await this.#find(numberText(temperature));
      if (found === null) break;
      this.#asked.value = found.nearest(temperature);
    }
    this.#busy = false;
  }

  /** Asks until the answer is there; null if there is none. */
  async #find(reliability: string): Promise<Table | null> {
    try {
      while (!this.#isClosed) {
        const answer = (await this.rows!.ask({ reliability })) as Found;
        if ("found" in answer) {
          this.error.value = "";
          return new Table(answer.found);
        }
        if (reliability === STOPS) this.progress.value = answer.done / this.rows!.count;
        await later();
      }
    } catch (error) {
      this.error.value = error instanceof Error ? error.message : String(error);
    }
    return null;
  }
}
