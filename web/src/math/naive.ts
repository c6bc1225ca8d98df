/**
 * Softmax as it must not be computed, without subtracting the maximum, in a float of some width: each
 * result is rounded to it.
 */

export type Width = "float16" | "float32" | "float64";

export interface Naive {
  /** exp(z / T) of the item. */
  readonly power: number;
  /** The sum over all items, in the order given. */
  readonly total: number;
  /** power / total: NaN where both are 0 or both overflow. */
  readonly quotient: number;
}

const ROUND: Readonly<Record<Width, (value: number) => number>> = {
  float16: halfPrecision,
  float32: Math.fround,
  float64: (value) => value,
};

export function naiveSoftmax(
  logits: Float64Array,
  temperature: number,
  item: number,
  width: Width,
): Naive {
  const round = ROUND[width];
  const t = round(temperature);
  const powerOf = (logit: number) => round(Math.exp(round(round(logit) / t)));
  let total = 0;
  for (const logit of logits) total = round(total + powerOf(logit));
  const power = powerOf(logits[item]!);
  return { power, total, quotient: round(power / total) };
}

/** The nearest number with a significand of 11 bits and an exponent from -14 to 15, ties to even. */
function halfPrecision(value: number): number {
  if (value === 0 || !Number.isFinite(value)) return value;
  const exponent = Math.max(-14, Math.floor(Math.log2(Math.abs(value))));
  // A number below 2^-14 is a multiple of 2^-24; the sum and the difference round to even.
  const unit = 2 ** (exponent - 10);
  const rounder = 1.5 * 2 ** 52 * unit;
  const rounded = value + rounder - rounder;
  return Math.abs(rounded) >= 65536 ? Math.sign(rounded) * Infinity : rounded;
}
