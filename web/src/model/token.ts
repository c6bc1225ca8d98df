/** A token of a text in words, for screen readers. */

import type { Range } from "../math/allowed";
import { brief, clip, count, measureRange, pieces } from "../text/format";
import { rowStrings, strings, writingStrings } from "../text/strings";
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
      const surprisal = texts.bits(bitsText(measures.surprisal));
      known.push(texts.rank(rankText(token.rank)), surprisal);
    }
    known.push(texts.entropy(bitsText(measures.entropy)));
  }
  if (fate !== null) known.push(texts.fate[fate]);
  // Not `spoken`: here a space belongs to its token.
  const label = pieces(clip(token.text, 40)).map(({ text }) => text);
  const quote = token.part > 0 ? texts.part : texts.text;
  return texts.token(
    count(position + 1),
    count(sequence.count.peek()),
    WRITING && sequence.isNext(position)
      ? writingStrings.next
      : quote(label.join("") || strings.label.empty),
    known,
  );
}

function rankText([low, high]: Range): string {
  if (high === Infinity) return texts.atLeast(count(low));
  return low === high ? count(low) : texts.range(count(low), count(high));
}

/** Nats as bits: two digits, as in a sentence, or a range if its ends differ in them. */
function bitsText(nats: Range): string {
  const [low, high] = [nats[0] / Math.LN2, nats[1] / Math.LN2];
  const [least, most] = [short(low), short(high)];
  return least === most ? least : measureRange(low, high);
}

function short(value: number): string {
  return brief(Number(value.toPrecision(2)));
}
