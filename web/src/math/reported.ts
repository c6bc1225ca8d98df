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
/** That of 1 - the sum of the reported probabilities, for each nat of their entropy. */
const EPSILON = 2 ** -50;
/** Where a bound of the entropy is, it is stationary: its place need not be known better. */
const PLACE = 1e-8;

/** The tokens of one position that a server reported, and the tail. */
export class Reported {
  /** The place of the likeliest token, and its logit. */
  readonly top: number;
  readonly maximum: number;
  /** The logarithms of the least and of the most mass that the tail may have, and of its cap. */
  readonly least: number;
  readonly most: number;
  readonly cap: number;
  /**
   * Whether a token of the tail may be likelier than all reported ones, as where only the drawn one is
   * reported. Then nothing is known of the entropy.
   */
  readonly isOpen: boolean;

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
    let [sum, error] = [0, 0];
    let top = from;
    for (let k = from; k < to; k++) {
      const log = logits[k]! / temperature;
      const probability = Math.exp(log);
      if (logits[k]! > logits[top]!) top = k;
      sum += probability;
      error -= times(probability, EPSILON * log);
    }
    this.top = top;
    this.maximum = logits[top]!;
    // What rounding has added to the reported tokens is missing in the tail, and the other way round.
    const most = Math.log(mass - sum * Math.expm1(-delta) + error);
    this.most = Math.min(most, Math.log(count) + cap + delta);
    const least = Math.log(Math.max(0, mass - sum * Math.expm1(delta) - error));
    this.least = Math.min(least, this.most);
    // No token has more than all of them.
    this.cap = Math.min(cap + delta, this.most);
    this.isOpen = Math.min(cap, this.most) * temperature > this.maximum;
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
  #reported!: Reported;
  #temperature = 1;
  /** T₀ / T. */
  #power = 1;
  /** Weights that are rounded differ by up to this factor, in proportion to each other, and its root. */
  #stretch = 1;
  #root = 1;
  /** The sum of the weights of the reported tokens but the likeliest, and of weight times logarithm. */
  #rest = 0;
  #moment = 0;
  /** Those of the tokens below the cap. */
  #below = 0;
  #momentBelow = 0;
  /** The sum of the weights of the tail: the least and the most. */
  #least = 0;
  #most = 0;

  fill(reported: Reported, temperature: number): void {
    const { logits, tail, from, to, maximum, top, leastLeading } = reported;
    const { delta, count, temperature: server } = tail;
    const isZero = temperature < NEXT_TO_ZERO;
    let [rest, moment, below, momentBelow] = [0, 0, 0, 0];
    this.#reported = reported;
    this.#temperature = isZero ? 0 : temperature;
    this.#power = server / temperature;
    const floor = tail.cap * server;
    for (let k = from; k < to; k++) {
      const logit = logits[k]!;
      const log = (logit - maximum) / temperature;
      const weight = isZero ? (logit < leastLeading ? 0 : 1) : Math.exp(log);
      // The weight of the likeliest is 1, and is kept apart. That of -inf may be NaN at T = inf.
      if (k === top || !(weight > 0)) continue;
      rest += weight;
      if (isZero) continue;
      moment += weight * log;
      if (logit >= floor) continue;
      below += weight;
      momentBelow += weight * log;
    }
    this.#rest = rest;
    this.#moment = moment;
    this.#below = below;
    this.#momentBelow = momentBelow;
    if (isZero) {
      this.#stretch = this.#root = rest > 0 && delta > 0 ? Infinity : 1;
      // Tokens at the cap tie where that is the highest.
      const full = Math.floor(Math.exp(reported.most - tail.cap + delta) * (1 + ROUNDING));
      this.#most = server * (tail.cap + delta) >= leastLeading ? Math.min(count, full) : 0;
      if (reported.isOpen) this.#most = Infinity;
      this.#least = delta === 0 && this.#most === count ? count : 0;
      return;
    }
    this.#root = Math.exp(this.#power * delta);
    this.#stretch = this.#root ** 2;
    const { least, most } = reported;
    this.#least = this.#power > 1 ? this.#spread(least) : this.#heaped(least);
    this.#most = this.#power > 1 ? this.#heaped(most) : this.#spread(most);
  }

  /** The logarithm of the weight of a token, from that of its probability. */
  #log(probability: number): number {
    const { tail, maximum } = this.#reported;
    return (tail.temperature * probability - maximum || 0) / this.#temperature;
  }

  /** The sum of the weights of a tail of this mass that is spread evenly. */
  #spread(mass: number): number {
    const { count } = this.#reported.tail;
    if (mass === -Infinity) return 0;
    if (count < Infinity) return count * Math.exp(this.#log(mass - Math.log(count)));
    if (this.#power === 1) return Math.exp(this.#log(mass));
    return this.#power > 1 ? 0 : Infinity;
  }

  /** The sum of the weights of a tail of this mass that is heaped up to the cap, or of weight times logarithm. */
  #heaped(mass: number, term = (weight: number, _log: number) => weight): number {
    if (mass === -Infinity) return 0;
    const cap = Math.min(this.#reported.cap, mass);
    const quotient = Math.exp(mass - cap);
    const full = Math.floor(quotient * (1 + ROUNDING));
    // At a high temperature, a rounding error of the mass would weigh as much as a token.
    const left = quotient - full - ROUNDING * quotient - (full && EPSILON * Math.exp(-cap));
    const [high, low] = [this.#log(cap), this.#log(cap + Math.log(left))];
    return term(full * Math.exp(high), high) + (left > 0 ? term(Math.exp(low), low) : 0);
  }

  /** The weight of a reported token: what sets of tokens are summed up by. */
  weight(logit: number): number {
    const { leastLeading, maximum } = this.#reported;
    if (this.#temperature === 0) return logit < leastLeading ? 0 : 1;
    return logit === -Infinity ? 0 : Math.exp((logit - maximum) / this.#temperature);
  }

  /** The sum of the weights of all reported tokens. */
  get all(): number {
    return 1 + this.#rest;
  }

  /** The least probability of reported tokens whose weights have this sum. */
  low(weight: number): number {
    const others = times(Math.max(0, this.all - weight), this.#stretch);
    // At T = 0 the probabilities are exact.
    const rounding = this.#temperature === 0 ? 0 : ROUNDING;
    return part(weight, others + times(this.#most, this.#root)) * (1 - rounding);
  }

  /** The highest probability of reported tokens whose weights have this sum. */
  high(weight: number): number {
    const others = Math.max(0, this.all - weight) / this.#stretch;
    return Math.min(1, part(weight, others + this.#least / this.#root) * (1 + ROUNDING));
  }

  /** The least and the highest probability of the tail. */
  get tailLow(): number {
    return part(this.#least, this.all * this.#root) * (1 - ROUNDING);
  }
  get tailHigh(): number {
    return Math.min(1, part(this.#most, this.all / this.#root) * (1 + ROUNDING));
  }

  /** −log of the highest and of the least probability that the likeliest token has. */
  get topSurprisalLow(): number {
    return this.#reported.isOpen
      ? 0
      : Math.log1p(this.#rest / this.#stretch + this.#least / this.#root) * (1 - ROUNDING);
  }
  get topSurprisalHigh(): number {
    const others = times(this.#rest, this.#stretch) + times(this.#most, this.#root);
    return Math.log1p(others) * (1 + ROUNDING);
  }

  /** The entropy in nats with a tail of this sum of weights, and of weight times logarithm. */
  #entropy(sum: number, moment: number): number {
    const rest = this.#rest + sum;
    return Math.log1p(rest) - (this.#moment + moment) / (1 + rest);
  }

  /** The least entropy in nats. */
  get entropyLow(): number {
    return (this.#leastEntropy() / this.#stretch) * (1 - ROUNDING);
  }

  /** The highest entropy in nats; infinite where no vocabulary bounds it. */
  get entropyHigh(): number {
    const { from, to, tail, most } = this.#reported;
    const count = to - from + (most === -Infinity ? 0 : tail.count);
    const entropy = times(this.#highestEntropy(), this.#stretch) * (1 + ROUNDING);
    return Math.min(Math.log(count), entropy);
  }

  #leastEntropy(): number {
    const { isOpen, tail, least, most } = this.#reported;
    if (isOpen) return 0;
    const isShort = least === -Infinity || (this.#power > 1 && tail.count === Infinity);
    if (this.#temperature === 0 || isShort) return this.#entropy(this.#least, 0);
    if (this.#power > 1) return this.#leastOfFixed(least);
    const [sum, moment] = [this.#heaped(least), this.#heaped(least, times)];
    const mean = this.#moment / this.all;
    // The heaped tail has the least entropy, unless a token below the cap outweighs the others …
    if (this.#power === 1 || mean >= this.#log(Math.min(tail.cap, most)))
      return this.#entropy(sum, moment);
    // … then that of all others is the least, and the token has any weight that it may have.
    const rest = this.#rest - this.#below + sum;
    const others = Math.log1p(rest) - (this.#moment - this.#momentBelow + moment) / (1 + rest);
    const mixed = (tail: number) => {
      const below = part(this.#below, this.all - this.#below + tail);
      return (1 - below) * (others - Math.log1p(-below)) - times(below, Math.log(below));
    };
    return Math.min(mixed(this.#least), mixed(this.#most));
  }

  /**
   * The least entropy below the server's temperature: some tokens are at the cap, a real number of
   * them, and the mass that is left is spread evenly over the others.
   */
  #leastOfFixed(mass: number): number {
    const { count } = this.#reported.tail;
    const power = this.#power;
    const cap = Math.min(this.#reported.cap, mass);
    const high = this.#log(cap);
    const quotient = Math.exp(mass - cap);
    /** The entropy where the others have the probability exp(q). */
    let entropy = 0;
    /** Below 0 if one more token at the cap would lower it. */
    const slopeAt = (q: number) => {
      const ratio = Math.exp(q - cap);
      const full = Math.max(0, Math.min(quotient, (quotient - count * ratio) / (1 - ratio) || 0));
      const log = this.#log(q);
      const [capped, spread] = [full * Math.exp(high), (count - full) * Math.exp(log)];
      const moment = times(capped, high) + times(spread, log);
      const mean = (this.#moment + moment) / (this.all + capped + spread);
      entropy = this.#entropy(capped + spread, moment);
      return (
        mean +
        1 -
        high -
        times(Math.exp(log - high), mean + 1 - log) -
        times(power * Math.exp((power - 1) * (q - cap)) * (1 - ratio), mean - log)
      );
    };
    let [low, above] = [mass - Math.log(count), mass - Math.log(count)];
    let slopeLow = slopeAt(low);
    let slopeAbove = slopeLow;
    // Evenly spread, unless a root of the slope lies below: at -inf it is positive.
    for (let step = 1; slopeLow < 0 && step < 2 ** 60; step *= 2) {
      [above, slopeAbove] = [low, slopeLow];
      low -= step;
      slopeLow = slopeAt(low);
    }
    // Regula falsi, with the Illinois rule where an end stays.
    for (
      let steps = 0, side = 0;
      steps < 100 && above - low > PLACE * (1 + Math.abs(low));
      steps++
    ) {
      const next = low + (slopeLow / (slopeLow - slopeAbove)) * (above - low);
      const slope = slopeAt(next);
      if (Math.abs(slope) < PLACE) break;
      if (slope < 0) {
        [above, slopeAbove] = [next, slope];
        if (side < 0) slopeLow /= 2;
      } else {
        [low, slopeLow] = [next, slope];
        if (side > 0) slopeAbove /= 2;
      }
      side = slope;
    }
    return entropy;
  }

  #highestEntropy(): number {
    const { isOpen, tail, most, cap } = this.#reported;
    if (isOpen) return Infinity;
    if (this.#temperature === 0 || most === -Infinity) return this.#entropy(this.#most, 0);
    const logCount = Math.log(tail.count);
    const power = this.#power;
    const mean = this.#moment / this.all;
    if (power <= 1) {
      const log = this.#log(most - logCount);
      // The entropy with any weights of the tail, where a token below the cap outweighs the others.
      if (mean < log) return Math.log(Math.exp(this.#entropy(0, 0)) + tail.count);
      return logCount < Infinity ? this.#entropy(this.#most, times(this.#most, log)) : logCount;
    }
    /*
     * Some tokens, a real number exp(x), have all of it in equal parts. The entropy rises with x up to
     * where (power - 1) (1 - s) (mean - log of a weight) = 1, s being the probability of the tail.
     * The logarithm of that is concave: Newton's method comes to the root from below.
     */
    const single = this.#log(most);
    let x = Math.max(most - cap, (1 / (power - 1) - mean + single) / power);
    for (let steps = 0; x < logCount && steps < 60; steps++) {
      const s = part(Math.exp(single - (power - 1) * x), this.all);
      const distance = mean - single + power * x;
      const value = Math.log((power - 1) * distance) + Math.log1p(-s);
      const step = -value / (s * (power - 1) + power / distance);
      if (!(step > PLACE)) break;
      x += step;
    }
    x = Math.min(x, logCount);
    const log = single - power * x;
    const sum = Math.exp(x + log);
    return this.#entropy(sum, times(sum, log));
  }
}

/** 0 times any factor or logarithm is 0. */
function times(value: number, factor: number): number {
  return value && value * factor;
}

/** A part of two weights, of which either may be infinite, but not both. */
function part(weight: number, others: number): number {
  return weight === Infinity ? 1 : weight && weight / (weight + others);
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
  const high = (temperature: number) =>
    reported.at(temperature, bounds)[isTop ? "topSurprisalHigh" : "entropyHigh"];
  const low = (temperature: number) =>
    reported.at(temperature, bounds)[isTop ? "topSurprisalLow" : "entropyLow"];
  /** Where a bound has the value: an end of the scale if it has it from there on, or up to there. */
  function found(at: typeof high): number {
    const [least, most] = [at(0), at(Infinity)];
    const isLast = goal >= most - slack(most);
    if (goal <= least + slack(least) && !(isLast && at === low)) return 0;
    return isLast ? Infinity : root(at, goal, least, most);
  }
  const [least, most] = [low(0), high(Infinity)];
  if (!(goal >= least - slack(least) && goal <= most + slack(most))) return null;
  return [found(high), found(low)];
}
