/**
 * Softmax as it must not be computed, without subtracting the maximum, in a float of some width: each
 * result is rounded to it.
 */

export type Width = "float16" | "float32" | "float64";

const ROUND: Readonly<Record<Width, (value: number) => number>> = {
  float16: halfPrecision,
  float32: Math.fround,
  float64: (value) => value,
};

/** exp(z / T) of a logit. */
export function naivePower(logit: number, temperature: number, width: Width): number {
  const round = ROUND[width];
  return round(Math.exp(round(round(logit) / round(temperature))));
}

/** The sum of the powers of all logits, in the order given. */
export function naiveTotal(logits: Float64Array, temperature: number, width: Width): number {
  const round = ROUND[width];
  let total = 0;
  for (const logit of logits) total = round(total + naivePower(logit, temperature, width));
  return total;
}

/** The probability that comes out: NaN where both are 0 or both overflow. */
export function naiveQuotient(power: number, total: number, width: Width): number {
  return ROUND[width](power / total);
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
