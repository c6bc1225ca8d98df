/** The axes that bars are drawn against. */

export interface Axis {
  readonly low: number;
  readonly high: number;
  /** Where bars start: 0 or the low end. */
  readonly base: number;
}

/**
 * An axis from a round number to a round number that holds the finite logits in view, from `lowest`
 * to `highest`.
 *
 * Bars grow with the logit. They start at 0 if 0 lies among all logits (`crossed`), or just below
 * them. Else, as with log-probabilities, they start at a round number below the lowest in view: from
 * 0 the likeliest would have the shortest bar, and bars far from 0 would look alike.
 */
export function logitAxis(lowest: number, highest: number, crossed: boolean): Axis {
  if (!(lowest <= highest)) return { low: 0, high: 1, base: 0 };
  const span = highest - lowest;
  const fromZero = crossed || (lowest >= 0 && lowest <= span) || (lowest === 0 && highest === 0);
  const low = fromZero ? Math.min(lowest, 0) : lowest;
  const high = fromZero ? Math.max(highest, 0) : highest;
  const step = roundUp((high > low ? high - low : Math.abs(high)) / 5);
  // The span of the largest float64s overflows: their axis ends at the logits.
  if (!Number.isFinite(step)) return { low, high, base: 0 };
  if (step === 0) return { low: 0, high: 1, base: 0 };
  const below = round(Math.floor(low / step) * step);
  const axis = {
    low: !fromZero && below >= low ? round(below - step) : below,
    high: round(Math.ceil(high / step) * step),
  };
  return { ...axis, base: fromZero ? 0 : axis.low };
}

/** Where on the axis a finite value lies, from 0 at its low end to 1 at its high end. */
export function fraction(axis: Axis, value: number): number {
  // Halves, because the span of the largest float64s overflows.
  return (value / 2 - axis.low / 2) / (axis.high / 2 - axis.low / 2);
}

/** The value at a fraction of the axis, which may be outside of 0 to 1. */
export function valueAt(axis: Axis, at: number): number {
  return axis.low + (at * (axis.high / 2) - at * (axis.low / 2)) * 2;
}

/** The steps by which a value is moved along the axis: at least 100 of them from end to end. */
export function stepOf(axis: Axis): number {
  return roundUp((axis.high / 2 - axis.low / 2) / 125);
}

/** The multiple of a step that is nearest to a value. */
export function snapped(value: number, step: number): number {
  const nearest = round(Math.round(value / step) * step);
  return Number.isFinite(nearest) ? nearest : value;
}

/** The least of 1, 2, 5 × 10^k that is not less than `value`. */
export function roundUp(value: number): number {
  if (!(value > 0) || !Number.isFinite(value)) return value;
  const power = 10 ** Math.floor(Math.log10(value));
  for (const factor of [1, 2, 5, 10]) {
    const candidate = round(factor * power);
    if (candidate >= value) return candidate;
  }
  return value;
}

/** Rounds to 12 digits, so that 3 × 0.2 is 0.6. */
function round(value: number): number {
  return Number(value.toPrecision(12));
}
