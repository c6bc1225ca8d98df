/**
 * A text with all branches as a file that `thermoscope` reads: the document of `_save` in
 * `thermoscope/explorer/writing.py`, where each position has all tokens of the model, so that nothing is lost.
 *
 * The work yields after each position, so that a long text need not keep the page from anything else.
 */
import type { LanguageModel } from "../data/weights";
import type { Sampling } from "../model/rows";
import { logSumOf, type Position, textOf, textOfTokens } from "./positions";

interface Branch {
  readonly name: string;
  /** The branch that it left, and how many tokens they share. */
  readonly from: string | null;
  readonly shared: number;
  readonly prompt: string;
  /** The tokens of the prompt. */
  readonly start: readonly number[];
  readonly seed: number;
  /** By what a token of it was drawn last. */
  readonly sampling: Sampling;
  /** The last one is the next token's. */
  readonly positions: readonly Position[];
}

/**
 * The content of the file, and whose text is the answer in it; null where no branch has a token yet. A text of thousands of tokens is longer than a
 * string can be.
 *
 * @param branches - each after the one that it left
 * @param current - the one that is shown
 */
export function* savedText(
  { title, sizes, tokenizer }: LanguageModel,
  branches: readonly Branch[],
  current: string,
): Generator<void, { readonly json: Blob; readonly of: string } | null> {
  const having = withText(branches, current);
  if (having === undefined) return null;
  const tokens = tokenizer.bytes.map((bytes, item) => ({
    token: textOf(bytes),
    token_id: item,
    bytes: [...bytes],
  }));
  // Branches share positions, and one of them is the answer as well.
  const records = new Map<Position, Blob>();
  for (const position of branches.flatMap(writtenOf)) {
    if (records.has(position)) continue;
    records.set(position, recordOf(position, tokens));
    yield;
  }

  /** What the file has of a branch from a position on. */
  const partOf = (branch: Branch, from: number) => {
    const positions = writtenOf(branch).slice(from);
    return {
      text: textOfTokens(
        positions.map(({ drawn }) => drawn),
        tokenizer,
      ),
      content: positions.map((position) => records.get(position)!),
      // No token is left out that would need one.
      bounds: positions.map(() => null),
      prompt: branch.start,
      typed: branch.prompt,
      seed: branch.seed,
    };
  };
  const { text, content, ...answer } = partOf(having, 0);
  const { temperature, truncation } = having.sampling;
  const settings = Object.entries(truncation).map(([name, value]) => [name, JSON.stringify(value)]);
  const document = {
    model: title,
    choices: [{ message: { content: text }, logprobs: { content } }],
    thermoscope: {
      ...answer,
      vocabulary: sizes.vocabulary,
      temperature,
      settings: Object.fromEntries(settings),
      branch: current,
      // What a branch shares with the one that it left stands there.
      branches: branches.map((branch) => {
        const { name, from, shared, prompt: prefix } = branch;
        return { name, from, shared, prefix, ...partOf(branch, shared) };
      }),
    },
  };
  return { json: new Blob(piecesOf(document)), of: having.name };
}

/**
 * The branch whose text is the answer in the file. In place of an empty one it is that which it left, or else
 * the first that has a text.
 */
function withText(branches: readonly Branch[], current: string): Branch | undefined {
  const named = (wanted: string | null) => branches.find(({ name }) => name === wanted);
  const hasText = (branch: Branch) => writtenOf(branch).length > 0;
  let found = named(current);
  while (found !== undefined && !hasText(found)) found = named(found.from);
  return found ?? branches.find(hasText);
}

/** The positions of the tokens that are written. */
function writtenOf({ positions }: Branch): readonly Position[] {
  return positions.slice(0, -1);
}

/** A position as servers of chats write it. */
function recordOf({ logits, drawn }: Position, tokens: readonly object[]): Blob {
  const logSum = logSumOf(logits);
  const entries = tokens.map((token, item) => ({ ...token, logprob: logits[item]! - logSum }));
  return new Blob([JSON.stringify({ ...entries[drawn], top_logprobs: entries })]);
}

/** JSON, in which a blob stands for its content. */
function piecesOf(value: unknown): BlobPart[] {
  if (value instanceof Blob) return [value];
  if (typeof value !== "object" || value === null) return [JSON.stringify(value)];
  const isList = Array.isArray(value);
  const pieces = Object.entries(value).flatMap(([name, each], at) => [
    (at === 0 ? "" : ",") + (isList ? "" : `${JSON.stringify(name)}:`),
    ...piecesOf(each),
  ]);
  return isList ? ["[", ...pieces, "]"] : ["{", ...pieces, "}"];
}
