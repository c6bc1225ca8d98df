/** A token of a text in words, for screen readers. */

import type { Range } from "../math/allowed";
import { brief, clip, count, pieces } from "../text/format";
import { rowStrings, strings } from "../text/strings";
import type { Sequence } from "./sequence";

const { strip: texts } = rowStrings;

export function tokenText(sequence: Sequence, position: number): string {
  const token = sequence.at(position);
  const measures = sequence.measures(token);
  const fate = sequence.isSampled.value ? sequence.fate(token) : null;
  const known: string[] = [];
  if (measures === null) known.push(texts.unreadable);
  else {
    if (token.place >= 0) {
      const { surprisal } = measures;
      const bits: Range = [surprisal[0] / Math.LN2, surprisal[1] / Math.LN2];
      known.push(texts.rank(rangeText(token.rank, count)), texts.bits(rangeText(bits, short)));
    }
    known.push(texts.entropy(rangeText(measures.entropy, short)));
  }
  if (fate !== null) known.push(texts.fate[fate]);
  // Not `spoken`: here a space belongs to its token.
  const label = pieces(clip(token.text, 40)).map(({ text }) => text);
  const quote = token.part > 0 ? texts.part : texts.text;
  return texts.token(
    count(position + 1),
    count(sequence.count),
    quote(label.join("") || strings.label.empty),
    known,
  );
}

function rangeText([low, high]: Range, text: (value: number) => string): string {
  if (high === Infinity && low < Infinity) return texts.atLeast(text(low));
  const [least, most] = [text(low), text(high)];
  return least === most ? least : texts.range(least, most);
}

/** Two digits, as in a sentence. */
function short(value: number): string {
  return brief(Number(value.toPrecision(2)));
}
