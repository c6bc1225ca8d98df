/** The axes that bars are drawn against. */

export interface Axis {
  readonly low: number;
  readonly high: number;
  /** Where bars start: 0, or the low end if 0 is far outside. */
  readonly base: number;
}

/**
 * An axis from a round number to a round number that contains all finite logits.
 *
 * Bars start at 0. But all logits of a vocabulary may be far from 0 (−180 to −136, say), and bars
 * from 0 would look alike. With `free`, if 0 is further away than the logits are apart, bars
 * start at the low end instead.
 */
export function logitAxis(lowest: number, highest: number, free: boolean): Axis {
  if (!(lowest <= highest)) return { low: 0, high: 1, base: 0 };
  const distance = Math.max(lowest, -highest, 0);
  const far = free && highest > lowest && distance > highest - lowest;
  const low = far ? lowest : Math.min(lowest, 0);
  const high = far ? highest : Math.max(highest, 0);
  const step = roundUp((high - low) / 5);
  // The span of the largest float64s overflows: their axis ends at the logits.
  if (!Number.isFinite(step)) return { low, high, base: 0 };
  if (step === 0) return { low: 0, high: 1, base: 0 };
  const axis = {
    low: round(Math.floor(low / step) * step),
    high: round(Math.ceil(high / step) * step),
  };
  return { ...axis, base: far ? axis.low : 0 };
}

/** Where on the axis a finite value lies, from 0 at its low end to 1 at its high end. */
export function fraction(axis: Axis, value: number): number {
  // Halves, because the span of the largest float64s overflows.
  return (value / 2 - axis.low / 2) / (axis.high / 2 - axis.low / 2);
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
