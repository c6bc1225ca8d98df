/**
 * Random logits by their seed, the same numbers as `thermoscope.random_logits`;
 * `tests/vectors/random.json` holds both to it.
 */

/** A seed that nothing has determined; below 2³², so that it is short in a link. */
export function freshSeed(): number {
  return Math.floor(Math.random() * 2 ** 32);
}

/**
 * Logits drawn uniformly from [0, 1).
 *
 * The generator is SplitMix64 (G. L. Steele, D. Lea and C. H. Flood, "Fast splittable pseudorandom number
 * generators", OOPSLA 2014). A 64-bit integer is two halves here: BigInt takes several times as long.
 *
 * @param seed - a whole number in [0, 2⁵³)
 */
export function randomLogits(count: number, seed: number): Float64Array<ArrayBuffer> {
  const logits = new Float64Array(count);
  let stateHigh = Math.floor(seed / 2 ** 32);
  let stateLow = seed >>> 0;
  let high: number;
  let low: number;

  /** z = (z ^ (z >> shift)) * (timesHigh * 2³² + timesLow), modulo 2⁶⁴. */
  function mix(shift: number, timesHigh: number, timesLow: number): void {
    low ^= (low >>> shift) | (high << (32 - shift));
    high ^= high >>> shift;
    high = Math.imul(high, timesLow) + Math.imul(low, timesHigh) + highProduct(low, timesLow);
    low = Math.imul(low, timesLow);
  }

  for (let i = 0; i < count; i++) {
    stateLow += 0x7f4a7c15;
    stateHigh = (stateHigh + 0x9e3779b9 + (stateLow >= 2 ** 32 ? 1 : 0)) >>> 0;
    stateLow >>>= 0;
    high = stateHigh;
    low = stateLow;
    mix(30, 0xbf58476d, 0x1ce4e5b9);
    mix(27, 0x94d049bb, 0x133111eb);
    mix(31, 0, 1);
    // The upper 53 bits.
    logits[i] = (high >>> 0) * 2 ** -32 + (low >>> 11) * 2 ** -53;
  }
  return logits;
}

/** The upper half of the product of two 32-bit integers. No step is above 2⁵³. */
function highProduct(a: number, b: number): number {
  const lower = (a & 0xffff) * b;
  const upper = (a >>> 16) * b;
  return Math.floor((upper + Math.floor(lower / 65536)) / 65536);
}
