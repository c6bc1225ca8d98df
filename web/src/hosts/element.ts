import { signal } from "@preact/signals";
import { Distribution } from "../math/definition";
import { Truncation } from "../math/truncation";
import type { Frame } from "../model/frame";
import type { Host } from "../model/host";
import { parseLink, writeLink } from "../model/link";
import { GIVEN, itemsOf, readTruncation, type State } from "../model/state";
import { count, spoken } from "../text/format";
import { strings } from "../text/strings";

/** The attributes that say what the element shows. */
export const ATTRIBUTES = ["state", "logits", "labels", "temperature", "hide", "lock"] as const;
export type Attribute = (typeof ATTRIBUTES)[number];

/** What the element tells the page of a change by the user. */
export interface Told {
  /** The state as a link, or null if that would be too long. */
  readonly state: string | null;
  readonly temperature: number;
  /** Whether the gesture has ended. */
  readonly settled: boolean;
}

/** What an element shows that says nothing: five random logits, the same ones in every element. */
const DEFAULT = parseLink("n=5").state as State;
/** Each of these parameters of a link gives or draws logits. */
const GIVING = ["logits", "n", "seed", "labels"];

/**
 * The host of an element: the page sets attributes and properties, and is told what the user changes.
 * What the page sets is not undone by the user, and not told to the page again. A value that is wrong
 * is told to the reader, and changes nothing.
 */
export class ElementHost implements Host {
  readonly alert = signal("");
  readonly frame = signal<Frame>({ embed: true });
  #state = DEFAULT;
  readonly #listeners = new Set<(change: Partial<State>) => void>();

  /** @param tell - called for each change by the user */
  constructor(private readonly tell: (told: Told) => void) {}

  read(): State {
    return this.#state;
  }

  write(change: Partial<State>, settled: boolean): void {
    this.#state = { ...this.#state, ...change };
    this.alert.value = "";
    this.tell({ state: this.link(), temperature: this.#state.temperature, settled });
  }

  subscribe(listener: (change: Partial<State>) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The state as a link, or null if it is too long for one. */
  link(): string | null {
    return writeLink(this.#state);
  }

  /** What a draw follows: the softmax, after truncation. */
  probabilities(): Float64Array {
    const { logits, temperature, truncation } = this.#state;
    return new Truncation(new Distribution(logits)).at(temperature, truncation).probabilities();
  }

  /**
   * Shows what the attributes say; those that have not changed leave what the user made of them.
   *
   * @param attributes - all of them; null where the element has none
   * @param changed - the names of those that were set or removed
   */
  declare(
    attributes: Readonly<Record<Attribute, string | null>>,
    changed: ReadonlySet<Attribute>,
  ): void {
    const { state, logits, labels, temperature, hide, lock } = attributes;
    const parameters = new URLSearchParams(state?.replace(/^#/, ""));
    if (logits !== null) {
      parameters.delete("n");
      parameters.delete("seed");
      // Line breaks, too, may stand between numbers.
      parameters.set("logits", logits.replace(/\s/g, ""));
    }
    if (labels !== null) parameters.set("labels", labels);
    if (hide !== null) parameters.set("hide", hide);
    if (lock !== null) parameters.set("lock", lock);
    const link = parseLink(parameters.toString());
    // The place of T among the steps is where `state` has it.
    const alone = parseLink(temperature === null ? "" : `T=${encodeURIComponent(temperature)}`);
    const said: State = { ...DEFAULT, ...link.state };

    const isAny = (...names: Attribute[]) => names.some((name) => changed.has(name));
    const hasItems = "logits" in link.state || !GIVING.some((name) => parameters.has(name));
    this.#set({
      ...(isAny("state", "logits", "labels") && hasItems && itemsOf(said)),
      ...(isAny("state") && { truncation: said.truncation, scale: said.scale }),
      ...((isAny("state") || (isAny("temperature") && alone.errors.length === 0)) && {
        temperature: alone.state.temperature ?? said.temperature,
      }),
    });
    this.frame.value = { ...link.frame, embed: true };
    this.#report([...link.errors, ...alone.errors]);
  }

  /** Shows the state of a link. */
  open(link: string): void {
    const { state, errors } = parseLink(link);
    this.#set({ ...DEFAULT, ...state });
    this.#report(errors);
  }

  setTemperature(temperature: unknown): void {
    if (typeof temperature === "number" && temperature >= 0) this.#set({ temperature });
    else this.#refuse("temperature", strings.link.temperature, temperature);
  }

  /** Shows other logits. The labels stay if there is one for each. */
  setLogits(given: unknown): void {
    const list = listed(given) ?? [];
    const wrong = list.findIndex((logit) => typeof logit !== "number");
    if (list.length === 0) this.#refuse("logits", strings.element.logits, given);
    else if (wrong >= 0) this.#refuse(`logits[${wrong}]`, strings.link.logit, list[wrong]);
    else this.#showLogits(list as readonly number[]);
  }

  #showLogits(list: readonly number[]): void {
    const logits = Float64Array.from(list);
    const { labels } = this.#state;
    this.#set({
      logits,
      labels: labels?.length === logits.length ? labels : null,
      source: GIVEN,
      row: null,
      target: null,
      seed: null,
    });
  }

  setLabels(given: unknown): void {
    const { length } = this.#state.logits;
    const list = given === null ? null : listed(given);
    const isRight = list?.length === length && list.every((label) => typeof label === "string");
    if (given === null || isRight) this.#set({ labels: list as readonly string[] | null });
    else this.#refuse("labels", strings.link.labels(count(length)), given);
  }

  setTruncation(given: unknown): void {
    try {
      this.#set({ truncation: readTruncation(given) });
    } catch (error) {
      this.#report([(error as Error).message]);
    }
  }

  #set(change: Partial<State>): void {
    this.alert.value = "";
    this.#state = { ...this.#state, ...change };
    for (const listener of this.#listeners) listener(change);
  }

  #refuse(name: string, right: string, given: unknown): void {
    this.#report([strings.link.refused(name, right, spoken(textOf(given)))]);
  }

  #report(errors: readonly string[]): void {
    this.alert.value = errors.length > 0 ? strings.element.partly(errors) : "";
  }
}

/** The members of a list, a typed array or anything else that is iterated; null if there are none. */
function listed(given: unknown): readonly unknown[] | null {
  if (typeof given !== "object" || given === null || !(Symbol.iterator in given)) return null;
  return Array.from(given as Iterable<unknown>);
}

function textOf(given: unknown): string {
  try {
    return String(given);
  } catch {
    // An object may have no text.
    return typeof given;
  }
}
