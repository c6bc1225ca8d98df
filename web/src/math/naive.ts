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
  for (const logit of logits) {
    total = round(total + naivePower(logit, temperature, width));
    // It stays so: no power is below 0.
    if (!(total < Infinity)) return total;
  }
  return total;
}

/** The probability that comes out: NaN where both are 0 or both overflow. */
export function naiveQuotient(power: number, total: number, width: Width): number {
  return ROUND[width](power / total);
}

const DOUBLE = new DataView(new ArrayBuffer(8));
/** By exponent from -14 to 16: added and taken off again, it rounds to a multiple of 2^(exponent - 10). */
const ROUNDERS = Float64Array.from({ length: 31 }, (_, i) => 1.5 * 2 ** (52 + i - 24));

/** The nearest number with a significand of 11 bits and an exponent from -14 to 15, ties to even. */
function halfPrecision(value: number): number {
  const size = Math.abs(value);
  if (!(size < 65520)) return size >= 65520 ? Math.sign(value) * Infinity : value;
  // The exponent of a double, from its bits: Math.log2 takes ten times as long.
  DOUBLE.setFloat64(0, size);
  const exponent = (DOUBLE.getUint16(0) >>> 4) - 1023;
  // A number below 2^-14 is a multiple of 2^-24.
  const rounder = ROUNDERS[Math.max(0, exponent + 14)]!;
  return value + rounder - rounder;
}
