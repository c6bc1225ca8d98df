/**
 * What a server's answer says of a distribution at any temperature, the twin of
 * `thermoscope/reported.py`: intervals, because the server reports some tokens, and of the others
 * only what they have together.
 *
 * With a = T₀ / T, a token of probability q has the weight q^a. The tail's sum of weights, S, lies
 * between two ends: the tail spread evenly over its tokens, and heaped up to the cap. A rising S
 * lowers each reported probability. It raises the entropy, because no token of the tail is likelier
 * than the least likely of the reported ones.
 *
 * All weights are relative to that of the likeliest token, so that none overflows.
 */
import { type Measure, root, slack } from "./solve";

/** What is known of the tokens that are not reported. */
export interface Tail {
  /** Their probability together, at the server's temperature. */
  readonly mass: number;
  /** The logarithm of the most that one of them can have: what the last of the K likeliest has. */
  readonly cap: number;
  /** How many they are; Infinity if the vocabulary is not known. */
  readonly count: number;
  /** The temperature that the server applied; above 0. */
  readonly temperature: number;
  /** How far a reported log-probability may be from the true one, because it is rounded. */
  readonly delta: number;
}

/** Below this temperature, two logits that differ at all are as far apart as at T = 0. */
const NEXT_TO_ZERO = 1e-290;
/** More than what rounding does to an end of an interval: the ends go outwards by it. */
const ROUNDING = 2 ** -46;
/** That of 1 - the sum of the reported probabilities. */
const EPSILON = 2 ** -50;
/** Where a bound of the entropy is, it is stationary: its place need not be known better. */
const PLACE = 1e-8;

/** The tokens of one position that a server reported, and the tail. */
export class Reported {
  /** The place of the likeliest token, and its logit. */
  readonly top: number;
  readonly maximum: number;
  /** How many reported tokens may be the likeliest: more than one where they tie within rounding. */
  readonly leading: number;
  /** The logarithms of the least and of the most mass that the tail may have, and of its cap. */
  readonly least: number;
  readonly most: number;
  readonly cap: number;

  /**
   * @param logits - the logarithms of the reported probabilities, times the server's temperature
   * @param from - the place of the first one of this position
   * @param to - the place after its last one
   */
  constructor(
    readonly logits: Float64Array,
    readonly tail: Tail,
    readonly from = 0,
    readonly to = logits.length,
  ) {
    const { mass, cap, count, temperature, delta } = tail;
    let sum = 0;
    let top = from;
    for (let k = from; k < to; k++) {
      if (logits[k]! > logits[top]!) top = k;
      sum += Math.exp(logits[k]! / temperature);
    }
    this.top = top;
    this.maximum = logits[top]!;
    let leading = 0;
    for (let k = from; k < to; k++) if (logits[k]! >= this.leastLeading) leading++;
    this.leading = leading;
    // What rounding has added to the reported tokens is missing in the tail, and the other way round.
    const most = Math.log(mass - sum * Math.expm1(-delta));
    this.most = Math.min(most, Math.log(count) + cap + delta);
    this.least = Math.min(Math.log(Math.max(0, mass - sum * Math.expm1(delta))), this.most);
    // No token has more than all of them.
    this.cap = Math.min(cap + delta, this.most);
  }

  /** The lowest logit that a token which may be the likeliest has. */
  get leastLeading(): number {
    return this.maximum - 2 * this.tail.temperature * this.tail.delta;
  }

  /** The bounds at a temperature in [0, ∞]. To fill some that are there allocates nothing. */
  at(temperature: number, bounds = new Bounds()): Bounds {
    bounds.fill(this, temperature);
    return bounds;
  }
}

/** The bounds of one position at one temperature. */
export class Bounds {
  private reported!: Reported;
  private temperature = 1;
  /** Weights that are rounded differ by up to this factor, in proportion to each other. */
  private stretch = 1;
  /** The sum of the weights of the reported tokens but the likeliest, and of weight times its logarithm. */
  private rest = 0;
  private moment = 0;
  /** Those of the tokens below the cap. */
  private restBelow = 0;
  private momentBelow = 0;
  /** The sum of the weights of the tail: the least and the most. */
  private least = 0;
  private most = 0;

  fill(reported: Reported, temperature: number): void {
    const { logits, tail, from, to, maximum, top } = reported;
    this.reported = reported;
    const isZero = temperature < NEXT_TO_ZERO;
    this.temperature = isZero ? 0 : temperature;
    const power = tail.temperature / temperature;
    this.rest = this.moment = this.restBelow = this.momentBelow = 0;
    if (isZero) {
      this.rest = reported.leading - 1;
      this.stretch = this.rest > 0 && tail.delta > 0 ? Infinity : 1;
      // Tokens at the cap tie where that is the highest.
      const ties = tail.temperature * reported.cap >= reported.leastLeading;
      const full = Math.min(
        tail.count,
        Math.floor(Math.exp(reported.most - tail.cap + tail.delta) * (1 + ROUNDING)),
      );
      this.most = ties ? full : 0;
      this.least = ties && tail.delta === 0 && full === tail.count ? full : 0;
      return;
    }
    this.stretch = Math.exp(2 * power * tail.delta);
    const floor = tail.cap * tail.temperature;
    for (let k = from; k < to; k++) {
      const logit = logits[k]!;
      const log = (logit - maximum) / temperature;
      const weight = Math.exp(log);
      // The weight of the likeliest is 1, and is kept apart. That of -inf may be NaN at T = inf.
      if (k === top || !(weight > 0)) continue;
      this.rest += weight;
      this.moment += weight * log;
      if (logit < floor) {
        this.restBelow += weight;
        this.momentBelow += weight * log;
      }
    }
    const isSpreadLeast = power > 1;
    this.least = isSpreadLeast ? this.spread(reported.least) : this.heaped(reported.least);
    this.most = isSpreadLeast ? this.heaped(reported.most) : this.spread(reported.most);
  }

  /** The logarithm of the weight of a token, from that of its probability. */
  private log(probability: number): number {
    const { tail, maximum } = this.reported;
    const difference = tail.temperature * probability - maximum;
    return difference === 0 ? 0 : difference / this.temperature;
  }

  private get isKnown(): boolean {
    return this.reported.tail.count < Infinity;
  }

  /** The sum of the weights of a tail of this mass that is spread evenly. */
  private spread(mass: number): number {
    if (mass === -Infinity) return 0;
    const { temperature, count } = this.reported.tail;
    if (this.isKnown) return count * Math.exp(this.log(mass - Math.log(count)));
    if (this.temperature === temperature) return Math.exp(this.log(mass));
    return this.temperature < temperature ? 0 : Infinity;
  }

  /** The sum of the weights of a tail of this mass that is heaped up to the cap. */
  private heaped(mass: number, hasMoment = false): number {
    if (mass === -Infinity) return 0;
    const cap = Math.min(this.reported.cap, mass);
    const quotient = Math.exp(mass - cap);
    const full = Math.floor(quotient * (1 + ROUNDING));
    // At a high temperature, a rounding error of the mass would weigh as much as a token.
    const error = ROUNDING * quotient + (full === 0 ? 0 : EPSILON * Math.exp(-cap));
    const left = cap + Math.log(Math.max(0, quotient - full - error));
    const [atCap, atLeft] = [this.log(cap), left === -Infinity ? -Infinity : this.log(left)];
    const [first, second] = [full * Math.exp(atCap), Math.exp(atLeft)];
    return hasMoment ? timesLog(first, atCap) + timesLog(second, atLeft) : first + second;
  }

  /** The weight of a reported token: what sets of tokens are summed up by. */
  weight(logit: number): number {
    if (logit === -Infinity) return 0;
    if (this.temperature === 0) return logit >= this.reported.leastLeading ? 1 : 0;
    return Math.exp((logit - this.reported.maximum) / this.temperature);
  }

  /** The least probability of reported tokens whose weights have this sum. */
  low(weight: number): number {
    if (weight === 0) return 0;
    const others = Math.max(0, 1 + this.rest - weight);
    const sum = weight + times(others, this.stretch) + times(this.most, Math.sqrt(this.stretch));
    return (weight / sum) * (1 - ROUNDING);
  }

  /** The highest probability of reported tokens whose weights have this sum. */
  high(weight: number): number {
    if (weight === 0) return 0;
    const others = Math.max(0, 1 + this.rest - weight);
    const sum = weight + others / this.stretch + this.least / Math.sqrt(this.stretch);
    return Math.min(1, (weight / sum) * (1 + ROUNDING));
  }

  /** The least and the highest probability of the tail. */
  get tailLow(): number {
    const weight = (1 + this.rest) * Math.sqrt(this.stretch);
    return (this.least / (this.least + weight)) * (1 - ROUNDING);
  }
  get tailHigh(): number {
    if (this.most === Infinity) return 1;
    const weight = (1 + this.rest) / Math.sqrt(this.stretch);
    return Math.min(1, (this.most / (this.most + weight)) * (1 + ROUNDING)) || 0;
  }

  /** −log of the highest and of the least probability that the likeliest token has. */
  get topSurprisalLow(): number {
    return Math.log1p(this.rest / this.stretch + this.least / Math.sqrt(this.stretch));
  }
  get topSurprisalHigh(): number {
    return Math.log1p(times(this.rest, this.stretch) + times(this.most, Math.sqrt(this.stretch)));
  }

  /** The entropy in nats with a tail of this sum of weights, and of weight times logarithm. */
  private entropyWith(sum: number, moment: number): number {
    const rest = this.rest + sum;
    return Math.log1p(rest) - (this.moment + moment) / (1 + rest);
  }

  /** The least entropy in nats. */
  get entropyLow(): number {
    return (this.leastEntropy() / this.stretch) * (1 - ROUNDING);
  }

  /** The highest entropy in nats; infinite where no vocabulary bounds it. */
  get entropyHigh(): number {
    const { from, to, tail, most } = this.reported;
    const count = to - from + (most === -Infinity ? 0 : tail.count);
    const entropy = times(this.highestEntropy(), this.stretch) * (1 + ROUNDING);
    return Math.min(Math.log(count), entropy);
  }

  private leastEntropy(): number {
    const { tail, least } = this.reported;
    if (this.temperature === 0) return this.entropyWith(this.least, 0);
    if (least === -Infinity) return this.entropyWith(0, 0);
    if (this.temperature < tail.temperature) {
      return this.isKnown ? this.leastOfFixed(least) : this.entropyWith(0, 0);
    }
    const [sum, moment] = [this.heaped(least), this.heaped(least, true)];
    const mean = this.moment / (1 + this.rest);
    // The heaped tail has the least entropy, unless a token below the cap outweighs the others …
    if (this.temperature === tail.temperature || mean >= this.log(tail.cap)) {
      return this.entropyWith(sum, moment);
    }
    // … then that of all others is the least, and the token has any weight that it may have.
    const rest = this.rest - this.restBelow + sum;
    const others = Math.log1p(rest) - (this.moment - this.momentBelow + moment) / (1 + rest);
    const mixed = (below: number) => binary(below) + (1 - below) * others;
    const below = (tail: number) => this.restBelow / (1 + this.rest + tail);
    return Math.min(mixed(below(this.least)), mixed(below(this.most)));
  }

  /**
   * The least entropy below the server's temperature: some tokens are at the cap, a real number of
   * them, and the mass that is left is spread evenly over the others.
   */
  private leastOfFixed(mass: number): number {
    const { tail } = this.reported;
    const cap = Math.min(this.reported.cap, mass);
    const atCap = this.log(cap);
    const weightAtCap = Math.exp(atCap);
    const quotient = Math.exp(mass - cap);
    const power = tail.temperature / this.temperature;
    /** Where each of the others has the probability exp(q): the entropy, and whether fewer at the cap lower it. */
    const at = (q: number) => {
      const part = Math.exp(q - cap);
      const full = Math.max(
        0,
        Math.min(quotient, (quotient - tail.count * part) / (1 - part) || 0),
      );
      const log = this.log(q);
      const sum = (tail.count - full) * Math.exp(log);
      const [all, allMoment] = [
        full * weightAtCap + sum,
        timesLog(full * weightAtCap, atCap) + timesLog(sum, log),
      ];
      const mean = (this.moment + allMoment) / (1 + this.rest + all);
      const relative = Math.exp(log - atCap);
      const slope =
        mean +
        1 -
        atCap -
        relative * (mean + 1 - log) -
        timesLog(power * Math.exp((power - 1) * (q - cap)) * (1 - part), mean - log);
      return { entropy: this.entropyWith(all, allMoment), slope };
    };
    const even = mass - Math.log(tail.count);
    const first = at(even);
    if (!(first.slope < 0)) return first.entropy;
    // A root of the slope lies below `even`: at -inf it is positive.
    let [low, high] = [even, even];
    let [slopeLow, slopeHigh] = [first.slope, first.slope];
    for (let step = 1; slopeLow < 0 && step < 2 ** 60; step *= 2) {
      [high, slopeHigh] = [low, slopeLow];
      low -= step;
      slopeLow = at(low).slope;
    }
    // Regula falsi, with the Illinois rule where an end stays.
    let found = first;
    let side = 0;
    while (high - low > PLACE * (1 + Math.abs(low))) {
      const next = low + (slopeLow / (slopeLow - slopeHigh)) * (high - low);
      found = at(next);
      const isHigh = found.slope < 0;
      if (isHigh) [high, slopeHigh] = [next, found.slope];
      else [low, slopeLow] = [next, found.slope];
      if (side === (isHigh ? 1 : -1)) {
        if (isHigh) slopeLow /= 2;
        else slopeHigh /= 2;
      }
      side = isHigh ? 1 : -1;
      if (Math.abs(found.slope) < PLACE) break;
    }
    return Math.min(found.entropy, first.entropy);
  }

  private highestEntropy(): number {
    const { tail, most, cap } = this.reported;
    if (this.temperature === 0) return this.entropyWith(this.most, 0);
    if (most === -Infinity) return this.entropyWith(0, 0);
    const logCount = Math.log(tail.count);
    const power = tail.temperature / this.temperature;
    const mean = this.moment / (1 + this.rest);
    if (power <= 1) {
      if (!this.isKnown) return Infinity;
      const log = this.log(most - logCount);
      // The entropy of reported and others with any weights, where a token below the cap outweighs the others.
      if (mean < log) return Math.log(Math.exp(this.entropyWith(0, 0)) + tail.count);
      return this.entropyWith(this.most, timesLog(this.most, log));
    }
    /*
     * Some tokens, a real number exp(x), have all of it in equal parts. The entropy rises with x up to
     * where (power - 1) (1 - s) (mean - log of a weight) = 1, s being the probability of the tail.
     * The logarithm of that is concave: Newton's method comes to the root from below.
     */
    const single = this.log(most);
    let x = Math.max(most - cap, (1 / (power - 1) - mean + single) / power);
    for (let steps = 0; x < logCount && steps < 60; steps++) {
      const s = 1 - 1 / (1 + Math.exp(single - (power - 1) * x) / (1 + this.rest));
      const distance = mean - single + power * x;
      const value = Math.log(power - 1) + Math.log1p(-s) + Math.log(distance);
      if (!(value < 0)) break;
      const step = -value / (s * (power - 1) + power / distance);
      x += step;
      if (!(step > PLACE)) break;
    }
    x = Math.min(x, logCount);
    const log = single - power * x;
    const sum = Math.exp(x + log);
    return this.entropyWith(sum, timesLog(sum, log));
  }
}

/** A weight times its logarithm; 0 for none. */
function timesLog(weight: number, log: number): number {
  return weight === 0 ? 0 : weight * log;
}

/** 0 times any factor is 0. */
function times(value: number, factor: number): number {
  return value === 0 ? 0 : value * factor;
}

/** The entropy of two choices. */
function binary(probability: number): number {
  const other = 1 - probability;
  return -timesLog(probability, Math.log(probability)) - timesLog(other, Math.log(other));
}

/**
 * The temperatures at which a measure can have the wanted value, as an interval; null if it has it at
 * none.
 */
export function temperaturesFor(
  reported: Reported,
  measure: Measure,
  wanted: number,
): readonly [number, number] | null {
  const bounds = new Bounds();
  const isTop = measure === "top";
  const goal = isTop ? -Math.log(wanted) : measure === "perplexity" ? Math.log(wanted) : wanted;
  // Each rises with T.
  const high = (temperature: number) => {
    const { entropyHigh, topSurprisalHigh } = reported.at(temperature, bounds);
    return isTop ? topSurprisalHigh : entropyHigh;
  };
  const low = (temperature: number) => {
    const { entropyLow, topSurprisalLow } = reported.at(temperature, bounds);
    return isTop ? topSurprisalLow : entropyLow;
  };
  const [least, most] = [low(0), high(Infinity)];
  if (!(goal >= least - slack(least) && goal <= most + slack(most))) return null;
  const [highAtZero, lowAtEnd] = [high(0), low(Infinity)];
  return [
    goal <= highAtZero + slack(highAtZero)
      ? 0
      : goal >= most - slack(most)
        ? Infinity
        : root(high, goal, highAtZero, most),
    goal >= lowAtEnd - slack(lowAtEnd)
      ? Infinity
      : goal <= least + slack(least)
        ? 0
        : root(low, goal, least, lowAtEnd),
  ];
}
