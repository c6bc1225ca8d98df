/** What `tests/test_twin_reported.py` runs in Node. */
import { Reported } from "../src/math/reported";
import { readTail, type WrittenTail } from "../src/model/state";

interface Case {
  readonly logits: readonly number[];
  readonly tail: WrittenTail;
  readonly temperatures: readonly (number | "inf")[];
}

/** For each case and temperature: the ends of entropy, tail and each probability. */
export function run(cases: readonly Case[]): number[][] {
  return cases.flatMap(({ logits, tail, temperatures }) => {
    const reported = new Reported(Float64Array.from(logits), readTail(tail)!);
    return temperatures.map((temperature) => {
      const bounds = reported.at(temperature === "inf" ? Infinity : temperature);
      const probabilities = logits.flatMap((logit) => {
        const weight = bounds.weight(logit);
        return [bounds.low(weight), bounds.high(weight)];
      });
      const { entropyLow, entropyHigh, tailLow, tailHigh } = bounds;
      return [entropyLow, entropyHigh, tailLow, tailHigh, ...probabilities].map((value) =>
        // JSON has no infinity.
        value === Infinity ? -1 : value,
      );
    });
  });
}
