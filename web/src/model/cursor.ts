import { batch, computed, effect, type ReadonlySignal, signal } from "@preact/signals";
import { count, parseWhole } from "../text/format";
import { rowStrings } from "../text/strings";
import { later, type Order, type Progress, type Rows, type Wanted, type WrittenRow } from "./rows";
import { type Items, readState, type State, type WrittenState } from "./state";

/** The part of the instrument that the cursor uses. */
interface Shown {
  readonly items: ReadonlySignal<Items>;
  go(change: Partial<State>): void;
}

/** How many answers are kept: the row that is shown, its neighbours, and some shown before. */
const KEPT = 6;

/**
 * The place of the instrument in the rows. One request is under way at a time; of the steps made
 * meanwhile, the last counts. The row that is shown stays until the next one has arrived.
 */
export class RowCursor {
  /** The order in which the rows are stepped through. */
  readonly order = signal<Order>("given");
  /** The order that the user chose; it becomes `order` once it is sorted. */
  readonly chosen = signal<Order>("given");
  /** The place in the order of the row that is shown, or was shown before random logits. */
  readonly place = signal(0);
  /** The fraction of the rows that were read for the chosen order; null once it is sorted. */
  readonly progress = signal<number | null>(null);
  readonly error = signal("");
  /** How many rows there are: a text that is written gets more. */
  readonly count;
  /** How many rows the order has. */
  readonly size = computed(() => this.#sizes.get(this.order.value) ?? this.count.value);

  /** The names of orders that are chosen elsewhere. */
  readonly names = new Map<Order, string>();
  /** The sizes of orders that do not have all rows. */
  readonly #sizes = new Map<Order, number>();
  /** The place that the steps so far lead to; its row may still be on the way. */
  aim = 0;
  #wanted: Wanted | null = null;
  #busy = false;
  #pursuit = Promise.resolve();
  /** Whether the rows beside the one that is shown are fetched too: not while a text grows. */
  #looksAhead = true;
  /** Counts up when answers to earlier requests must no longer be shown. */
  #turn = 0;
  #shown: number | null;
  /** The labels that all rows have in common; undefined until an answer has brought them. */
  #labels: WrittenState["labels"] | undefined;
  readonly #kept = new Map<string, Promise<WrittenRow>>();
  readonly #unfollow: () => void;

  constructor(
    private readonly instrument: Shown,
    readonly rows: Rows,
  ) {
    this.count = signal(rows.count);
    const { row, labels } = instrument.items.peek();
    this.#shown = row;
    if (row !== null) {
      this.#labels = labels;
      this.place.value = this.aim = row;
    }
    // Another view or the kernel may set other logits.
    this.#unfollow = effect(() => {
      const { row: now } = instrument.items.value;
      if (now === this.#shown) return;
      if (now === null) {
        this.#forget();
        return;
      }
      this.#shown = now;
      this.#settle("given", now);
    });
  }

  close(): void {
    this.#forget();
    this.#unfollow();
  }

  #forget(): void {
    this.#turn++;
    this.#wanted = null;
    this.aim = this.place.peek();
  }

  /** Moves on by a number of places, up to the first or the last row. */
  step(by: number): void {
    const place = Math.max(0, Math.min(this.size.peek() - 1, this.aim + by));
    if (place === this.aim && this.instrument.items.peek().row !== null) return;
    this.aim = place;
    this.#want({ order: this.order.peek(), place });
  }

  /** Goes to the row whose number was typed; false if there is no such row. */
  go(text: string): boolean {
    const row = parseWhole(text);
    if (row === null || row >= this.count.peek()) {
      this.error.value = rowStrings.bar.refused(
        count(this.count.peek() - 1),
        text.trim().slice(0, 20),
      );
      return false;
    }
    this.to(row);
    return true;
  }

  /** Goes to a row by its number. */
  to(row: number): void {
    let order = this.order.peek();
    // A row of any other bin.
    if (order.startsWith("bin")) this.chosen.value = order = "given";
    if (order === "given") this.aim = row;
    this.#want(order === "given" ? { order, place: row } : { order, row });
  }

  /**
   * Goes to the first row of an order, once that is sorted. The given order keeps the row.
   *
   * @param name - of an order that is not one of the rows
   */
  choose(order: Order, name = ""): void {
    const turn = ++this.#turn;
    if (name !== "") this.names.set(order, name);
    batch(() => {
      this.chosen.value = order;
      this.error.value = "";
      this.progress.value = null;
      if (order === "given") this.#settle(order, this.#shown ?? 0);
    });
    if (order !== "given") void this.#sort(order, turn);
  }

  /** The progress of an order, or the place of the row in it; empty for the given order. */
  note(): string {
    const { value: progress } = this.progress;
    if (progress !== null) return rowStrings.bar.sorting(`${Math.floor(100 * progress)} %`);
    if (this.order.value === "given") return "";
    const [place, size] = [count(this.place.value + 1), this.size.value];
    return size === this.count.value
      ? rowStrings.bar.place(place)
      : rowStrings.bar.placeOf(place, count(size));
  }

  /**
   * Takes over that the rows from one on have changed, and how many there are now.
   *
   * @param place - whose row is shown before this resolves; null if what is shown stays
   */
  renew(from: number, count: number, place: number | null): Promise<void> {
    for (const key of this.#kept.keys()) {
      if (!(JSON.parse(key).place < from)) this.#kept.delete(key);
    }
    this.count.value = count;
    if (place === null || (place < from && place === this.aim)) return Promise.resolve();
    this.#forget();
    this.aim = place;
    this.#want({ order: "given", place }, false);
    return this.#pursuit;
  }

  /** Waits for the row that is on the way. */
  async arrival(): Promise<void> {
    await this.#pursuit;
  }

  #settle(order: Order, place: number): void {
    batch(() => {
      this.#forget();
      this.order.value = this.chosen.value = order;
      this.progress.value = null;
      this.place.value = this.aim = place;
    });
  }

  async #sort(order: Order, turn: number): Promise<void> {
    try {
      for (let done = 0; done < this.rows.count; ) {
        const progress = (await this.rows.ask({ order })) as Progress;
        if (turn !== this.#turn) return;
        ({ done } = progress);
        if (progress.size !== undefined) this.#sizes.set(order, progress.size);
        this.progress.value = done / this.rows.count;
        if (done < this.rows.count) await later();
        if (turn !== this.#turn) return;
      }
      this.progress.value = null;
      this.#want({ order, place: 0 });
    } catch (error) {
      if (turn !== this.#turn) return;
      this.progress.value = null;
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    batch(() => {
      this.error.value = error instanceof Error ? error.message : String(error);
      if (this.progress.peek() === null) this.chosen.value = this.order.peek();
    });
  }

  #want(query: Wanted, looksAhead = true): void {
    this.error.value = "";
    this.#wanted = query;
    this.#looksAhead = looksAhead;
    if (!this.#busy) this.#pursuit = this.#pursue();
  }

  async #pursue(): Promise<void> {
    this.#busy = true;
    while (this.#wanted !== null) {
      const [turn, wanted] = [this.#turn, this.#wanted];
      try {
        const found = await this.#get(wanted);
        if (turn !== this.#turn) continue;
        this.#show(found, wanted.order, wanted === this.#wanted);
      } catch (error) {
        if (wanted !== this.#wanted) continue;
        this.aim = this.place.peek();
        this.#fail(error);
      }
      if (wanted === this.#wanted) this.#wanted = null;
    }
    this.#busy = false;
    if (this.error.peek() !== "" || !this.#looksAhead) return;
    const [order, place] = [this.order.peek(), this.place.peek()];
    for (const beside of [place + 1, place - 1]) {
      if (beside < 0 || beside >= this.size.peek()) continue;
      // An error is shown when the user goes to that row.
      this.#get({ order, place: beside }).catch(() => undefined);
    }
  }

  #show(found: WrittenRow, order: Order, last: boolean): void {
    const { labels = this.#labels ?? null, row, place } = found;
    this.#labels ??= labels;
    const { logits, source, target, tail } = readState({ ...found, labels });
    const items = this.instrument.items.peek();
    this.#shown = row;
    batch(() => {
      this.order.value = order;
      this.place.value = place;
      if (last) this.aim = place;
      this.instrument.go({
        logits,
        // Known labels need not be sent to a notebook again.
        ...(labels === items.labels ? {} : { labels }),
        source,
        row,
        target,
        seed: null,
        tail,
      });
    });
  }

  #get(query: Wanted): Promise<WrittenRow> {
    const key = JSON.stringify(query);
    let found = this.#kept.get(key);
    if (found === undefined) {
      const known = this.#labels !== undefined;
      found = this.rows.ask(known ? query : { ...query, labels: "all" }) as Promise<WrittenRow>;
      found.catch(() => this.#kept.delete(key));
    }
    // The answer used last moves to the end of the map, so that the oldest is first.
    this.#kept.delete(key);
    this.#kept.set(key, found);
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= KEPT) break;
      this.#kept.delete(oldest);
    }
    return found;
  }
}
