/**
 * Two branches beside each other, and two settings on one text: `_compare` and `_settings` of
 * `thermoscope/explorer/writing.py`, for a text whose logits are all known, so that each number is exact.
 *
 * The work yields after each position, so that a long text need not keep the page from anything else.
 */
import { Distribution } from "../math/definition";
import type { Tokenizer } from "../math/tokenizer";
import { type Kept, Truncation, totalVariation } from "../math/truncation";
import type { ComparedBranches, ComparedSettings, Sampling } from "../model/rows";
import { readTemperature, readTruncation } from "../model/state";
import { printable } from "../text/format";
import { logSumOf, type Position, textOfTokens } from "./positions";

interface Branch {
  readonly name: string;
  /** The last one is the next token's. */
  readonly positions: readonly Position[];
}

/** @param shared - how many tokens the two branches have in common */
export function* branchesApart(
  branches: readonly [Branch, Branch],
  shared: number,
  sampling: Sampling,
  tokenizer: Tokenizer,
): Generator<void, ComparedBranches> {
  const keptOf = keptBy(sampling);
  const compared: ComparedBranches["branches"][number][] = [];
  const next: (number | null)[] = [];
  for (const { name, positions } of branches) {
    const rows = positions.slice(shared, -1);
    let logprob = 0;
    let sampled = 0;
    for (const row of rows) {
      logprob += logprobOf(row);
      sampled += Math.log(keptOf(truncationOf(row)).probabilities()[row.drawn]!);
      yield;
    }
    const tokens = rows.map(({ drawn }) => drawn);
    compared.push({
      name,
      length: positions.length - 1,
      surprisal: rows.length === 0 ? null : -logprob / rows.length,
      sampled: sampled === -Infinity ? "-inf" : sampled,
      // A cell of a table has it in one line.
      text: printable(textOfTokens(tokens, tokenizer)),
    });
    next.push(rows.length === 0 ? null : Math.exp(logprobOf(rows[0]!)));
  }
  return { shared, branches: compared, next };
}

export function* settingsApart(
  positions: readonly Position[],
  a: Sampling,
  b: Sampling,
): Generator<void, ComparedSettings> {
  const [keptOfA, keptOfB] = [keptBy(a), keptBy(b)];
  let sum = 0;
  let worst = { position: 0, variation: -1 };
  for (const [position, row] of positions.entries()) {
    const truncation = truncationOf(row);
    const variation = totalVariation(keptOfA(truncation), keptOfB(truncation));
    sum += variation;
    if (variation > worst.variation) worst = { position, variation };
    yield;
  }
  const exactly = (variation: number) => [variation, variation] as const;
  return {
    positions: positions.length,
    tv: exactly(sum / positions.length),
    worst: { position: worst.position, tv: exactly(worst.variation) },
  };
}

/** The log-probability of the token that was drawn, at T = 1. */
function logprobOf({ logits, drawn }: Position): number {
  return logits[drawn]! - logSumOf(logits);
}

function truncationOf({ logits }: Position): Truncation {
  return new Truncation(new Distribution(logits));
}

function keptBy({ temperature, truncation }: Sampling): (of: Truncation) => Kept {
  const [t, settings] = [readTemperature(temperature), readTruncation(truncation)];
  return (of) => of.at(t, settings);
}
