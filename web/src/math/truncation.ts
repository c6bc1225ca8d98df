/**
 * Which items a sampler may draw, the twin of `thermoscope/truncation/`: the same rules in the
 * same order, with the same edges and ties, fast enough for every frame of a drag.
 *
 * Items are counted by rank, the highest first. What a rule keeps of a row are its leading ranks,
 * or for typical_p the ranks around one: the ends are found by bisection, and sums between them are
 * taken chunk by chunk, as in `definition.ts`. Where a sum or a probability comes within
 * rounding of a parameter, Python may keep one item more or less.
 */
import { type Distribution, Exponential } from "./definition";
import {
  check,
  type Edges,
  type Engine,
  PAPERS,
  type Rule,
  type Settings,
  type Step,
  stepsOf,
} from "./engines";

/** The softmax of a row at one temperature. A place is a rank within the row. */
interface Softmax {
  readonly temperature: number;
  readonly entropy: number;
  probability(place: number): number;
  surprisal(place: number): number;
  /** The sum of the probabilities of the places in [from, to). */
  sum(from: number, to: number): number;
}

/** A sum is taken in blocks up to the last one, and there item by item, as Python does. */
const BLOCK = 2048;
/**
 * Chunks are summed relative to the maximum of the distribution. If (z - max) / T of the first
 * item of a row is below this, its entropy would lose digits, and items are summed one by one.
 */
const NEAR = -40;

/** How many of the places before `size` pass a test that only leading places pass. */
export function countLeading(size: number, passes: (place: number) => boolean): number {
  let low = 0;
  let high = size;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (passes(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Sums over the ranks of a distribution at one temperature: those of whole blocks are remembered. */
class Sums {
  readonly #exponential: Exponential;
  readonly #blocks: { readonly sum: number; readonly moment: number }[] = [];

  constructor(
    private readonly distribution: Distribution,
    readonly temperature: number,
  ) {
    this.#exponential = new Exponential(temperature, distribution.shrink);
  }

  /** The sums of exp_z and of exp_z times (z - max) / T over the ranks in [from, to). */
  between(from: number, to: number) {
    let sum = 0;
    let moment = 0;
    for (let rank = from; rank < to; ) {
      const block = rank / BLOCK;
      const end = Math.min(to, (Math.floor(block) + 1) * BLOCK);
      const whole = end - rank === BLOCK;
      const added =
        (whole && this.#blocks[block]) || this.distribution.add(this.#exponential, rank, end);
      if (whole) this.#blocks[block] = added;
      // The ranks descend: all further ones have exp_z 0.
      if (added.sum === 0) break;
      sum += added.sum;
      moment += added.moment;
      rank = end;
    }
    return { sum, moment: moment * this.#exponential.inverse };
  }
}

/** The sums of a distribution at T = 1, and at the latest other temperature. */
class Temperatures {
  #plain: Sums | undefined;
  #last: Sums | undefined;

  constructor(readonly distribution: Distribution) {}

  at(temperature: number): Sums {
    if (temperature === 1) {
      this.#plain ??= new Sums(this.distribution, 1);
      return this.#plain;
    }
    if (this.#last?.temperature !== temperature) {
      this.#last = new Sums(this.distribution, temperature);
    }
    return this.#last!;
  }
}

/** Items that are left. */
class Row {
  #plain: Softmax | undefined;
  #last: Softmax | undefined;
  #deviation: number | undefined;

  constructor(
    readonly all: Temperatures,
    /** Their logits, the highest first. */
    readonly z: Float64Array,
    /** Their first rank. */
    readonly start: number,
    /** Their ranks, or null where none is missing in between. */
    readonly ranks: Uint32Array | null,
  ) {}

  get size(): number {
    return this.z.length;
  }

  /** The items at the places in [from, to); from 0 if there are gaps. */
  between(from: number, to: number): Row {
    if (from === 0 && to >= this.size) return this;
    const { all, z, start, ranks } = this;
    const part = ranks?.subarray(from, to) ?? null;
    return new Row(all, z.subarray(from, to), start + from, part);
  }

  leading(count: number): Row {
    return this.between(0, count);
  }

  /** `count`, and those that tie with the last of them. */
  withTies(count: number): number {
    const last = this.z[count - 1]!;
    return countLeading(this.size, (place) => this.z[place]! >= last);
  }

  /** A power of two that keeps squares of logits inside of the range of doubles. */
  get scale(): number {
    const largest = Math.max(Math.abs(this.z[0]!), Math.abs(this.z[this.size - 1]!));
    return largest > 2 ** 400 ? 2 ** -600 : largest < 2 ** -400 ? 2 ** 600 : 1;
  }

  /** The standard deviation of the logits times `scale`. */
  sigma(): number {
    if (this.#deviation === undefined) {
      const { z, size, scale } = this;
      let sum = 0;
      for (let place = 0; place < size; place++) sum += z[place]! * scale;
      const mean = sum / size;
      let square = 0;
      for (let place = 0; place < size; place++) square += (z[place]! * scale - mean) ** 2;
      this.#deviation = Math.sqrt(square / size);
    }
    return this.#deviation;
  }

  /** The softmax at T = 1 is remembered, and the latest one at another temperature. */
  at(temperature: number): Softmax {
    if (temperature === 1) {
      this.#plain ??= this.#softmax(1);
      return this.#plain;
    }
    if (this.#last?.temperature !== temperature) this.#last = this.#softmax(temperature);
    return this.#last!;
  }

  #softmax(temperature: number): Softmax {
    const { all, z, size, start } = this;
    const { distribution } = all;
    const top = z[0]!;
    if (!(top > -Infinity)) return equal(temperature, size, NaN);
    if (top === Infinity || temperature === 0) return equal(temperature, this.withTies(1));
    if (temperature === Infinity) return equal(temperature, size);

    const { shrink } = distribution;
    const maximum = distribution.logits[distribution.order[0]!]!;
    const below = (from: number, logit: number) =>
      (logit * shrink - from * shrink) / temperature / shrink;
    const quotient = (place: number) => below(top, z[place]!);
    const chunks = all.at(temperature);
    const shift = below(maximum, top);
    const unit = Math.exp(shift);
    /** The sums of exp_z and of exp_z times the quotient over the places in [from, to). */
    const sums = (from: number, to: number) => {
      let sum = 0;
      let moment = 0;
      if (this.ranks === null && shift > NEAR) {
        const added = chunks.between(start + from, start + to);
        sum = added.sum / unit;
        return { sum, moment: added.moment / unit - shift * sum };
      }
      for (let place = from; place < to; place++) {
        const q = quotient(place);
        const exp = Math.exp(q);
        // From here on every exp_z is 0.
        if (exp === 0) break;
        sum += exp;
        moment += exp * q;
      }
      return { sum, moment };
    };
    // The highest item has exp_z 1. The sum of the others is kept apart: it may be far below 1.
    const rest = sums(1, size);
    const total = 1 + rest.sum;
    const logTotal = Math.log1p(rest.sum);
    return {
      temperature,
      entropy: logTotal - rest.moment / total,
      probability: (place) => Math.exp(quotient(place)) / total,
      surprisal: (place) => logTotal - quotient(place),
      // The sum over all places is exactly 1.
      sum: (from, to) => (from === 0 && to > 0 ? 1 + sums(1, to).sum : sums(from, to).sum) / total,
    };
  }
}

/** The softmax in which the first `count` places have equal probabilities. */
function equal(temperature: number, count: number, probability = 1 / count): Softmax {
  const entropy = Number.isNaN(probability) ? NaN : Math.log(count);
  return {
    temperature,
    entropy,
    probability: (place) => (place < count ? probability : 0),
    surprisal: (place) => (place < count ? entropy : Infinity),
    sum: (from, to) => Math.max(0, Math.min(to, count) - from) * probability,
  };
}

/** Whether a sum ends at p. */
const reaches = (sum: number, p: number, { beyond }: Edges) => (beyond ? sum > p : sum >= p);

function topP(row: Row, t: number, p: number, edges: Edges): Row {
  if (p === 1) return row;
  const softmax = row.at(t);
  let count = 0;
  let sum = 0;
  while (count + BLOCK < row.size) {
    const next = sum + softmax.sum(count, count + BLOCK);
    if (reaches(next, p, edges)) break;
    sum = next;
    count += BLOCK;
  }
  do sum += softmax.probability(count++);
  while (count < row.size && !reaches(sum, p, edges));
  return row.leading(edges.few ? count : row.withTies(count));
}

function typicalP(row: Row, t: number, p: number, edges: Edges): Row {
  if (p === 1) return row;
  const { size } = row;
  const softmax = row.at(t);
  // Below 0 for what is likelier than typical. It rises from place to place, so that the `count`
  // places nearest to 0 are neighbours: they begin later while the one after them is nearer.
  const offset = (place: number) => softmax.surprisal(place) - softmax.entropy;
  const distance = (place: number) => Math.abs(offset(place));
  const first = (count: number) =>
    countLeading(size - count, (place) => -offset(place) > offset(place + count));

  let start = first(1);
  let stop = start + 1;
  let sum = softmax.probability(start);
  let most = size;
  while (most - (stop - start) > BLOCK) {
    const count = (stop - start + most) >> 1;
    const from = first(count);
    const next = sum + softmax.sum(from, start) + softmax.sum(stop, from + count);
    if (reaches(next, p, edges)) most = count;
    else [start, stop, sum] = [from, from + count, next];
  }
  while (stop - start < size && !reaches(sum, p, edges)) {
    const above = start > 0 && !(stop < size && distance(start - 1) > distance(stop));
    sum += softmax.probability(above ? --start : stop++);
  }

  const count = stop - start;
  const last = Math.max(distance(start), distance(stop - 1));
  while (start > 0 && distance(start - 1) === last) start--;
  while (stop < size && distance(stop) === last) stop++;
  if (!edges.few || stop - start === count) return row.between(start, stop);
  // Of the items at the last distance, the first ones in the order given stay.
  const { order } = row.all.distribution;
  const places = new Uint32Array(stop - start).map((_, k) => start + k);
  const tied = places.filter((place) => distance(place) === last).map((place) => order[place]!);
  const end = tied.sort()[count - (places.length - tied.length) - 1]!;
  const kept = places.filter((place) => distance(place) < last || order[place]! <= end);
  const z = new Float64Array(kept.length).map((_, k) => row.z[kept[k]!]!);
  return new Row(row.all, z, kept[0]!, kept);
}

function minP(row: Row, t: number, p: number): Row {
  const { probability } = row.at(t);
  const least = p * probability(0);
  return row.leading(countLeading(row.size, (place) => probability(place) >= least));
}

function epsilon(row: Row, t: number, cutoff: number): Row {
  const { probability } = row.at(t);
  const count = countLeading(row.size, (place) => probability(place) >= cutoff);
  return row.leading(Math.max(count, row.withTies(1)));
}

function eta(row: Row, t: number, cutoff: number): Row {
  return epsilon(row, t, Math.min(cutoff, Math.sqrt(cutoff) * Math.exp(-row.at(t).entropy)));
}

function topNSigma(row: Row, n: number): Row {
  const { z, scale } = row;
  const top = z[0]!;
  if (top === Infinity) return row.leading(row.withTies(1));
  const least = top * scale - n * row.sigma();
  return row.leading(countLeading(row.size, (place) => z[place]! * scale >= least));
}

const APPLY: Record<Rule, (row: Row, t: number, value: number, edges: Edges) => Row> = {
  top_k: (row, _, k, { few }) => row.leading(few || k >= row.size ? k : row.withTies(k)),
  top_p: topP,
  min_p: minP,
  typical_p: typicalP,
  epsilon,
  eta,
  top_n_sigma: (row, _, n) => topNSigma(row, n),
};

/** The engine of some settings, the steps in the order in which they run, and their edge rules. */
export function chain(settings: Settings) {
  const engine = check(settings);
  const { order, ties = engine.ties[0]! } = settings;
  const steps = stepsOf(settings).filter(
    (step) => step === "temperature" || settings[step]! > (engine.off[step] ?? -Infinity),
  );
  const edges: Engine["edges"] = { ...engine.edges, top_k: { few: ties === "k" } };
  return { engine, steps, edges, joint: engine.joint && !order && !settings.min_p };
}

/** The temperature as an engine takes it. */
export function takenBy(engine: Engine, temperature: number): number {
  const t = temperature < engine.greedyBelow ? 0 : temperature;
  return t > 0 ? Math.max(t, engine.leastTemperature) : t;
}

/** What a sampler keeps at one temperature. */
export class Kept {
  /** How many items are kept. */
  readonly count: number;
  /** The first rank that is kept: 0, except after typical_p. */
  readonly start: number;
  /**
   * The ranks that are kept, or null where they are [start, start + count). Only typical_p leaves
   * gaps, in an engine that does not keep all items of a tie.
   */
  readonly ranks: Uint32Array | null;
  /** The probability that they had together before truncation, at this temperature. */
  readonly mass: number;
  /** The entropy of what is kept, in nats. */
  readonly entropy: number;
  readonly #softmax: Softmax;

  constructor(
    readonly distribution: Distribution,
    /** As the engine takes it. */
    readonly temperature: number,
    row: Row,
    whole: Row,
  ) {
    this.#softmax = row.at(temperature);
    this.count = row.size;
    this.start = row.start;
    this.ranks = row.ranks;
    this.entropy = this.#softmax.entropy;
    const before = whole.at(temperature).probability(row.start);
    this.mass = Math.min(before / this.#softmax.probability(0), 1);
  }

  /** The rank of the kept item at a place, from 0. */
  rankAt(place: number): number {
    return this.ranks?.[place] ?? this.start + place;
  }

  keeps(rank: number): boolean {
    return this.#place(rank) >= 0;
  }

  /** The probability of the item at a rank, renormalised; exactly 0 where it is dropped. */
  probability(rank: number): number {
    const place = this.#place(rank);
    return place < 0 ? 0 : this.#softmax.probability(place);
  }

  /** The probabilities of all items, in the order given. */
  probabilities(): Float64Array {
    const { order } = this.distribution;
    const result = new Float64Array(order.length);
    for (let place = 0; place < this.count; place++) {
      result[order[this.rankAt(place)]!] = this.#softmax.probability(place);
    }
    return result;
  }

  /** The sum of the probabilities of the ranks in [from, to). */
  sum(from: number, to: number): number {
    return this.#softmax.sum(this.countBelow(from), this.countBelow(to));
  }

  /** How many of the kept items have a rank below this one. */
  countBelow(rank: number): number {
    const { ranks, start, count } = this;
    if (ranks === null) return Math.max(0, Math.min(rank - start, count));
    return countLeading(count, (place) => ranks[place]! < rank);
  }

  #place(rank: number): number {
    const place = this.countBelow(rank);
    return place < this.countBelow(rank + 1) ? place : -1;
  }
}

/** The truncation of one distribution, at any temperature and with any settings. */
export class Truncation {
  readonly #whole: Row;
  /** What the steps before the temperature kept last: the same at every temperature. */
  #early: { readonly settings: Settings; readonly row: Row } | undefined;

  constructor(readonly distribution: Distribution) {
    const { sorted: z } = distribution;
    // Of a row without a distribution all is kept, so that it stays NaN.
    const open =
      z[0]! > -Infinity ? countLeading(z.length, (rank) => z[rank]! > -Infinity) : z.length;
    this.#whole = new Row(new Temperatures(distribution), z.subarray(0, open), 0, null);
  }

  at(temperature: number, settings: Settings = {}): Kept {
    const whole = this.#whole;
    const { engine, steps, edges, joint } = chain(settings);
    if (!(temperature >= 0) || (temperature !== 1 && !steps.includes("temperature"))) {
      throw new RangeError(`temperature must be >= 0, and 1 if not in order, got ${temperature}`);
    }
    const t = takenBy(engine, temperature);
    const defined = whole.z[0]! > -Infinity;
    const apply = (rules: readonly Step[], first: Row, seen: number) => {
      let row = first;
      for (const rule of defined ? (rules as readonly Rule[]) : []) {
        const next = APPLY[rule](joint ? whole : row, seen, settings[rule]!, edges[rule] ?? {});
        // Joint steps all keep leading ranks.
        row = joint ? row.leading(next.size) : next;
      }
      return row;
    };
    const turn = steps.includes("temperature") ? steps.indexOf("temperature") : steps.length;
    if (this.#early?.settings !== settings) {
      this.#early = { settings, row: apply(steps.slice(0, turn), whole, 1) };
    }
    let row = apply(steps.slice(turn + 1), this.#early.row, t);
    // Engines are greedy at T = 0: they take the first of the highest items.
    if (defined && engine !== PAPERS && t === 0) row = row.leading(1);
    return new Kept(whole.all.distribution, t, row, whole);
  }
}

/**
 * The total variation distance, half of the sum of |p - q|: how many of the draws from the one
 * would have to change to be draws from the other. Of one distribution it is quick, even if long.
 */
export function totalVariation(a: Kept, b: Kept): number {
  let sum = 0;
  if (a.distribution === b.distribution) {
    const same = a.start === b.start && a.count === b.count && String(a.ranks) === String(b.ranks);
    if (same && a.temperature === b.temperature) return 0;
  }
  if (a.distribution === b.distribution && a.ranks === null && b.ranks === null) {
    const low = Math.max(a.start, b.start);
    const high = Math.min(a.start + a.count, b.start + b.count);
    const [p, q] = a.probability(low) > b.probability(low) ? [a, b] : [b, a];
    // p / q rises or falls with the rank: from some rank on, p > q no longer holds.
    const turn = countLeading(high - low, (k) => p.probability(low + k) > q.probability(low + k));
    const cuts = [0, low, low + turn, high, Infinity];
    for (let k = 1; k < cuts.length; k++) {
      sum += Math.abs(a.sum(cuts[k - 1]!, cuts[k]!) - b.sum(cuts[k - 1]!, cuts[k]!));
    }
    return sum / 2;
  }
  const p = a.probabilities();
  const q = b.probabilities();
  if (p.length !== q.length) throw new RangeError(`not of one size: ${p.length} and ${q.length}`);
  // Compensated summation (Kahan).
  let low = 0;
  for (let item = 0; item < p.length; item++) {
    const term = Math.abs(p[item]! - q[item]!) - low;
    const next = sum + term;
    low = next - sum - term;
    sum = next;
  }
  return sum / 2;
}
