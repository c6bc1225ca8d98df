/**
 * Whether a sampler may draw a token that a server reported, where of the others only their mass is
 * known: the rules of `truncation.ts` on intervals. A rule keeps the likeliest tokens, so that two
 * things decide: what the tokens above this one have together, and what all that are left have.
 */
import { type Edges, PAPERS, type Settings, type Step } from "./engines";
import { Bounds, type Reported, type Tail } from "./reported";
import { chain, takenBy } from "./truncation";

export type Fate = "kept" | "dropped" | "undecided";

/** Between what a number lies. */
export type Range = readonly [low: number, high: number];

/** A token of a position, among those that a server reported, the likeliest first. */
export interface Drawn {
  readonly reported: Reported;
  /** Its place among them. */
  readonly place: number;
  /** Between which ranks, from 1, it lies in the whole vocabulary. */
  readonly rank: Range;
}

/** More than what rounding to float32 does to a number of tokens. */
const ROUNDING = 1e-5;

/** Between which ranks a token lies at this place, if tokens that are not reported may be ahead of it. */
export function rankWithTail(
  { mass, count, temperature }: Tail,
  place: number,
  logit: number,
): Range {
  const ahead = Math.exp(Math.log(mass) - logit / temperature);
  return [place + 1, place + 1 + Math.min(count, Math.floor(ahead * (1 + ROUNDING)))];
}

const bounds = new Bounds();

/** The function that says whether a sampler may draw a token. */
export function sampler(temperature: number, settings: Settings): (drawn: Drawn) => Fate {
  const { engine, steps, edges, joint } = chain(settings);
  const t = takenBy(engine, temperature);
  const turn = steps.includes("temperature") ? steps.indexOf("temperature") : steps.length;
  const rules = steps.flatMap((step, k) =>
    step === "temperature"
      ? []
      : [{ rule: step, seen: k < turn ? 1 : t, value: settings[step]!, edge: edges[step] ?? {} }],
  );
  const keepsFirst = rules.every(({ rule }) => rule !== "typical_p");
  return (drawn) => {
    if (drawn.place === 0 && keepsFirst) return "kept";
    const row = new Row(drawn);
    let isSure = true;
    for (const { rule, seen, value, edge } of rules) {
      const fate = row.apply(rule, seen, value, edge, joint);
      if (fate === "dropped") return fate;
      if (fate === "undecided") isSure = false;
      // What it leaves need not be the likeliest, so that nothing is known of further steps.
      if (rule === "typical_p" && value < 1) return "undecided";
    }
    // At T = 0 nothing but the highest is drawn, and an engine takes the first of them.
    const { reported, place } = drawn;
    const { logits, from } = reported;
    if (t === 0 && (engine === PAPERS ? logits[from + place]! < logits[from]! : place > 0)) {
      return "dropped";
    }
    return isSure ? "kept" : "undecided";
  };
}

/** The weights of the tokens that are reported, and their sum up to each of them. */
let weights = new Float64Array(0);
let sums = new Float64Array(1);

/** The tokens of a position that are left. */
class Row {
  #least = Infinity;
  #most = Infinity;
  /** The temperature that the weights are at. */
  #seen = NaN;
  readonly #logits: Float64Array;
  /** How many of the reported tokens are the likeliest of all: the drawn one may be added to them. */
  readonly #leading: number;

  constructor(private readonly drawn: Drawn) {
    const { reported, rank } = drawn;
    this.#logits = reported.logits.subarray(reported.from, reported.to);
    this.#leading = this.#logits.length - (rank[0] === rank[1] ? 0 : 1);
  }

  #fill(seen: number): void {
    if (this.#seen === seen) return;
    this.#seen = seen;
    const [leading, logits] = [this.#leading, this.#logits];
    if (weights.length < logits.length) {
      weights = new Float64Array(logits.length);
      sums = new Float64Array(logits.length + 1);
    }
    bounds.fill(this.drawn.reported, seen);
    for (let k = 0; k < logits.length; k++) weights[k] = bounds.weight(logits[k]!);
    for (let k = 0; k < leading; k++) sums[k + 1] = sums[k]! + weights[k]!;
  }

  /** Of the likeliest tokens, at least `least` and at most `most` are left. */
  #keep(least: number, most: number): void {
    this.#least = Math.min(this.#least, least, this.#leading);
    this.#most = Math.min(this.#most, most);
  }

  /** How many leading places pass a test; Infinity if tokens that are not reported may pass too. */
  #passing(passes: (place: number) => boolean): number {
    for (let k = 0; k < this.#leading; k++) if (!passes(k)) return k;
    return Infinity;
  }

  /** `count`, and those that tie with the last of them, where all of these stay. */
  #withTies(count: number, { few }: Edges): number {
    let found = count;
    if (!few) while (found < this.#leading && weights[found] === weights[found - 1]) found++;
    // Tokens that are not reported may tie with the last one that is.
    return !few && found >= this.#leading && this.drawn.reported.tail.mass > 0 ? Infinity : found;
  }

  apply(rule: Step, seen: number, value: number, edge: Edges, joint: boolean): Fate {
    this.#fill(seen);
    const [leading, logits] = [this.#leading, this.#logits];
    const { place, rank, reported } = this.drawn;
    const own = weights[place]!;
    /** How many of the reported tokens are ahead of this one for sure: none that ties with it. */
    let ahead = place;
    while (ahead > 0 && logits[ahead - 1] === logits[place]) ahead--;
    // One that ties with the last of the likeliest has no token of the tail ahead of it.
    const isKnown = place < leading || (!edge.few && ahead < leading);
    /** How many are ahead: those that tie only where few of them stay. */
    const first = edge.few ? place : ahead;
    /** What all that are left have together: at least and at most. */
    const isWhole = joint || this.#least === Infinity;
    const low = isWhole ? 1 / bounds.high(1) : sums[this.#least]!;
    const high = joint || this.#most > leading ? 1 / bounds.low(1) : sums[this.#most]!;

    if (rule === "top_k") {
      this.#keep(value, value > leading ? Infinity : this.#withTies(value, edge));
      if (isKnown) return first < value ? "kept" : "dropped";
      return rank[1] <= value ? "kept" : ahead >= value ? "dropped" : "undecided";
    }
    if (rule === "top_p") {
      if (value === 1) return "kept";
      const goesOn = (above: number, all: number) =>
        edge.beyond ? above / all <= value : above / all < value;
      const count = (all: number) => this.#passing((k) => k === 0 || goesOn(sums[k]!, all));
      this.#keep(count(low), this.#withTies(count(high), edge));
      const [aboveLow, aboveHigh] = isKnown
        ? [sums[first]!, sums[first]!]
        : [sums[Math.min(ahead, leading)]!, high - own];
      if (place === 0 || goesOn(aboveHigh, low)) return "kept";
      return goesOn(aboveLow, high) ? "undecided" : "dropped";
    }
    if (rule === "min_p") {
      const { cap, temperature } = reported.tail;
      const count = this.#passing((k) => weights[k]! >= value);
      const goesOn = count === Infinity && bounds.weight(cap * temperature) >= value;
      this.#keep(count, goesOn ? Infinity : Math.min(count, leading));
      return own >= value ? "kept" : "dropped";
    }
    if (rule === "epsilon") {
      const count = (all: number) => this.#passing((k) => k === 0 || weights[k]! / all >= value);
      this.#keep(count(high), count(low));
      if (own === 1 || own / high >= value) return "kept";
      return own / low >= value ? "undecided" : "dropped";
    }
    if (rule === "typical_p") return "kept";
    // These need the entropy or the deviation of all tokens.
    this.#keep(1, Infinity);
    return own === 1 ? "kept" : "undecided";
  }
}
