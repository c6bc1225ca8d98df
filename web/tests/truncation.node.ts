/** What `tests/test_twin.py` runs in Node. */
import { Distribution } from "../src/math/definition";
import type { Settings } from "../src/math/engines";
import { type Kept, Truncation, totalVariation } from "../src/math/truncation";

export { ENGINES, PAPERS } from "../src/math/engines";

interface Case {
  row: number;
  temperature: number | "inf";
  settings: Settings;
}

/**
 * For each case: how many items are kept, the mass, the entropy, the total variation from the case
 * before (NaN for rows of two sizes), the items and their probabilities.
 */
export function run(rows: Float64Array[], cases: Case[]): Float64Array {
  const truncations = rows.map((logits) => new Truncation(new Distribution(logits)));
  const written: number[] = [];
  let before: Kept | undefined;
  for (const { row, temperature, settings } of cases) {
    const t = temperature === "inf" ? Infinity : temperature;
    const kept = truncations[row]!.at(t, settings);
    const { order } = kept.distribution;
    const comparable = before?.distribution.order.length === order.length;
    const variation = comparable ? totalVariation(before!, kept) : NaN;
    written.push(kept.count, kept.mass, kept.entropy, variation);
    order.forEach((item, rank) => {
      if (kept.keeps(rank)) written.push(item);
    });
    order.forEach((_, rank) => {
      if (kept.keeps(rank)) written.push(kept.probability(rank));
    });
    before = kept;
  }
  return Float64Array.from(written);
}
