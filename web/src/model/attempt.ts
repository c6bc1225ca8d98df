/** The tasks of an activity while they are done: answers, what came of them, and the score. */
import { batch, computed, effect, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { Distribution, type Frame as SoftmaxFrame } from "../math/definition";
import type { Kept } from "../math/truncation";
import { ambiguous, brief, clip, parseNumber, parseTyped, percent, spoken } from "../text/format";
import { activityStrings, strings } from "../text/strings";
import type { Activity, Predict, Quantity, Task } from "./activity";
import { type Frame, LOCKS } from "./frame";
import { parseLink } from "./link";
import { type Items, labelOf, type State } from "./state";
import { quoted } from "./table";

/** The part of the instrument that tasks are about. */
interface Shown {
  readonly items: ReadonlySignal<Items>;
  /** The frame at rest. */
  readonly rested: ReadonlySignal<SoftmaxFrame>;
  readonly restedKept: ReadonlySignal<Kept>;
  state(): State;
  go(change: Partial<State>): void;
  tell(text: string): void;
}

/** Where the tasks come from, and where what came of them goes. */
export interface Course {
  readonly activity: Activity;
  /** What was kept of an earlier visit, null if nothing was. */
  readonly kept: unknown;
  /** Called after each change of the answers or of the results. */
  report(report: Report): void;
}

export interface Report {
  readonly score: number;
  readonly possible: number;
  /** Whether every task has its result. */
  readonly isDone: boolean;
  /** What brings the attempt back, as JSON. */
  readonly kept: unknown;
  /** The same without the answers, in a few characters. */
  readonly brief: unknown;
}

/** What came of an answer. */
export interface Outcome {
  readonly isRight: boolean;
  /** Whether the answer was shown instead. */
  readonly isRevealed: boolean;
  /** The answer as text. */
  readonly answer: string;
  /** Of what was drawn by hand: the total variation from the truth. */
  readonly variation: number | null;
}

/** As many bars can be drawn by hand. */
export const MOST_DRAWN = 10;
/** The temperatures at which a curve is drawn by hand, evenly spaced on a logarithmic scale. */
export const CURVE_TEMPERATURES = [0.03, 0.1, 0.3, 1, 3, 10, 30] as const;

/** One task while it is done. */
export class Trial {
  /** The places of the chosen options. */
  readonly chosen = signal<readonly number[]>([]);
  readonly typed = signal("");
  /** The probabilities that were drawn; empty until a bar is moved. */
  readonly drawn = signal<readonly number[]>([]);
  /** Of the last answer. */
  readonly outcome = signal<Outcome | null>(null);
  readonly checks = signal(0);
  readonly isHinted = signal(false);
  /** Why an answer can't be taken. */
  readonly error = signal("");

  constructor(
    readonly task: Task,
    readonly number: number,
  ) {}

  get points(): number {
    return this.outcome.value?.isRight === true ? this.task.points : 0;
  }
}

/** Temperatures that are shown in place of one that would give a drawing away. */
const ELSEWHERE = [1, Infinity, 0, 0.1, 10];
/** How a result is kept in one character. */
const OPEN = "-";
const RESULTS: Readonly<Record<string, Partial<Outcome>>> = {
  r: { isRight: true },
  w: {},
  s: { isRevealed: true },
};

export class Attempt {
  readonly trials: readonly Trial[];
  /** What the page shows without a task. */
  #own: State | null = null;
  /** Which task is shown. */
  readonly at = signal(0);
  readonly trial: ReadonlySignal<Trial>;
  readonly isTest: boolean;
  readonly score: ReadonlySignal<number>;
  readonly possible: number;
  /** How many tasks have their result. */
  readonly doneCount: ReadonlySignal<number>;
  readonly isDone: ReadonlySignal<boolean>;
  /** What the task hides and locks. */
  readonly frame: ReadonlySignal<Frame>;
  /** What the student writes on the results, to know them again. */
  readonly code = signal("");

  constructor(
    private readonly instrument: Shown,
    readonly course: Course,
  ) {
    const { mode, tasks } = course.activity;
    this.isTest = mode === "test";
    this.trials = tasks.map((task, at) => new Trial(task, at + 1));
    this.trial = computed(() => this.trials[this.at.value]!);
    this.score = computed(() => sumOf(this.trials.map((trial) => trial.points)));
    this.possible = sumOf(tasks.map(({ points }) => points));
    this.doneCount = computed(() => this.trials.filter((trial) => this.isSettled(trial)).length);
    this.isDone = computed(() => this.doneCount.value === this.trials.length);
    this.frame = computed(() => {
      const { value: trial } = this.trial;
      const { hide, lock, kind } = trial.task;
      const isOpen = kind === "predict" && !this.isSettled(trial);
      // Else the answer could be read off.
      return isOpen ? { hide: [...hide, "curves"], lock: LOCKS } : { hide, lock };
    });
  }

  /** Whether a task takes no further answer. */
  isSettled(trial: Trial): boolean {
    const { value: outcome } = trial.outcome;
    return outcome !== null && (this.isTest || outcome.isRight || outcome.isRevealed);
  }

  /** Whether it is told what came of the answers: in a test only once all are given. */
  readonly tells = computed(() => !this.isTest || this.isDone.value);

  /** Begins, or goes on where an earlier visit ended; returns a function that ends it. */
  begin(): () => void {
    this.#own = this.instrument.state();
    batch(() => {
      this.#restore(this.course.kept);
      this.#enter(this.at.peek());
    });
    const ends = [
      // A "reach" task compares its goal with the page at rest, after each gesture.
      effect(() => {
        const { value: trial } = this.trial;
        if (trial.task.kind !== "reach" || this.isTest || this.isSettled(trial)) return;
        if (this.#isReached(trial.task)) queueMicrotask(() => this.check(trial));
      }),
      effect(() => this.course.report(this.#report())),
    ];
    return () => {
      for (const end of ends) end();
    };
  }

  go(at: number): void {
    if (at === this.at.peek() || this.trials[at] === undefined) return;
    batch(() => {
      this.at.value = at;
      this.#enter(at);
    });
  }

  #enter(at: number): void {
    const trial = this.trials[at]!;
    const { task } = trial;
    if (task.start !== "") this.instrument.go(parseLink(task.start).state);
    if (task.kind === "predict" && !this.isSettled(trial)) this.#hide(task);
  }

  /** Goes to another temperature where the bars of this one would be a right answer. */
  #hide(task: Predict): void {
    const truth = this.truthOf(task);
    if (task.of !== "bars" || truth === null) return;
    const { logits } = this.instrument.items.value;
    const gives = (at: number) =>
      variationOf(task, truthOf({ ...task, at }, logits)!, truth) <= task.within;
    if (!gives(this.instrument.state().temperature)) return;
    const temperature = ELSEWHERE.find((at) => !gives(at));
    if (temperature !== undefined) this.instrument.go({ temperature });
  }

  /** Takes the answer of a task. */
  check(trial = this.trial.peek()): void {
    if (this.isSettled(trial)) return;
    const found = this.#judge(trial);
    if (typeof found === "string") {
      trial.error.value = found;
      return;
    }
    this.#settle(trial, { ...found, isRevealed: false }, trial.checks.peek() + 1);
  }

  /** Whether the answer can be had: once one was tried, or where none can be given. */
  canReveal({ task, checks }: Trial): boolean {
    const isHopeless = task.kind === "predict" && this.truthOf(task) === null;
    return checks.value > 0 || task.kind === "reach" || isHopeless;
  }

  /** Shows the answer: the task is over, without its points. */
  reveal(trial = this.trial.peek()): void {
    if (this.isSettled(trial)) return;
    const answer = this.answerOf(trial.task);
    this.#settle(trial, { isRight: false, isRevealed: true, answer, variation: null });
    if (trial.task.kind === "reach") this.instrument.tell(answer);
  }

  /** Ends a test: what was entered counts as given, and what was not is wrong. */
  finish(): void {
    batch(() => {
      for (const trial of this.trials) {
        if (this.isSettled(trial)) continue;
        const { chosen, typed, drawn } = trial;
        const isEntered = [chosen, typed, drawn].some(({ value }) => value.length > 0);
        const found = isEntered ? this.#judge(trial) : "";
        const none = { isRight: false, answer: "", variation: null };
        const given = typeof found === "string" ? none : found;
        this.#settle(trial, { ...given, isRevealed: false });
      }
    });
  }

  #settle(trial: Trial, outcome: Outcome, checks = trial.checks.peek()): void {
    batch(() => {
      trial.error.value = "";
      trial.outcome.value = outcome;
      trial.checks.value = checks;
      const { task } = trial;
      // What was drawn is seen beside the bars of the page.
      const shows = task.kind === "predict" && task.of === "bars" && this.isSettled(trial);
      if (shows && !this.isTest) this.instrument.go({ temperature: task.at });
    });
  }

  /** What came of an answer, or why it can't be taken. */
  #judge({ task, chosen, typed, drawn }: Trial): Omit<Outcome, "isRevealed"> | string {
    const { texts } = activityStrings;
    switch (task.kind) {
      case "choose": {
        const { value: places } = chosen;
        if (places.length === 0) return texts.noChoice;
        const isRight = places.join() === task.answer.join();
        return { isRight, answer: optionsOf(task.options, places), variation: null };
      }
      case "number": {
        const text = typed.value.trim();
        const refused = ambiguous(text);
        if (refused !== null) return refused.error;
        const typedNumber = parseTyped(text.replace(/%$/, ""));
        if (Number.isNaN(typedNumber)) return texts.noNumber(clip(text, 20));
        // Of a number that is not asked for in percent.
        const isPart = text.endsWith("%") && !task.unit.includes("%");
        const number = isPart ? typedNumber / 100 : typedNumber;
        // A sum of decimals is off by roundings: 0.3 is within 0.1 of 0.2.
        const slack = 4 * Number.EPSILON * Math.max(Math.abs(task.answer), task.tolerance);
        const isRight = Math.abs(number - task.answer) <= task.tolerance + slack;
        return { isRight, answer: text, variation: null };
      }
      case "predict": {
        const truth = this.truthOf(task);
        if (truth === null) return this.impossible(task);
        const bars = drawnOf(task, drawn.value, truth.length);
        const variation = variationOf(task, bars, truth);
        const answer = bars.map((probability) => probability.toFixed(3)).join(" ");
        return { isRight: variation <= task.within, answer, variation };
      }
      case "reach": {
        const value = this.quantity(task.quantity, task.item);
        return { isRight: this.#isReached(task), answer: brief(value), variation: null };
      }
    }
  }

  #isReached(task: Task & { readonly kind: "reach" }): boolean {
    const value = this.quantity(task.quantity, task.item);
    return value >= task.least && value <= task.most;
  }

  /** A quantity of what is shown. */
  quantity(quantity: Quantity, item: number): number {
    return quantityOf(this.instrument, quantity, item);
  }

  /** What a drawing is compared with; null if there is no room for as many bars. */
  truthOf(task: Predict): readonly number[] | null {
    return truthOf(task, this.instrument.items.value.logits);
  }

  /** Why there is nothing to be drawn. */
  impossible(task: Predict): string {
    const { texts } = activityStrings;
    return task.of === "bars" ? texts.tooMany(MOST_DRAWN) : texts.noItem;
  }

  /** The right answer in words. */
  answerOf(task: Task): string {
    const { texts, quantities } = activityStrings;
    switch (task.kind) {
      case "choose":
        return optionsOf(task.options, task.answer);
      case "number":
        return texts.around(
          [brief(task.answer), task.unit].filter(Boolean).join(" "),
          task.tolerance === 0 ? null : brief(task.tolerance),
        );
      case "predict": {
        const truth = this.truthOf(task) ?? [];
        const { value: items } = this.instrument.items;
        return truth
          .map((probability, at) =>
            task.of === "bars"
              ? texts.has(spoken(labelOf(items, at)), percent(probability))
              : texts.at(percent(probability), brief(CURVE_TEMPERATURES[at]!)),
          )
          .join(strings.joins.list);
      }
      case "reach": {
        const { item, least, most, quantity } = task;
        const name = quantities[quantity](spoken(labelAt(this.instrument.items.value, item)));
        return texts.range(
          name,
          least === 0 ? null : brief(least),
          most === Infinity && least < Infinity ? null : brief(most),
        );
      }
    }
  }

  /** Begins all over. */
  again(): void {
    batch(() => {
      for (const trial of this.trials) {
        trial.chosen.value = [];
        trial.typed.value = "";
        trial.drawn.value = [];
        trial.outcome.value = null;
        trial.checks.value = 0;
        trial.isHinted.value = false;
        trial.error.value = "";
      }
      this.at.value = 0;
      if (this.#own !== null) this.instrument.go(this.#own);
      this.#enter(0);
    });
  }

  #report(): Report {
    const trials = this.trials.map((trial) => {
      const { value: outcome } = trial.outcome;
      return {
        ...said("chosen", trial.chosen),
        ...said("typed", trial.typed),
        ...said("drawn", trial.drawn),
        ...(outcome !== null && { outcome }),
        ...(trial.checks.value > 0 && { checks: trial.checks.value }),
        ...(trial.isHinted.value && { hinted: true }),
      };
    });
    return {
      score: this.score.value,
      possible: this.possible,
      isDone: this.isDone.value,
      kept: { at: this.at.value, trials },
      brief: { at: this.at.value, results: this.trials.map(letterOf).join("") },
    };
  }

  /** Takes up what an earlier visit has kept; what does not fit these tasks is left. */
  #restore(kept: unknown): void {
    const { at, trials, results } = Object(kept) as KeptAttempt;
    const count = this.trials.length;
    if (Array.isArray(trials) && trials.length === count) {
      for (const [place, trial] of this.trials.entries()) restoreTrial(trial, trials[place]);
    } else if (typeof results === "string" && results.length === count) {
      for (const [place, trial] of this.trials.entries()) {
        const result = RESULTS[results[place]!];
        const none = { isRight: false, isRevealed: false, answer: "", variation: null };
        if (result !== undefined) trial.outcome.value = { ...none, ...result };
      }
    } else return;
    if (typeof at === "number" && at in this.trials) this.at.value = at;
  }

  /** The results as a table: one line for each task, as CSV. */
  results(): string {
    const { columns, yes, no } = activityStrings.results;
    const lines = this.trials.map(({ task, number, outcome, checks, points, isHinted }) => [
      this.code.peek(),
      String(number),
      task.kind,
      task.ask,
      outcome.peek()?.isRevealed ? "" : (outcome.peek()?.answer ?? ""),
      outcome.peek()?.isRight ? yes : no,
      String(points),
      String(task.points),
      String(checks.peek()),
      isHinted.peek() ? yes : no,
      outcome.peek()?.isRevealed ? yes : no,
    ]);
    const rows = [columns, ...lines].map((cells) => `${cells.map(cell).join()}\r\n`);
    // The mark by which a spreadsheet knows UTF-8.
    return `\ufeff${rows.join("")}`;
  }
}

interface KeptTrial {
  readonly chosen?: unknown;
  readonly typed?: unknown;
  readonly drawn?: unknown;
  readonly outcome?: Partial<Outcome>;
  readonly checks?: unknown;
  readonly hinted?: unknown;
}

interface KeptAttempt {
  readonly at?: unknown;
  readonly trials?: readonly unknown[];
  readonly results?: unknown;
}

/** The numbers of a list that has nothing else, within limits; else none. */
function numbersOf(list: unknown, most: number): readonly number[] {
  const isRight =
    Array.isArray(list) && list.every((one) => typeof one === "number" && one >= 0 && one <= most);
  return isRight ? list : [];
}

function restoreTrial(trial: Trial, kept: unknown): void {
  const { chosen, typed, drawn, outcome, checks, hinted } = Object(kept) as KeptTrial;
  const { task } = trial;
  const last = task.kind === "choose" ? task.options.length - 1 : 0;
  trial.chosen.value = numbersOf(chosen, last).filter(Number.isInteger);
  if (typeof typed === "string") trial.typed.value = typed;
  trial.drawn.value = numbersOf(drawn, 1);
  if (typeof outcome?.isRight === "boolean") {
    const { isRight, isRevealed, answer, variation } = outcome;
    trial.outcome.value = {
      isRight,
      isRevealed: isRevealed === true,
      answer: typeof answer === "string" ? answer : "",
      variation: typeof variation === "number" ? variation : null,
    };
  }
  if (Number.isSafeInteger(checks)) trial.checks.value = Math.max(0, checks as number);
  trial.isHinted.value = hinted === true;
}

/** The result of a task in one character. */
function letterOf({ outcome: { value: outcome } }: Trial): string {
  if (outcome === null) return OPEN;
  return outcome.isRight ? "r" : outcome.isRevealed ? "s" : "w";
}

function said(name: string, { value }: Signal<string | readonly number[]>) {
  return value.length > 0 && { [name]: value };
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}

/** A cell of CSV. One that a spreadsheet would take for a formula begins with an apostrophe. */
function cell(text: string): string {
  const isFormula = /^[=+\-@\t\r]/.test(text) && parseNumber(text) === null;
  return quoted(isFormula ? `'${text}` : text);
}

function optionsOf(options: readonly string[], places: readonly number[]): string {
  return places.map((place) => options[place]).join(strings.joins.parts);
}

function labelAt(items: Items, item: number): string {
  return item < items.logits.length ? labelOf(items, item) : String(item);
}

/** A quantity of what is shown, once it is at rest. */
export function quantityOf(
  { rested, restedKept }: Pick<Shown, "rested" | "restedKept">,
  quantity: Quantity,
  item: number,
): number {
  const { value: frame } = rested;
  switch (quantity) {
    case "temperature":
      return frame.temperature;
    case "entropy":
      return frame.entropy;
    case "choices":
      return frame.perplexity;
    case "top":
      return frame.top;
    case "probability":
      return frame.probability(frame.distribution.logits[item] ?? NaN);
    case "ties":
      return frame.distribution.ties;
    case "items":
      return frame.distribution.logits.length;
    case "kept":
      return restedKept.value.count;
  }
}

/** What a drawing is compared with; null if there is no room for as many bars, or no such item. */
export function truthOf(task: Predict, logits: Float64Array): readonly number[] | null {
  const distribution = new Distribution(logits);
  const at = (temperature: number, item: number) =>
    distribution.at(temperature).probability(logits[item]!);
  if (task.of === "bars") {
    if (logits.length > MOST_DRAWN) return null;
    return Array.from(logits, (_, item) => at(task.at, item));
  }
  if (task.item >= logits.length) return null;
  return CURVE_TEMPERATURES.map((temperature) => at(temperature, task.item));
}

/** What is drawn of a prediction: equal bars, or a level line, until one is moved. */
export function drawnOf(
  { of }: Predict,
  drawn: readonly number[],
  count: number,
): readonly number[] {
  // After other items have come, an earlier drawing is of others.
  if (drawn.length === count) return drawn;
  return Array.from({ length: count }, () => (of === "bars" ? 1 / count : 0.5));
}

/** Bars as probabilities: what is drawn by hand may add up to something else. */
export function normalised(drawn: readonly number[]): readonly number[] {
  const sum = sumOf(drawn);
  return drawn.map((bar) => (sum > 0 ? bar / sum : 1 / drawn.length));
}

/**
 * The total variation of a drawing from the truth. A curve is of one item against all others: its
 * total variation at a temperature is the difference of both probabilities, and here the mean of these.
 */
export function variationOf(
  { of }: Predict,
  drawn: readonly number[],
  truth: readonly number[],
): number {
  const guess = of === "bars" ? normalised(drawn) : drawn;
  const sum = sumOf(truth.map((probability, at) => Math.abs(probability - guess[at]!)));
  return of === "bars" ? sum / 2 : sum / truth.length;
}
