import { batch, computed, effect, type ReadonlySignal, signal } from "@preact/signals";
import { type Fate, rankWithTail, sampler } from "../math/allowed";
import { type Axis, fraction, logitAxis, roundUp } from "../math/axis";
import { Distribution, type Frame, soleDifference } from "../math/definition";
import type { Settings } from "../math/engines";
import { freshSeed, randomLogits } from "../math/random";
import { Reported, type Tail } from "../math/reported";
import { SCALES } from "../math/scales";
import { type Kept, Truncation } from "../math/truncation";
import {
  aligned,
  brief,
  count,
  decimalsFor,
  digits,
  percent,
  percentOf,
  percentRange,
  plain,
} from "../text/format";
import { rowStrings, strings } from "../text/strings";
import { type Comparison, compare, matched, Pinned } from "./compare";
import { RowCursor } from "./cursor";
import { type Curves, curvesOf, nucleusOf } from "./curves";
import { Drawn } from "./drawn";
import { type Draws, draw } from "./draws";
import { LOCKS, type LockName, PARTS, type PartName } from "./frame";
import { History } from "./history";
import type { Host } from "./host";
import { REST_MS } from "./idle";
import { Reliability } from "./reliability";
import { afterText, Sampler } from "./sampler";
import { Sequence } from "./sequence";
import { type Items, itemsOf, labelOf, type State } from "./state";
import { Writing } from "./writing";

/** Up to this many items are all shown, in the given order; more are sorted, in a window. */
const FEW = 50;
const WINDOW = 15;
/** Up to this many items, bars on an axis up to 100 % are long enough to be compared. */
const WHOLE_AXIS = 10;

/** What the outlines show: probabilities that the temperature does not change. */
interface Outline {
  readonly top: number;
  /** Of all items outside of the window. */
  readonly outside: number;
  readonly sum: number;
  probability(item: number): number;
}

interface Drawing {
  readonly count: number;
  readonly seed: number;
}

/** The logit that is being dragged. Until it is let go, items keep their places and the axis its ends. */
interface Held {
  readonly item: number;
  /** The ranks, as they were. */
  readonly order: Uint32Array;
  /** The rank of the item, as it was. */
  readonly rank: number;
  readonly axis: Axis;
}

/** What was read, or why it was not. */
interface Notice {
  readonly text: string;
  readonly isError: boolean;
  /** The items that it is about. */
  readonly items: Items;
}

/**
 * What the views show, as signals: a drag updates each text and each bar directly, and compares
 * nothing else. The position of an item is its place on the screen, counted from 0: its rank if
 * there are many items, its index if there are few.
 */
export class Instrument {
  readonly temperature;
  readonly items;
  /** The steps of the sampler besides the temperature. */
  readonly truncation;
  /** The scale of the slider: 1e-4 … 1e4, or 0 … 2 in steps of 0.01. */
  readonly scale;
  readonly history = new History(() => this.state());
  /** Goes from row to row of logits, if there are several. */
  readonly cursor: RowCursor | null;
  /** The text whose positions the rows are, if they are. */
  readonly sequence: Sequence | null;
  /** What is done to that text, if it is written with a model. */
  readonly writing: Writing | null;
  /** Of all rows, if they have targets. */
  readonly reliability: Reliability | null;
  /** The last items that were not drawn at random, so that the user can return to them. */
  readonly given;
  /** What the host has to tell the user. */
  readonly alert: ReadonlySignal<string>;
  /** What the status line is to say next, besides what the figures show. */
  readonly told = signal({ text: "" });
  /** Whether each part is shown. */
  readonly shows: ReadonlySignal<Readonly<Record<PartName, boolean>>>;
  /** What the user can't change. */
  readonly locked: ReadonlySignal<Readonly<Record<LockName, boolean>>>;
  /** Whether the instrument is a part of another page. */
  readonly embedded: ReadonlySignal<boolean>;
  /** The position of the first row of the window. */
  readonly first = signal(0);
  /** The row that the pointer is on, counted from the top of the window. */
  readonly hovered = signal<number | null>(null);
  /** The position that was focused, clicked or found last. */
  readonly selected = signal(0);

  readonly held = signal<Held | null>(null);
  readonly #lastNotice = signal<Notice | null>(null);
  /** What was read last, or why it was not; null once other items are shown. */
  readonly notice = computed(() => {
    const { value: notice } = this.#lastNotice;
    return notice?.items === this.items.value ? notice : null;
  });

  /** Whether other items may take the place of these. */
  readonly canReplace = computed(() => !this.locked.value.items && !this.locked.value.logits);
  /** Whether items may be added, removed, renamed and moved. */
  readonly canArrange = computed(() => this.canReplace.value && !this.isPartial.value);
  /** Whether the logits may be changed: not those that are reported beside a tail. */
  readonly canEdit = computed(() => !this.locked.value.logits && !this.isPartial.value);

  #sorted: Distribution | null = null;
  /** An edit of one logit costs no sort. */
  readonly distribution = computed(() => {
    this.#sorted = Distribution.of(this.items.value.logits, this.#sorted);
    return this.#sorted;
  });
  /** Whether the items are those that a server reported, beside a tail. */
  readonly isPartial = computed(() => ROWS && this.items.value.tail !== null);
  /** What a server reported; null where the logits are all there are. */
  readonly reported = computed(() => reportedOf(this.items.value));
  /**
   * The same, the likeliest first: all, and without the drawn token where that is none of the likeliest.
   */
  readonly #ranked = computed(() => {
    const { tail } = this.items.value;
    const { sorted } = this.distribution.value;
    return ROWS && tail ? rankedOf(sorted, tail) : null;
  });
  /** What the sampler makes of the rows where a server reported a part; empty without one. */
  readonly fates = computed(() => this.#fatesAt(this.temperature.value));
  /** The same once a drag rests. */
  readonly restedFates = computed(() => this.#fatesAt(this.rested.value.temperature));
  #fatesAt(temperature: number): readonly Fate[] {
    const [{ value: ranked }, { value: settings }] = [this.#ranked, this.truncation];
    const places = () => this.rows.value.map((row) => this.rankAt(row.position.value));
    // As one expression, so that a bundle without rows is built without `fatesOf`.
    return ROWS && ranked !== null && this.sampler.hasSteps.value
      ? fatesOf(ranked, places(), temperature, settings)
      : [];
  }
  /** What is known of the reported tokens at this temperature. */
  readonly bounds = computed(() => this.reported.value?.at(this.temperature.value) ?? null);
  /** The same once a drag rests. */
  readonly restedBounds = computed(
    () => reportedOf(this.#restedItems.value)?.at(this.rested.value.temperature) ?? null,
  );
  /** The items by the rank that they are shown at. */
  readonly order = computed(() => this.held.value?.order ?? this.distribution.value.order);
  /** Where the temperature stands on the scale, as a stop. */
  readonly stop = computed(() => SCALES[this.scale.value].stopOf(this.temperature.value));
  /** Softmax at every temperature of the scale; null while that is computed. */
  readonly curves: ReadonlySignal<Curves | null>;
  /** How many items top-p keeps at every temperature, as a part of log n. */
  readonly nucleus: ReadonlySignal<readonly number[] | null>;
  readonly count = computed(() => this.items.value.logits.length);
  readonly labels = computed(() => this.items.value.labels);
  readonly many = computed(() => this.count.value > FEW);
  readonly rowCount = computed(() => (this.many.value ? WINDOW : this.count.value));
  readonly rows: ReadonlySignal<readonly Row[]> = computed(() =>
    Array.from({ length: this.rowCount.value }, (_, slot) => new Row(this, slot)),
  );
  /** How many items are not in the window. */
  readonly rest = computed(() => this.count.value - this.rowCount.value);

  /** The ranks in the window, from `first` to `last`, and that of a held item which is not among them. */
  readonly ranks = computed(() => {
    const first = this.first.value;
    const last = first + this.rowCount.value;
    const held = this.many.value ? this.held.value : null;
    if (held === null) return { first, last, apart: -1 };
    // The other items keep their order: their window ends one rank earlier without the held item.
    const rank = this.distribution.value.order.indexOf(held.item);
    const end = last - 1;
    if (rank <= first) return { first: first + 1, last, apart: rank };
    return rank < end ? { first, last, apart: -1 } : { first, last: end, apart: rank };
  });
  #frameAt(temperature: number): Frame {
    const { first, last, apart } = this.ranks.value;
    return this.distribution.value.at(temperature, first, last, apart);
  }
  /** The one pass over the logits that a new temperature costs. */
  readonly frame = computed(() => this.#frameAt(this.temperature.value));
  /**
   * The frame of the ten digits, of the formula's numbers and of the numbers for screen readers.
   * It follows `frame` when a drag rests: these can't be read earlier, and writing and painting
   * them would double the work of a frame.
   */
  readonly rested;
  /** The items that it is of. */
  readonly #restedItems;
  #moving = false;
  /** The frame at T = 1. */
  readonly #frameAtOne = computed(() => this.#frameAt(1));

  /** What was pinned as A, to be compared with what is shown. */
  readonly pinned = signal<Pinned | null>(null);
  /** Which item of A each item is; null if that can't be told, or nothing is pinned. */
  readonly itemsOfA = computed(() => {
    const { value: pinned } = this.pinned;
    // Only these count: it is the same in every frame in which a logit is dragged.
    this.labels.value;
    this.count.value;
    return pinned && matched(pinned.state, this.items.peek());
  });
  /** The probabilities that the outlines show: at T = 1, or those of A. */
  readonly outline: ReadonlySignal<Outline> = computed(() => {
    const { value: pinned } = this.pinned;
    if (ROWS && pinned === null && this.items.value.tail !== null) {
      // As reported: known at the server's temperature alone.
      const { tail } = this.items.value;
      const { probability, top, outside } = this.#frameAt(tail.temperature);
      const { logits } = this.distribution.value;
      const part = 1 - tail.mass;
      return {
        top: top * part,
        sum: part,
        outside: outside * part,
        probability: (item) => probability(logits[item]!) * part,
      };
    }
    if (pinned === null) {
      const { value: atOne } = this.#frameAtOne;
      const { logits } = atOne.distribution;
      return { ...atOne, probability: (item) => atOne.probability(logits[item]!) };
    }
    const { value: itemsOfA } = this.itemsOfA;
    const probability = (item: number) => pinned.probabilities[itemsOfA?.[item] ?? -1] ?? 0;
    const { top, sum } = itemsOfA === null ? { top: 0, sum: 0 } : pinned.frame;
    const outside = () => {
      let sum = 0;
      for (let position = 0; position < this.count.value; position++) {
        const inside = position - this.first.value;
        if (inside < 0 || inside >= this.rowCount.value) sum += probability(this.itemAt(position));
      }
      return sum;
    };
    return { top, sum, outside: this.rest.value > 0 ? outside() : 0, probability };
  });

  /** What the outlines are, in words. */
  readonly outlineText = computed(() => {
    const [{ value: pinned }, { tail }] = [this.pinned, this.items.value];
    if (pinned !== null) return strings.figures.outlineOfA(brief(pinned.state.temperature));
    if (tail !== null) return rowStrings.reported.outline(brief(tail.temperature));
    return strings.figures.outline(brief(1));
  });

  readonly truncated = computed(() => new Truncation(this.distribution.value));
  readonly sampler: Sampler = new Sampler(this);
  /** What the sampler keeps at this temperature; null if there is none. */
  readonly kept: ReadonlySignal<Kept | null> = computed(() =>
    this.sampler.on.value
      ? this.truncated.value.at(this.temperature.value, this.truncation.value)
      : null,
  );
  /** The same of the distribution at rest. */
  readonly restedTruncated: ReadonlySignal<Truncation> = computed(() => {
    const { distribution } = this.rested.value;
    const now = this.truncated.peek();
    return now.distribution === distribution ? now : new Truncation(distribution);
  });
  /** What a draw follows once a drag rests: the softmax after truncation. */
  readonly restedKept: ReadonlySignal<Kept> = computed(() =>
    this.restedTruncated.value.at(this.rested.value.temperature, this.truncation.value),
  );
  readonly drawn = computed(() => new Drawn(this.#restedItems.value, this.restedKept.value));
  /** A beside what is shown; null if nothing is pinned or they can't be compared. */
  readonly comparison: ReadonlySignal<Comparison | null> = computed(() => {
    const [{ value: pinned }, { value: itemsOfA }] = [this.pinned, this.itemsOfA];
    if (pinned === null || itemsOfA === null || this.isPartial.value) return null;
    return compare(pinned.drawn.probabilities, this.drawn.value.probabilities, itemsOfA);
  });

  /** How many draws are shown, and the seed of their random numbers. */
  readonly drawing = signal<Drawing | null>(null);
  /** The draws once a drag rests. */
  readonly draws: ReadonlySignal<Draws | null> = computed(() => {
    const { value: drawing } = this.drawing;
    return drawing && !this.isPartial.value
      ? draw(this.drawn.value.probabilities, drawing.count, drawing.seed)
      : null;
  });

  /** Of all finite logits. */
  readonly range = computed(() => {
    const { logits, order } = this.distribution.value;
    const finite = (item: number) => Number.isFinite(logits[item]);
    const [highest, lowest] = [order.find(finite), order.findLast(finite)];
    return {
      lowest: logits[lowest ?? -1] ?? Infinity,
      highest: logits[highest ?? -1] ?? -Infinity,
    };
  });
  /** The axis of the logits in view. */
  readonly logitAxis: ReadonlySignal<Axis> = computed(() => {
    if (this.held.value !== null) return this.held.value.axis;
    const { lowest, highest } = rangeOf(this.rows.value.map((row) => row.logit.value));
    return logitAxis(lowest, highest, this.range.value.lowest < 0 && this.range.value.highest > 0);
  });
  readonly decimals = computed(() =>
    decimalsFor(Math.max(Math.abs(this.range.value.lowest), Math.abs(this.range.value.highest))),
  );
  /** Where the axis of the probabilities ends: at 1, or just above the highest of more items. */
  readonly probabilityEnd = computed(() => {
    if (this.count.value <= WHOLE_AXIS) return 1;
    const { value: kept } = this.kept;
    const top = Math.max(
      this.bounds.value?.high(1) ?? this.frame.value.top,
      this.outline.value.top,
      kept === null ? 0 : kept.probability(kept.start),
    );
    return Math.min(1, roundUp(top) || 1);
  });

  /** The probabilities of the rows: the least that they may be. */
  readonly probabilities = computed(() => {
    const [{ value: bounds }, { probability }] = [this.bounds, this.frame.value];
    return this.rows.value.map(({ logit: { value: logit } }) =>
      bounds === null ? probability(logit) : bounds.low(bounds.weight(logit)),
    );
  });
  /** The most that they may be; empty where they are known. */
  readonly highest = computed(() => {
    const { value: bounds } = this.bounds;
    if (bounds === null) return [];
    return this.rows.value.map((row) => bounds.high(bounds.weight(row.logit.value)));
  });
  /** How long their bars may be besides `lengths`, where that is seen. */
  readonly highestLengths = computed(() =>
    this.highest.value.map((probability) => this.length(probability)),
  );
  /** The same as text. */
  readonly percents = computed(() =>
    this.probabilities.value.map((probability, slot) => {
      const high = this.highest.value[slot];
      return high === undefined
        ? this.percent(this.rows.value[slot]!.logit.value, probability)
        : percentRange(probability, high);
    }),
  );
  /** The lengths of their bars, up to 1. */
  readonly lengths = computed(() =>
    this.probabilities.value.map((probability) => this.length(probability)),
  );

  /** The position that the formula is about. */
  readonly pointed = computed(() => {
    const { value: hovered } = this.hovered;
    return hovered === null ? this.selected.value : this.first.value + hovered;
  });

  constructor(readonly host: Host) {
    const state = host.read();
    const items = itemsOf(state);
    this.temperature = signal(state.temperature);
    this.items = signal(items);
    this.truncation = signal(state.truncation);
    this.scale = signal(state.scale);
    const own = host.own && itemsOf(host.own);
    this.given = signal<Items | null>([items, own].find(isGiven) ?? null);
    this.alert = host.alert ?? signal("");
    this.embedded = computed(() => host.frame?.value.embed ?? false);
    this.shows = computed(() => {
      const hidden = host.frame?.value.hide;
      const shown = byName(PARTS, (part) => hidden?.includes(part) !== true);
      // The page around it has a title.
      return this.embedded.value ? { ...shown, title: false } : shown;
    });
    this.locked = computed(() => {
      const locked = host.frame?.value.lock;
      return byName(LOCKS, (lock) => locked?.includes(lock) === true);
    });
    this.cursor = ROWS && host.rows !== undefined ? new RowCursor(this, host.rows) : null;
    this.selected.value = this.#start();
    this.rested = signal<Frame>(this.frame.peek());
    this.#restedItems = signal(items);
    this.sequence =
      ROWS && host.rows?.sequence !== undefined ? new Sequence(this, host.rows) : null;
    this.writing =
      WRITING && host.rows?.writing !== undefined ? new Writing(this, host.rows) : null;
    this.reliability =
      RELIABILITY && (host.rows?.reliability || host.reliability)
        ? new Reliability(this, host.rows, host.reliability)
        : null;
    const isDragged = computed(() => this.held.value !== null);
    this.curves = curvesOf(this.distribution, this.reported, this.scale, isDragged);
    this.nucleus = nucleusOf(
      this.restedTruncated,
      computed(() => (this.isPartial.value ? {} : this.truncation.value)),
      this.scale,
      isDragged,
    );
    effect(() => {
      const [frame, items] = [this.frame.value, this.items.value];
      const rest = () => this.#comeToRest(frame, items);
      if (!this.#moving) return rest();
      const timer = setTimeout(rest, REST_MS);
      return () => clearTimeout(timer);
    });
  }

  /** Follows the host until the returned function is called. */
  follow(): () => void {
    const unsubscribe = this.host.subscribe((change) => {
      // Another view may be dragging.
      this.#moving = true;
      const whole = withTail(change);
      this.history.forget(whole);
      this.#take(whole);
    });
    return () => {
      unsubscribe();
      this.cursor?.close();
      this.sequence?.close();
      this.writing?.close();
      this.reliability?.close();
    };
  }

  /** What is shown. */
  state(): State {
    return {
      ...this.items.peek(),
      temperature: this.temperature.peek(),
      truncation: this.truncation.peek(),
      scale: this.scale.peek(),
    };
  }

  /**
   * A change that the user made, which can be undone. What is locked stays as it is.
   *
   * @param settled - whether the gesture ends with it
   * @param kind - gestures of the same kind, if it has a name, are undone together where they follow
   * within a second
   */
  change(change: Partial<State>, settled = true, kind = ""): void {
    const allowed = this.#unlocked(withTail(change));
    if (Object.keys(allowed).length === 0) return;
    this.history.note(allowed, settled, kind);
    this.#apply(allowed, settled);
  }

  /** The parts of a change that no lock forbids. */
  #unlocked(change: Partial<State>): Partial<State> {
    const { value: locked } = this.locked;
    const { temperature, truncation, scale, ...items } = change;
    const now = this.items.peek();
    const { logits, labels } = { ...now, ...items };
    const others = logits.length !== now.logits.length || labels !== now.labels;
    const keepsItems = locked.logits || (locked.items && others);
    return {
      ...(temperature !== undefined && !locked.temperature && { temperature }),
      ...(truncation !== undefined && !locked.sampler && { truncation }),
      ...(scale !== undefined && { scale }),
      ...(!keepsItems && items),
    };
  }

  /**
   * An edit that the user made, after which an item is selected.
   *
   * @param settled - whether the gesture ends with it
   * @param kind - edits of the same kind that follow within a second are undone together
   */
  edit(items: Items, item: number, settled = true, kind = ""): void {
    const before = this.items.peek();
    if (items.logits !== before.logits && !this.canEdit.peek()) return;
    const names = Object.keys(itemsOf(items)) as (keyof Items)[];
    const changed = names.filter((name) => !Object.is(items[name], before[name]));
    batch(() => {
      this.change(Object.fromEntries(changed.map((name) => [name, items[name]])), settled, kind);
      if (!settled) return;
      this.held.value = null;
      this.select(this.positionOf(item));
    });
  }

  /** Takes hold of the logit of an item, until the next edit that is settled. */
  hold(item: number): void {
    const { order } = this.distribution.peek();
    this.held.value = { item, order, rank: order.indexOf(item), axis: this.logitAxis.peek() };
  }

  /** Shows what was read, or why it was not, until other items are shown. */
  note(text: string, isError = false): void {
    this.#lastNotice.value = { text, isError, items: this.items.peek() };
    // An error is an alert.
    if (!isError) this.tell(text);
  }

  /** A change by going elsewhere, to another row: it is not undone. */
  go(change: Partial<State>): void {
    this.history.forget(change);
    this.#apply(change);
  }

  undo(): void {
    this.#apply(this.#unlocked(this.history.undo() ?? {}));
  }

  redo(): void {
    this.#apply(this.#unlocked(this.history.redo() ?? {}));
  }

  #apply(change: Partial<State>, settled = true): void {
    this.#moving = !settled;
    this.#take(change);
    if (settled) this.#comeToRest(this.frame.value, this.items.value);
    this.host.write(change, settled);
  }

  #comeToRest(frame: Frame, items: Items): void {
    batch(() => {
      this.rested.value = frame;
      this.#restedItems.value = items;
    });
  }

  #take(change: Partial<State>): void {
    batch(() => {
      const { temperature, truncation, scale, ...parts } = change;
      if (temperature !== undefined) this.temperature.value = temperature;
      if (truncation !== undefined) this.truncation.value = truncation;
      if (scale !== undefined) this.scale.value = scale;
      if (Object.keys(parts).length === 0) return;
      const before = this.items.peek();
      const items = { ...before, ...parts };
      this.items.value = items;
      if (isGiven(items)) this.given.value = items;
      // The items keep their places while one of them is held.
      const isHeld = this.held.peek() !== null && before.logits.length === items.logits.length;
      if (isHeld) return;
      // Another row is no edit, whatever it has in common with this one.
      const isRow = before.row !== null && items.row !== null && before.row !== items.row;
      const edited = isRow ? null : soleDifference(before.logits, items.logits);
      if (edited === -1) return;
      this.held.value = null;
      this.#moving = false;
      if (edited !== null) {
        this.select(this.positionOf(edited));
        return;
      }
      this.first.value = 0;
      this.hovered.value = null;
      this.selected.value = this.#start();
    });
  }

  /** Has the status line say what a gesture has done. */
  tell(text: string): void {
    this.told.value = { text };
  }

  /** Pins what is shown as A. */
  pin(): void {
    this.pinned.value = new Pinned(this.state());
  }

  /** Draws random logits, uniform on [0, 1) as in the lesson. */
  draw(size: number): void {
    const seed = freshSeed();
    const logits = randomLogits(size, seed);
    this.change({ logits, labels: null, source: null, row: null, target: null, seed });
  }

  /**
   * The position of the second highest item, which the formula is about at first: the power of the
   * highest is always e^0.
   */
  #start(): number {
    const second = Math.min(1, this.count.value - 1);
    return this.many.value ? second : this.distribution.value.order[second]!;
  }

  /** The rank of the target, from 1; 0 without one. */
  readonly targetRank = computed(() => {
    const { target } = this.items.value;
    return target === null ? 0 : this.distribution.value.order.indexOf(target) + 1;
  });

  /** The item that was drawn at this position of a text; -1 if there is none. */
  readonly drawnItem = computed(() => this.sequence?.itemOf(this.items.value.row) ?? -1);

  itemAt(position: number): number {
    return this.many.value ? this.order.value[position]! : position;
  }

  positionOf(item: number): number {
    return this.many.value ? this.order.value.indexOf(item) : item;
  }

  /** The rank of the item at a position, from 0. */
  rankAt(position: number): number {
    if (this.many.value && this.held.value === null) return position;
    return this.distribution.value.order.indexOf(this.itemAt(position));
  }

  label(item: number): string {
    return labelOf(this.items.value, item);
  }

  /** Selects a position, kept in range, and brings it into the window. */
  select(position: number): void {
    const kept = Math.max(0, Math.min(this.count.peek() - 1, position));
    batch(() => {
      this.selected.value = kept;
      const first = this.first.peek();
      const rows = this.rowCount.peek();
      if (kept < first) this.first.value = kept;
      else if (kept >= first + rows) this.first.value = kept - rows + 1;
    });
  }

  /** The length of the bar of a probability, up to 1. */
  length(probability: number): number {
    return Math.min(1, probability / this.probabilityEnd.value) || 0;
  }

  /** The probability of an item as text. */
  percent(logit: number, probability: number): string {
    if (probability === 0) return percent(0, this.#isExactlyZero(logit));
    if (probability !== 1) return percent(probability);
    const second = this.distribution.value.order[1];
    return percent(1, second === undefined || this.#isExactlyZero(this.#logitOf(second)));
  }

  /** The probability of all items outside of the window, as text. */
  readonly restText = computed(() => {
    const [{ outside }, { value: bounds }] = [this.frame.value, this.bounds];
    if (ROWS && bounds !== null) {
      return percentOf(bounds, outside * bounds.all);
    }
    const { order } = this.distribution.value;
    if (outside !== 0 && outside !== 1) return percent(outside);
    // The highest item of the part whose probability is 0: outside, or inside if `outside` is 1.
    const highest = order[outside === 0 ? this.rowCount.value : this.first.value];
    return percent(outside, highest === undefined || this.#isExactlyZero(this.#logitOf(highest)));
  });

  /** The highest probability, as text. */
  readonly topText = computed(() => {
    const { value: bounds } = this.bounds;
    if (ROWS && bounds !== null) {
      // A token of the tail may be likelier than the drawn one.
      return this.reported.value!.isOpen ? percentRange(bounds.low(1), 1) : percentOf(bounds, 1);
    }
    return this.percent(this.#logitOf(this.distribution.value.order[0]!), this.frame.value.top);
  });

  /** What a server did not report, in words; empty where there is nothing of it. */
  readonly unreportedText = computed(() => {
    const { tail } = this.items.value;
    if (!ROWS || tail === null) return "";
    return rowStrings.reported.tail(
      this.tailText.value,
      tail.count < Infinity ? count(tail.count) : null,
    );
  });
  /** The probability of all that a server did not report, as text; empty where there is nothing of it. */
  readonly tailText = computed(() => {
    const { value: bounds } = this.bounds;
    return !ROWS || bounds === null ? "" : percentRange(bounds.tailLow, bounds.tailHigh);
  });

  #logitOf(item: number): number {
    return this.items.value.logits[item]!;
  }

  #isExactlyZero(logit: number): boolean {
    return this.distribution.value.isExactlyZero(logit, this.temperature.value);
  }
}

/**
 * One row of the window, with the item that is at its position now. The texts and bars that change
 * in each frame of a drag are in the instrument, for all rows at once.
 */
export class Row {
  readonly position;
  readonly item;
  readonly label;
  readonly logit;
  readonly logitBar;
  readonly logitText;
  readonly logitDigits;
  readonly percent;
  /** What the sampler makes of the item, once a drag rests. */
  readonly fate;
  readonly afterDigits;
  readonly probabilityDigits;
  /** The most that the probability may be. */
  readonly highestDigits;
  readonly outlineDigits;
  readonly outlineLength;
  readonly className;
  readonly tabIndex;

  constructor(instrument: Instrument, slot: number) {
    this.position = computed(() => instrument.first.value + slot);
    const item = computed(() => instrument.itemAt(this.position.value));
    this.item = item;
    // A row that is about to go may be asked once more.
    this.label = computed(() =>
      item.value < instrument.count.value ? instrument.label(item.value) : "",
    );
    this.logit = computed(() => instrument.items.value.logits[item.value] ?? NaN);
    this.logitBar = computed(() => {
      const axis = instrument.logitAxis.value;
      if (!Number.isFinite(this.logit.value)) return "display:none";
      const base = fraction(axis, axis.base);
      // A bar that is dragged may go beyond the axis.
      const end = Math.max(0, Math.min(1, fraction(axis, this.logit.value)));
      const side = end < base ? "left" : "right";
      return `left:${100 * Math.min(base, end)}%;width:${100 * Math.abs(end - base)}%;--${side}:0`;
    });
    this.logitText = computed(() => aligned(this.logit.value, instrument.decimals.value));
    /** The logit that the probability at rest is of. */
    const rested = computed(() => instrument.rested.value.distribution.logits[item.value] ?? NaN);
    this.logitDigits = computed(() => plain(rested.value));
    const bounds = instrument.restedBounds;
    const weight = computed(() => bounds.value?.weight(rested.value) ?? 0);
    const probability = computed(
      () => bounds.value?.low(weight.value) ?? instrument.rested.value.probability(rested.value),
    );
    this.percent = computed(() =>
      bounds.value === null
        ? instrument.percent(rested.value, probability.value)
        : percentOf(bounds.value, weight.value),
    );
    this.probabilityDigits = computed(() => digits(probability.value));
    this.highestDigits = computed(() => digits(bounds.value?.high(weight.value) ?? NaN));
    const rank = computed(() => {
      const { order } = instrument.rested.value.distribution;
      const { value: position } = this.position;
      return order[position] === item.value ? position : order.indexOf(item.value);
    });
    this.fate = computed(() => {
      const { fate } = strings.sampler;
      if (ROWS && instrument.isPartial.value) {
        const { value: fates } = instrument.restedFates;
        return fates.length === 0 ? "" : rowStrings.reported.fates[fates[slot]!];
      }
      const { value: kept } = instrument.restedKept;
      return kept.keeps(rank.value) ? fate.kept(afterText(kept, rank.value)) : fate.dropped;
    });
    this.afterDigits = computed(() => digits(instrument.restedKept.value.probability(rank.value)));
    const outline = computed(() => instrument.outline.value.probability(item.value));
    this.outlineDigits = computed(() => digits(outline.value));
    this.outlineLength = computed(() => instrument.length(outline.value));
    this.className = computed(() => {
      const pointed = instrument.pointed.value === this.position.value ? " pointed" : "";
      const target = instrument.items.value.target === item.value ? " target" : "";
      const drawn = instrument.drawnItem.value === item.value ? " drawn" : "";
      const isDropped =
        !instrument.sampler.isKept(slot) || (ROWS && instrument.fates.value[slot] === "dropped");
      const dropped = isDropped ? " dropped" : "";
      return `row${pointed}${target}${drawn}${dropped}`;
    });
    this.tabIndex = computed(() => {
      const place = instrument.selected.value - instrument.first.value;
      const inWindow = place >= 0 && place < instrument.rowCount.value;
      return slot === (inWindow ? place : 0) ? 0 : -1;
    });
  }
}

function reportedOf({ logits, tail }: Items): Reported | null {
  return ROWS && tail ? new Reported(logits, tail) : null;
}

/** What a server reported, the likeliest first. */
interface Ranked {
  readonly all: Reported;
  /** Without the drawn token where that is none of the likeliest. */
  readonly likeliest: Reported;
}

function rankedOf(sorted: Float64Array, tail: Tail): Ranked {
  const all = new Reported(sorted, tail);
  const last = sorted.at(-1)! / tail.temperature;
  if (last >= tail.cap) return { all, likeliest: all };
  const more = { ...tail, mass: tail.mass + Math.exp(last), count: tail.count + 1 };
  return { all, likeliest: new Reported(sorted, more, 0, sorted.length - 1) };
}

/** What a sampler makes of the reported tokens at some places. */
function fatesOf(
  { all, likeliest }: Ranked,
  places: readonly number[],
  temperature: number,
  settings: Settings,
): readonly Fate[] {
  const fateOf = sampler(temperature, settings);
  return places.map((place) => {
    if (place < likeliest.to) {
      return fateOf({ reported: likeliest, place, rank: [place + 1, place + 1] });
    }
    return fateOf({
      reported: all,
      place,
      rank: rankWithTail(all.tail, place, all.logits[place]!),
    });
  });
}

/** A change with all that belongs to it: logits that come without a tail have none. */
function withTail(change: Partial<State>): Partial<State> {
  return "logits" in change && !("tail" in change) ? { ...change, tail: null } : change;
}

/** The lowest and the highest finite logit. */
function rangeOf(logits: Iterable<number>): { readonly lowest: number; readonly highest: number } {
  let lowest = Infinity;
  let highest = -Infinity;
  for (const logit of logits) {
    if (!Number.isFinite(logit)) continue;
    if (logit < lowest) lowest = logit;
    if (logit > highest) highest = logit;
  }
  return { lowest, highest };
}

function byName<Name extends string>(
  names: readonly Name[],
  value: (name: Name) => boolean,
): Record<Name, boolean> {
  return Object.fromEntries(names.map((name) => [name, value(name)])) as Record<Name, boolean>;
}

function isGiven(items: Items | undefined): boolean {
  return items !== undefined && (items.source !== null || items.labels !== null);
}
