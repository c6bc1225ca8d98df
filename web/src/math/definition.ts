/**
 * Softmax with temperature, the twin of `thermoscope/definition.py`: the same rules in the same
 * order, within 2 ulp of exact arithmetic, and fast enough for every frame of a drag.
 *
 * Every frame needs exp((z - max) / T) for every logit. Dividing first would cost both accuracy
 * (the rounded quotient may be as large as 745, and exp amplifies its last bit) and time. So the
 * argument is reduced before it is divided: with c = log(2) / 64 and the whole number i nearest
 * to (z - max) / (c T), the rest (z - max) - i c T is computed exactly from c T in two parts. It is
 * so small that the rounding of its division by T doesn't matter. Then
 * exp = 2^(i / 64) exp(rest), from a table of the 64 fractions and a short series.
 * A row's total and its inverse are kept in two parts, and so is each exponential until it is
 * divided by the total. A probability is computed with +, -, * and / only, which IEEE 754 defines
 * to the last bit: the bound holds in every browser, however accurate its Math.exp is. (Math.log1p
 * and Math.exp are used for the entropy and the perplexity.)
 * (P. T. P. Tang, "Table-driven implementation of the exponential function in IEEE
 * floating-point arithmetic", ACM TOMS 15, 1989; the reduction by c T instead of c is ours.)
 */

/*
 * In a long row, most logits are so close to their neighbours in the sorted row that one
 * exponential is enough for a whole chunk: with the mean c of a chunk and the largest distance h
 * from it, exp((z - max) / T) = exp(c / T) exp(v x) for x = h / T and v from -1 to 1, and the sum of
 * exp(v x) over the chunk is a short series in x whose coefficients do not depend on T. About the
 * mean it has no linear term, so the series adds little, and its rounding error is small. Two
 * chunks are a chunk of the next level, whose series is made from theirs. A frame takes the largest
 * chunks for which x is small enough, and where none is, the items one by one. (This is the far field
 * of the fast multipole method: L. Greengard and V. Rokhlin, "A fast algorithm for particle
 * simulations", J. Comput. Phys. 73, 1987.)
 */

/** The softmax of a row at one temperature: all that a view needs for one frame. */
export interface Frame {
  readonly distribution: Distribution;
  readonly temperature: number;
  /** Shannon entropy in nats. */
  readonly entropy: number;
  /** The number of effective choices, exp(entropy). */
  readonly perplexity: number;
  /** The highest probability. */
  readonly top: number;
  /** The probability of all ranks outside of the window. */
  readonly outside: number;
  /** The sum of all probabilities, inside and outside of the window. */
  readonly sum: number;
  /** The probability of an item with this logit. */
  probability(logit: number): number;
}

const STEPS = 64;
const C_HIGH_BITS = 34;
/** Items in a chunk of the first level, as a power of two; those of each next level are twice as many. */
const FIRST_BITS = 4;
const LEVELS = 8;
/** Terms of its series after the first; up to x = NEAR the terms left out are below 2^-54 of the sum. */
const TERMS = 12;
const NEAR = 0.33;
/** 1 / k. */
const INVERSE = Float64Array.from({ length: TERMS + 1 }, (_, k) => 1 / k);
/** shift^k / k! of the chunk that is joined. */
const SHIFTS = new Float64Array(TERMS + 1).fill(1, 0, 1);
/** Below this, exp is less than half of the smallest double. */
const UNDERFLOW = -745.2;
const LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;
/** 2^27 + 1 splits a double into halves whose products are exact (Veltkamp). */
const SPLITTER = 134217729;

/** 2^(i / 64) for i from 0 to 63, and the rounding errors of these doubles. */
const FRACTION = new Float64Array(STEPS);
const FRACTION_LOW = new Float64Array(STEPS);
/** 2^k for k from -1080 to 0: below -1074 it is 0, and the products with it round once. */
const LOWEST_POWER = -1080;
const POWER = Float64Array.from({ length: 1 - LOWEST_POWER }, (_, k) => 2 ** (k + LOWEST_POWER));

/** c = log(2) / 64 to 106 bits: log(2) as fdlibm splits it, whose first part ends in zeros. */
const C_HIGH = 0.6931471803691238 / STEPS;
const C_LOW = 1.9082149292705877e-10 / STEPS;

{
  // Whole-number square roots of 2 at 200 bits give 2^(1/64), and products the rest.
  const bits = 200n;
  const root = (square: bigint): bigint => {
    let x = 1n << (BigInt(square.toString(2).length + 1) / 2n + 1n);
    for (;;) {
      const next = (x + square / x) >> 1n;
      if (next >= x) return x;
      x = next;
    }
  };
  let step = 1n << (bits + 1n);
  for (let k = 1; k < STEPS; k *= 2) step = root(step << bits);
  let value = 1n << bits;
  for (let i = 0; i < STEPS; i++) {
    const scaled = value >> (bits - 120n);
    const high = Number(scaled);
    FRACTION[i] = high * 2 ** -120;
    FRACTION_LOW[i] = Number(scaled - BigInt(high)) * 2 ** -120;
    value = (value * step) >> bits;
  }
}

/** TwoSum (Knuth): the rounding error of total = a + b. */
function twoSumError(a: number, b: number, total: number): number {
  const virtual = total - a;
  return a - (total - virtual) + (b - virtual);
}

/** Split (Veltkamp): the upper 26 bits of a; products of two such halves are exact. */
function upperHalf(a: number): number {
  const split = a * SPLITTER;
  return split - (split - a);
}

/** TwoProduct (Dekker): the rounding error of product = a * b, for |a|, |b| < 2^996, |a b| > 2^-969. */
function twoProductError(a: number, b: number, product: number): number {
  const aHigh = upperHalf(a);
  const bHigh = upperHalf(b);
  const aLow = a - aHigh;
  const bLow = b - bHigh;
  return aHigh * bHigh - product + aHigh * bLow + aLow * bHigh + aLow * bLow;
}

/** The constants of one temperature: exp(difference / (T shrink)) for many differences. */
export class Exponential {
  readonly stretch: number;
  readonly inverse: number;
  readonly #perStep: number;
  readonly #stepHigh: number;
  readonly #stepLow: number;
  /** For differences below this, exp_z is 0. */
  readonly floor: number;

  constructor(temperature: number, shrink: number) {
    // A power of two, which costs no accuracy, keeps T and 1 / T inside of the range of doubles.
    this.stretch = temperature > 2 ** 900 ? 2 ** -600 : temperature < 2 ** -400 ? 2 ** 600 : 1;
    const t = temperature * this.stretch * shrink;
    this.inverse = 1 / t;
    this.#perStep = 1 / (t * C_HIGH);
    this.floor = (UNDERFLOW * t) / this.stretch;
    // c T in two parts, the first so short that its product with a whole number of steps is exact.
    const product = t * C_HIGH;
    const error = twoProductError(t, C_HIGH, product) + t * C_LOW;
    const shortener = product * 2 ** (53 - C_HIGH_BITS);
    this.#stepHigh = product + shortener - shortener;
    this.#stepLow = product - this.#stepHigh + error;
  }

  /** The whole number nearest to difference / (c T shrink), for a difference from `floor` to 0. */
  steps(difference: number): number {
    return (difference * this.stretch * this.#perStep - 0.5) | 0;
  }

  /**
   * The tail with which exp((difference + error) / (T shrink)) = POWER * (FRACTION + tail), to
   * 2^-57 of it; |tail| < 0.011.
   */
  tail(difference: number, error: number, steps: number): number {
    const rest =
      difference * this.stretch -
      steps * this.#stepHigh +
      (error * this.stretch - steps * this.#stepLow);
    const r = rest * this.inverse;
    const series = r + r * r * (1 / 2 + r * (1 / 6 + r * (1 / 24 + r * (1 / 120 + r * (1 / 720)))));
    const j = steps & (STEPS - 1);
    return FRACTION[j]! * series + FRACTION_LOW[j]!;
  }
}

/**
 * The indices of the values, the highest value first, ties in the order given, NaN at the top:
 * a NaN makes the whole row NaN, so it is shown first.
 *
 * A radix sort by the doubles' own bits, 16 at a time: the lowest first, and every pass keeps
 * the order of the one before among equals.
 */
function descending(values: Float64Array): Uint32Array {
  const size = values.length;
  // Zeros of both signs tie: 0 + -0 is 0.
  const keys = values.map((z) => (Number.isNaN(z) ? Infinity : z + 0));
  const words = new Uint16Array(keys.buffer);
  // Bits just above those of infinity, for every NaN.
  for (let i = 0; i < size; i++) {
    if (Number.isNaN(values[i])) words[4 * i + (LITTLE_ENDIAN ? 0 : 3)] = 1;
  }
  const digits = new Uint16Array(size);
  const starts = new Uint32Array(0x10000);
  let order = new Uint32Array(size).map((_, i) => i);
  let next = new Uint32Array(size);
  for (let pass = 0; pass < 4; pass++) {
    const word = LITTLE_ENDIAN ? pass : 3 - pass;
    starts.fill(0);
    for (let i = 0; i < size; i++) {
      const digit = words[4 * i + word]!;
      // The bits of negative doubles descend already. Those of positive ones are inverted, except
      // for the sign, which puts them first.
      const inverted = keys[i]! < 0 ? digit : digit ^ (pass === 3 ? 0x7fff : 0xffff);
      digits[i] = inverted;
      starts[inverted]!++;
    }
    let start = 0;
    for (let digit = 0; digit < 0x10000; digit++) {
      const count = starts[digit]!;
      starts[digit] = start;
      start += count;
    }
    for (let k = 0; k < size; k++) {
      const item = order[k]!;
      next[starts[digits[item]!]!++] = item;
    }
    [order, next] = [next, order];
  }
  return order;
}

/** Chunks of one size, by rank. They do not depend on the maximum, and stay valid when it moves. */
class Level {
  constructor(
    readonly items: number,
    size: number,
    /** The mean of z * shrink. */
    readonly centers = new Float64Array(Math.floor(size / items)),
    /** The largest distance from it. */
    readonly radii = new Float64Array(Math.floor(size / items)),
    /** sum v^k / k! for k from 1 to TERMS. */
    readonly series = new Float64Array(TERMS * centers.length),
  ) {}

  copy(): Level {
    const { items, centers, radii, series } = this;
    return new Level(items, 0, centers.slice(), radii.slice(), series.slice());
  }

  /** Computes a chunk from its parts, which are chunks of the level below. */
  join(chunk: number, below: Level): void {
    const { centers, radii } = below;
    const start = 2 * chunk;
    const end = start + 2;
    const apart = (centers[start]! - centers[start + 1]!) / 2;
    const center = centers[start]! - apart;
    const radius = apart + Math.max(radii[start]!, radii[start + 1]!);
    this.centers[chunk] = center;
    this.radii[chunk] = radius;
    const terms = TERMS * chunk;
    this.series.fill(0, terms, terms + TERMS);
    for (let part = start; radius > 0 && part < end; part++) {
      // v = shift + scale v of the part: by the binomial theorem, a convolution of the two series.
      const shift = (centers[part]! - center) / radius;
      const scale = radii[part]! / radius;
      let power = 1;
      let term = below.items;
      for (let k = 1; k <= TERMS; k++) {
        term *= shift * INVERSE[k]!;
        this.series[terms + k - 1]! += term;
        SHIFTS[k] = SHIFTS[k - 1]! * shift * INVERSE[k]!;
      }
      for (let j = 1; j <= TERMS; j++) {
        power *= scale;
        const factor = below.series[TERMS * part + j - 1]! * power;
        for (let k = j; k <= TERMS; k++) this.series[terms + k - 1]! += factor * SHIFTS[k - j]!;
      }
    }
  }
}

/** Logits, sorted once, at any temperature. */
export class Distribution {
  readonly logits: Float64Array;
  /** order[rank] is an index into `logits`: the highest first, ties in the order given. */
  readonly order: Uint32Array;
  /** How many items hold the maximum. */
  readonly ties: number;
  readonly #maximum: number;
  /** How many items are above -inf. */
  readonly open: number;
  readonly #undefined: boolean;
  /** If z - max would overflow, all logits are scaled by this power of two. */
  readonly shrink: number;
  /** The logits by rank. */
  readonly sorted: Float64Array;
  readonly #levels: readonly Level[];

  /** @param edit - a distribution that differs in the logit of one item, and that item */
  constructor(logits: Float64Array, edit: { before: Distribution; item: number } | null = null) {
    if (logits.length === 0) throw new RangeError("logits must hold at least one number, got none");
    const size = logits.length;
    this.logits = logits;
    /** The ranks whose items are not those of `before`. */
    let [from, to] = [0, size];
    if (edit === null) {
      this.order = descending(logits);
      this.sorted = new Float64Array(size);
      for (let rank = 0; rank < size; rank++) this.sorted[rank] = logits[this.order[rank]!]!;
    } else {
      this.order = edit.before.order.slice();
      this.sorted = edit.before.sorted.slice();
      [from, to] = this.#reinsert(edit.item);
    }

    const maximum = this.sorted[0]!;
    this.#maximum = maximum;
    // A NaN stands at the top.
    this.#undefined = Number.isNaN(maximum) || maximum === -Infinity;
    let ties = 0;
    while (ties < size && this.sorted[ties] === maximum) ties++;
    this.ties = ties;
    let open = size;
    while (open > 0 && this.sorted[open - 1] === -Infinity) open--;
    this.open = open;

    const lowest = open > 0 ? this.sorted[open - 1]! : maximum;
    this.shrink = Number.isFinite(maximum - lowest) ? 1 : 0.25;
    if (edit?.before.shrink === this.shrink) {
      this.#levels = edit.before.#levels.map((level) => level.copy());
    } else {
      [from, to] = [0, size];
      this.#levels = Array.from(
        { length: LEVELS },
        (_, k) => new Level(1 << (FIRST_BITS + k), size),
      );
    }
    this.#levels.forEach((level, k) => {
      const { items } = level;
      const last = Math.min(Math.ceil(to / items), Math.floor(open / items));
      for (let chunk = Math.floor(from / items); chunk < last; chunk++) {
        if (k === 0) this.#expand(chunk);
        else level.join(chunk, this.#levels[k - 1]!);
      }
    });
  }

  /** The distribution of some logits: without a sort where they differ from `before` in one place. */
  static of(logits: Float64Array, before: Distribution | null): Distribution {
    const item = before === null ? null : soleDifference(before.logits, logits);
    if (item === null) return new Distribution(logits);
    return item < 0 ? before! : new Distribution(logits, { before: before!, item });
  }

  /** Moves an item to the rank of its logit; returns the ranks of which items have moved. */
  #reinsert(item: number): [number, number] {
    const { logits, order, sorted } = this;
    const last = order.length - 1;
    const old = order.indexOf(item);
    order.copyWithin(old, old + 1);
    sorted.copyWithin(old, old + 1);
    const logit = logits[item]!;
    let [rank, end] = [0, last];
    while (rank < end) {
      const middle = (rank + end) >> 1;
      const other = sorted[middle]!;
      const isAbove =
        Number.isNaN(logit) || Number.isNaN(other)
          ? Number.isNaN(other) && (!Number.isNaN(logit) || order[middle]! < item)
          : other > logit || (other === logit && order[middle]! < item);
      if (isAbove) rank = middle + 1;
      else end = middle;
    }
    order.copyWithin(rank + 1, rank, last);
    sorted.copyWithin(rank + 1, rank, last);
    order[rank] = item;
    sorted[rank] = logit;
    return [Math.min(old, rank), Math.max(old, rank) + 1];
  }

  /** Computes a chunk of the first level. */
  #expand(chunk: number): void {
    const { shrink, sorted } = this;
    const { items, centers, radii, series } = this.#levels[0]!;
    const start = chunk * items;
    const end = start + items;
    const highest = sorted[start]! * shrink;
    let below = 0;
    for (let rank = start; rank < end; rank++) below += (highest - sorted[rank]! * shrink) / items;
    const center = highest - below;
    const radius = Math.max(highest - center, center - sorted[end - 1]! * shrink);
    centers[chunk] = center;
    radii[chunk] = radius;
    const terms = TERMS * chunk;
    series.fill(0, terms, terms + TERMS);
    for (let rank = start; radius > 0 && rank < end; rank++) {
      const v = (sorted[rank]! * shrink - center) / radius;
      let term = 1;
      for (let k = 1; k <= TERMS; k++) {
        term *= v * INVERSE[k]!;
        series[terms + k - 1]! += term;
      }
    }
  }

  /** Whether a probability of 0 is exact, and not one below the smallest float64. */
  isExactlyZero(logit: number, temperature: number): boolean {
    return temperature === 0 || this.#maximum === Infinity || logit === -Infinity;
  }

  /**
   * The frame at a temperature in [0, inf], for a view that shows the ranks in [first, last), and
   * another rank, `apart`, unless that is -1. One pass over the logits, chunk by chunk where it can; only
   * the frame is allocated.
   */
  at(temperature: number, first = 0, last = this.logits.length, apart = -1): Frame {
    if (!(temperature >= 0)) {
      throw new RangeError(`temperature must be >= 0, got ${temperature}`);
    }
    if (this.#undefined) return frame(this, temperature, NaN, NaN, NaN, NaN, () => NaN);
    const maximum = this.#maximum;
    const topInside = (first === 0 && last > 0) || apart === 0 ? 1 : 0;
    if (maximum === Infinity || temperature === 0 || temperature === Infinity) {
      const isUniform = maximum !== Infinity && temperature === Infinity;
      const equal = isUniform ? this.open : this.ties;
      const inside =
        Math.max(0, Math.min(last, equal) - first) + (apart >= 0 && apart < equal ? 1 : 0);
      const least = isUniform ? -Number.MAX_VALUE : maximum;
      return frame(
        this,
        temperature,
        Math.log(equal),
        1 / equal,
        (equal - inside) / equal,
        1,
        (logit) => (logit >= least ? 1 / equal : 0),
      );
    }

    // The highest item has exp_z 1. The sum of the others is kept apart: it may be far below 1, and
    // the entropy of a confident softmax consists of it.
    const exponential = new Exponential(temperature, this.shrink);
    const without = (from: number, to: number) =>
      apart >= from && apart < to
        ? together(this.add(exponential, from, apart), this.add(exponential, apart + 1, to))
        : this.add(exponential, from, to);
    const before = without(1, first);
    const window = this.add(exponential, first || 1, last);
    const inside = apart > 0 ? together(window, this.add(exponential, apart, apart + 1)) : window;
    const after = without(last || 1, this.open);
    const { sum: rest, low: restLow, moment } = together(together(before, inside), after);
    const total = 1 + rest;
    const totalLow = restLow + twoSumError(1, rest, total);
    const mean = (moment * exponential.inverse) / total;
    const entropy = Math.log1p(rest + restLow) - mean;

    const outside = (before.sum + after.sum + (1 - topInside)) / total;
    // 1 / (total + totalLow) in two parts: one Newton step.
    const inverse = 1 / total;
    const product = total * inverse;
    const inverseLow =
      (1 - product - twoProductError(total, inverse, product) - totalLow * inverse) * inverse;
    return frame(
      this,
      temperature,
      entropy,
      inverse + inverseLow,
      outside,
      outside + (inside.sum + topInside) / total,
      (logit) => {
        if (logit === -Infinity) return 0;
        const difference = this.#difference(logit);
        if (difference < exponential.floor) return 0;
        const steps = exponential.steps(difference);
        const fraction = FRACTION[steps & (STEPS - 1)]!;
        const tail = exponential.tail(difference, this.#error(logit, difference), steps);
        // FastTwoSum (Dekker).
        const high = fraction + tail;
        const low = tail - (high - fraction);
        const quotient = high * inverse;
        const quotientLow =
          twoProductError(high, inverse, quotient) + (high * inverseLow + low * inverse);
        // The power comes last: it is exact, unless the result is subnormal.
        return POWER[(steps >> 6) - LOWEST_POWER]! * (quotient + quotientLow);
      },
    );
  }

  /** (z - max) * shrink without overflow. */
  #difference(logit: number): number {
    return logit * this.shrink - this.#maximum * this.shrink;
  }

  /** The rounding error of `difference`. */
  #error(logit: number, difference: number): number {
    // The error of an infinite difference, or of NaN, is never used.
    if (!Number.isFinite(difference)) return 0;
    return twoSumError(logit * this.shrink, -this.#maximum * this.shrink, difference);
  }

  /** The sums of exp_z and of exp_z times (z - max) over the ranks in [from, to). */
  add(exponential: Exponential, from: number, to: number): Sums {
    const { shrink, sorted } = this;
    const levels = this.#levels;
    const { floor, stretch } = exponential;
    const perUnit = stretch * exponential.inverse;
    const top = this.#maximum * shrink;
    const end = Math.min(to, this.open);
    let sum = 0;
    let low = 0;
    let moment = 0;
    let rank = from;
    while (rank < end) {
      const scaled = sorted[rank]! * shrink;
      // The row is sorted: from here on every exp_z is 0.
      if (scaled - top < floor) break;
      // The largest chunk that begins here, has its end in the row, and is near enough.
      let chunks: Level | null = null;
      let chunk = 0;
      let x = 0;
      // The number of zeros at the end of the rank.
      const zeros = 31 - Math.clz32(rank & -rank);
      let k = (rank === 0 ? LEVELS : Math.min(LEVELS, zeros - FIRST_BITS + 1)) - 1;
      for (; k >= 0 && chunks === null; k--) {
        const level = levels[k]!;
        if (rank + level.items > end) continue;
        chunk = rank / level.items;
        x = level.radii[chunk]! * perUnit;
        if (x <= NEAR && sorted[rank + level.items - 1]! * shrink - top >= floor) chunks = level;
      }
      // One call of `tail` for both cases: inlined once, it leaves room to inline the rest.
      const place = chunks === null ? scaled : chunks.centers[chunk]!;
      const point = place - top;
      const steps = exponential.steps(point);
      const power = POWER[(steps >> 6) - LOWEST_POWER]!;
      const head = power * FRACTION[steps & (STEPS - 1)]!;
      const tail = power * exponential.tail(point, twoSumError(place, -top, point), steps);
      const one = head + tail;
      if (chunks !== null) {
        const { items, radii, series } = chunks;
        let slope = 0;
        let rest = 0;
        for (let k = TERMS; k > 0; k--) {
          const coefficient = series[TERMS * chunk + k - 1]!;
          slope = slope * x + k * coefficient;
          rest = rest * x + coefficient;
        }
        const chunkHead = items * head;
        const chunkTail = items * tail + one * (x * rest);
        const chunkSum = chunkHead + chunkTail;
        const total = sum + chunkSum;
        // FastTwoSum (Dekker), then TwoSum: the sum of a chunk may exceed the sum so far.
        low += chunkTail - (chunkSum - chunkHead) + twoSumError(sum, chunkSum, total);
        sum = total;
        moment += stretch * (chunkSum * point + one * slope * radii[chunk]!);
        rank += items;
      } else {
        const total = sum + one;
        // FastTwoSum (Dekker), because exp_z descends; both parts of exp_z at once.
        low += head - (total - sum) + tail;
        sum = total;
        moment += one * (point * stretch);
        rank++;
      }
    }
    return { sum, low, moment };
  }
}

/** The one place where two rows of logits differ; -1 if they are equal, null if it is not one place. */
export function soleDifference(before: Float64Array, after: Float64Array): number | null {
  if (before === after) return -1;
  if (before.length !== after.length) return null;
  let found = -1;
  for (let i = 0; i < after.length; i++) {
    const a = before[i]!;
    const b = after[i]!;
    // Only NaN is not itself.
    // biome-ignore lint/suspicious/noSelfCompare: quicker than Number.isNaN
    if (a === b || (a !== a && b !== b)) continue;
    if (found >= 0) return null;
    found = i;
  }
  return found;
}

/** Sums over some ranks, the first of them in two parts. */
interface Sums {
  readonly sum: number;
  readonly low: number;
  readonly moment: number;
}

function together(a: Sums, b: Sums): Sums {
  const sum = a.sum + b.sum;
  const low = a.low + b.low + twoSumError(a.sum, b.sum, sum);
  return { sum, low, moment: a.moment + b.moment };
}

function frame(
  distribution: Distribution,
  temperature: number,
  entropy: number,
  top: number,
  outside: number,
  sum: number,
  probability: (logit: number) => number,
): Frame {
  const perplexity = Math.exp(entropy);
  return { distribution, temperature, entropy, perplexity, top, outside, sum, probability };
}

/** softmax(logits / temperature), in the order given. */
export function softmax(logits: Float64Array, temperature: number): Float64Array {
  const { probability } = new Distribution(logits).at(temperature);
  return logits.map((logit) => probability(logit));
}
