/**
 * Byte-level byte-pair encoding, as GPT-2 has it; the twin of `tools/novel/tokenizer.py`.
 *
 * The tokens 0 to 255 are the bytes. Each further token is two earlier ones, put together: merge i makes
 * token 256 + i. A text is first split into pieces, and no merge crosses the end of a piece.
 */

const BYTES = 256;
/** GPT-2's pattern, with Unicode's white space for "\s", which is another set in each language. */
const PIECES =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;

export class Tokenizer {
  /** What each token stands for. A character may be spread over several tokens. */
  readonly bytes: readonly Uint8Array[];
  readonly #ranks = new Map<number, number>();

  /** @param merges - pairs of tokens, one after the other */
  constructor(merges: Uint16Array) {
    const bytes = Array.from({ length: BYTES }, (_, byte) => Uint8Array.of(byte));
    for (let at = 0; at < merges.length; at += 2) {
      const [first, second] = [merges[at]!, merges[at + 1]!];
      this.#ranks.set(this.#pair(first, second), bytes.length);
      bytes.push(Uint8Array.of(...bytes[first]!, ...bytes[second]!));
    }
    this.bytes = bytes;
  }

  /** The tokens of a text. */
  encode(text: string): number[] {
    return (text.match(PIECES) ?? []).flatMap((piece) => this.#encodePiece(piece));
  }

  /** The text of tokens. Bytes that are no UTF-8 become U+FFFD. */
  decode(tokens: readonly number[]): string {
    const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
    const parts = tokens.map((token) => decoder.decode(this.bytes[token]!, { stream: true }));
    return parts.join("") + decoder.decode();
  }

  #pair(first: number, second: number): number {
    return first * 2 ** 16 + second;
  }

  #encodePiece(piece: string): number[] {
    const word = Array.from(new TextEncoder().encode(piece));
    for (;;) {
      // The token of the first merge that can be done.
      let merged = Infinity;
      for (let at = 1; at < word.length; at++) {
        merged = Math.min(
          merged,
          this.#ranks.get(this.#pair(word[at - 1]!, word[at]!)) ?? Infinity,
        );
      }
      if (merged === Infinity) return word;
      for (let at = 1; at < word.length; at++) {
        if (this.#ranks.get(this.#pair(word[at - 1]!, word[at]!)) === merged) {
          word.splice(at - 1, 2, merged);
        }
      }
    }
  }
}
