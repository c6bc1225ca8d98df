/** The positions of a text as the page reads them: the twin of `thermoscope/explorer/sequence.py`. */
import type { Tokenizer } from "../math/tokenizer";
import type { WrittenChunk } from "../model/rows";
import { base64Of, logitsToBytes } from "../model/state";

/** Positions per chunk. */
const CHUNK = 1024;
/** More tokens than a character is cut into, of 4 bytes. */
const LONGEST = 8;
/** Log-probabilities of a position that are sent; the page's arithmetic takes time for each. */
const MOST = 256;

/** The logits at a place of the text, and the token that stands there; -1 after the last one. */
export interface Position {
  readonly logits: Float64Array;
  readonly drawn: number;
}

/** What a chunk has of a position. */
interface Short {
  /** The likeliest first. The last one may be there because it was drawn. */
  readonly logprobs: Float32Array;
  readonly place: number;
  readonly rest: number;
  readonly delta: number;
}

/** Positions never change, so that each is sorted once. */
const known = new WeakMap<Position, Short>();

function shortOf(position: Position): Short {
  let found = known.get(position);
  if (found === undefined) {
    found = shortened(position);
    known.set(position, found);
  }
  return found;
}

function shortened({ logits, drawn }: Position): Short {
  const order = Uint32Array.from(logits.keys()).sort((a, b) => logits[b]! - logits[a]! || a - b);
  const shift = logSumOf(logits);
  const size = Math.min(MOST, order.length);
  let place = order.indexOf(drawn);
  if (place >= size) {
    order.copyWithin(size, size - 1, place);
    order[size - 1] = drawn;
    place = size - 1;
  }
  let rest = 0;
  for (const item of order.subarray(size)) rest += Math.exp(logits[item]! - shift);
  const exact = Float64Array.from(order.subarray(0, size), (item) => logits[item]! - shift);
  const logprobs = Float32Array.from(exact);
  const delta = exact.reduce(
    (most, logprob, k) => Math.max(most, Math.abs(logprob - logprobs[k]!)),
    0,
  );
  return { logprobs, place, rest: Math.log(rest), delta };
}

/** The logarithm of the sum of exp(z): z without it is a log-probability. */
export function logSumOf(logits: Float64Array): number {
  let highest = -Infinity;
  for (const logit of logits) highest = Math.max(highest, logit);
  let total = 0;
  for (const logit of logits) total += Math.exp(logit - highest);
  return highest + Math.log(total);
}

/** The positions from one on. */
export function chunkOf(
  positions: readonly Position[],
  start: number,
  { bytes }: Tokenizer,
): WrittenChunk {
  const stop = Math.min(start + CHUNK, positions.length);
  const shorts = positions.slice(start, stop).map(shortOf);
  const [width] = shorts.map(({ logprobs }) => logprobs.length);
  const floats = new DataView(new ArrayBuffer(4 * width! * shorts.length));
  shorts.forEach(({ logprobs }, row) => {
    for (const [k, logprob] of logprobs.entries()) {
      floats.setFloat32(4 * (row * width! + k), logprob, true);
    }
  });
  // A character may begin before the chunk, and end after it.
  const first = Math.max(0, start - LONGEST);
  const near = positions.slice(first, stop + LONGEST).map(({ drawn }) => bytes[drawn] ?? null);
  const pieces = joined(near).slice(start - first, stop - first);
  const numbers = (of: (short: Short) => number) =>
    base64Of(logitsToBytes(Float64Array.from(shorts, of)).buffer);
  return {
    start,
    width: width!,
    sizes: shorts.map(() => width!),
    drawn: positions.slice(start, stop).map(({ drawn }) => drawn),
    places: shorts.map(({ place }) => place),
    texts: pieces.map(({ text }) => text),
    parts: pieces.map(({ part }) => part),
    logprobs: base64Of(floats.buffer),
    rest: numbers(({ rest }) => rest),
    deltas: numbers(({ delta }) => delta),
  };
}

/**
 * The text of each token, and which part of it the token is: tokens that only together are a character all
 * have its text. Null is the place after the text.
 */
export function joined(
  tokens: readonly (Uint8Array | null)[],
): readonly { readonly text: string; readonly part: number }[] {
  const found: { text: string; part: number }[] = [];
  let count = 0;
  let data: number[] = [];
  const end = () => {
    const text = textOf(Uint8Array.from(data));
    for (let part = 0; part < count; part++) found.push({ text, part });
    count = 0;
    data = [];
  };
  for (const bytes of tokens) {
    // The character before stays incomplete.
    if (bytes === null || !continues(bytes[0]!)) end();
    data.push(...(bytes ?? []));
    count++;
    if (!isIncomplete(Uint8Array.from(data))) end();
  }
  end();
  return found;
}

/** The text of tokens, with the characters whole that several share. */
export function textOfTokens(tokens: readonly number[], { bytes }: Tokenizer): string {
  const pieces = joined(tokens.map((token) => bytes[token]!));
  return pieces.map(({ text, part }) => (part > 0 ? "" : text)).join("");
}

/** Whether a byte of UTF-8 is one after the first of its character. */
function continues(byte: number): boolean {
  return (byte & 0xc0) === 0x80;
}

/** Whether bytes end within a character, and are right up to there. */
function isIncomplete(bytes: Uint8Array): boolean {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  try {
    decoder.decode(bytes, { stream: true });
  } catch {
    return false;
  }
  try {
    decoder.decode();
    return false;
  } catch {
    return true;
  }
}

/** The text of bytes, with escapes for those that are no character. */
export function textOf(bytes: Uint8Array): string {
  const whole = decoded(bytes);
  if (whole !== null) return whole;
  let text = "";
  for (let at = 0; at < bytes.length; ) {
    const sizes = [1, 2, 3, 4].filter((size) => at + size <= bytes.length);
    const size = sizes.find((each) => decoded(bytes.subarray(at, at + each)) !== null);
    text +=
      size === undefined
        ? `\\x${bytes[at]!.toString(16).padStart(2, "0")}`
        : decoded(bytes.subarray(at, at + size));
    at += size ?? 1;
  }
  return text;
}

function decoded(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}
