/**
 * The temperature that gives a wanted entropy, perplexity or top probability, the twin of
 * `thermoscope/solve.py`: the same method, the same ends, and the double that is nearest.
 */
import type { Distribution, Frame } from "./definition";

export type Measure = keyof Pick<Frame, "entropy" | "perplexity" | "top">;

/** Steps after which the bracket is only halved: no more than 63 halvings are left. */
const PATIENCE = 60;

/** Each measure in nats, as a function that rises with T. */
const TO_NATS: Readonly<Record<Measure, (value: number) => number>> = {
  entropy: (entropy) => entropy,
  perplexity: Math.log,
  top: (probability) => -Math.log(probability),
};

/** The values of a measure at T = 0 and at T = ∞; NaN if softmax is not defined. */
export function ends(distribution: Distribution, measure: Measure): readonly [number, number] {
  return [distribution.at(0)[measure], distribution.at(Infinity)[measure]];
}

/**
 * The temperature in [0, ∞] at which a measure has the wanted value: 0 or ∞ if that is its value
 * there, 1 if every temperature gives it, NaN if softmax is not defined, and null if no temperature
 * gives it.
 */
export function temperatureFor(
  distribution: Distribution,
  measure: Measure,
  wanted: number,
): number | null {
  const [low, high] = ends(distribution, "entropy");
  if (Number.isNaN(low)) return NaN;
  const goal = TO_NATS[measure](wanted);
  const [lowSlack, highSlack] = [slack(low), slack(high)];
  if (!(goal >= low - lowSlack && goal <= high + highSlack)) return null;
  if (low === high) return 1;
  if (goal <= low + lowSlack) return 0;
  if (goal >= high - highSlack) return Infinity;
  return root((temperature) => nats(distribution.at(temperature, 0, 1), measure), goal, low, high);
}

/** How far from the value at an end, in nats, a rounded value may be that means the end. */
export function slack(end: number): number {
  // The logarithm of 1 is exact.
  return end > 0 ? 4 * Number.EPSILON * (end + 1) : 0;
}

/** A measure in nats, of a frame whose window is the highest item. */
function nats({ entropy, top, outside }: Frame, measure: Measure): number {
  if (measure !== "top") return entropy;
  // Next to 1, `outside` has the digits that `top` has lost.
  return outside < 0.5 ? -Math.log1p(-outside) : -Math.log(top);
}

/**
 * The temperature at which `natsAt`, which rises from `low` to `high`, is `goal`. The method is inverse
 * quadratic interpolation, with bisection where that is not safe.
 * (T. R. Chandrupatla, "A new hybrid quadratic/bisection algorithm for finding the zero of a nonlinear
 * function without using derivatives", Advances in Engineering Software 28, 1997.)
 *
 * The bracket is [0, ∞], in bits of doubles read as integers. They have the order of the doubles and
 * rise about as their logarithm, so it ends with two neighbouring doubles.
 */
export function root(
  natsAt: (temperature: number) => number,
  goal: number,
  low: number,
  high: number,
): number {
  // The logarithm of nats / goal, which is nearly linear in T where nats is exponential.
  const miss = (nats: number) => Math.log1p((nats - goal) / goal);
  // a is the newest point, b the one on the other side of the root, c the one before.
  let [a, missA] = [0n, miss(low)];
  let [b, missB] = [bitsOf(Infinity), miss(high)];
  let step = 0.5;
  for (let steps = 1; missA !== 0 && magnitude(b - a) > 1n; steps++) {
    const [first, last] = a < b ? [a + 1n, b - 1n] : [b + 1n, a - 1n];
    const next = a + BigInt(Math.round(step * Number(b - a)));
    const x = next < first ? first : next > last ? last : next;
    const missX = miss(natsAt(doubleOf(x)));
    let [c, missC] = [a, missA];
    if (Math.sign(missX) !== Math.sign(missA)) [b, missB, c, missC] = [a, missA, b, missB];
    [a, missA] = [x, missX];

    // An infinite miss gives NaN, which compares as false: the bracket is halved.
    const xi = Number(a - b) / Number(c - b);
    const phi = (missA - missB) / (missC - missB);
    const safe = phi ** 2 < xi && (1 - phi) ** 2 < 1 - xi && steps < PATIENCE;
    const toB = ((missA / (missB - missA)) * missC) / (missB - missC);
    const toC = ((missA / (missC - missA)) * missB) / (missC - missB);
    step = safe ? toB + (toC * Number(c - a)) / Number(b - a) : 0.5;
  }
  return doubleOf(Math.abs(Math.expm1(missA)) < Math.abs(Math.expm1(missB)) ? a : b);
}

function bitsOf(double: number): bigint {
  return new BigInt64Array(Float64Array.of(double).buffer)[0]!;
}

function doubleOf(bits: bigint): number {
  return new Float64Array(BigInt64Array.of(bits).buffer)[0]!;
}

function magnitude(whole: bigint): bigint {
  return whole < 0n ? -whole : whole;
}
