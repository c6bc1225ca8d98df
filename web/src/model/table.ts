/** What is shown as a table in a file. */
import { Distribution } from "../math/definition";
import { Reported } from "../math/reported";
import { Truncation } from "../math/truncation";
import { numberText } from "../text/format";
import { rowStrings } from "../text/strings";
import type { State } from "./state";

/**
 * CSV as in RFC 4180, with every item and every digit; the least and the highest probability where a
 * server reported a part, with a line for the others. `thermoscope.read_logits` reads it back with
 * `columns="logit"`.
 */
export function csv(state: State): string {
  const { logits, labels, temperature, truncation, tail } = state;
  if (ROWS && tail !== null) return csvOfReported(state, new Reported(logits, tail));
  const distribution = new Distribution(logits);
  const { probability } = distribution.at(temperature, 0, 0);
  const isTruncated = Object.keys(truncation).length > 0;
  const after = isTruncated
    ? new Truncation(distribution).at(temperature, truncation).probabilities()
    : null;
  const names = ["logit", "probability", ...(isTruncated ? ["after_truncation"] : [])];
  const lines = [labels === null ? names : ["label", ...names]].map(String);
  logits.forEach((logit, item) => {
    const numbers = [logit, probability(logit), ...(after === null ? [] : [after[item]!])];
    const cells = numbers.map(numberText);
    if (labels !== null) cells.unshift(quoted(labels[item]!));
    lines.push(String(cells));
  });
  return `${lines.join("\r\n")}\r\n`;
}

function csvOfReported({ logits, labels, temperature }: State, reported: Reported): string {
  const bounds = reported.at(temperature);
  const lines = ["label,logit,probability_low,probability_high"];
  const add = (label: string, logit: string, low: number, high: number) =>
    lines.push(String([quoted(label), logit, numberText(low), numberText(high)]));
  logits.forEach((logit, item) => {
    const weight = bounds.weight(logit);
    const label = labels?.[item] ?? String(item);
    add(label, numberText(logit), bounds.low(weight), bounds.high(weight));
  });
  add(rowStrings.reported.notReported, "", bounds.tailLow, bounds.tailHigh);
  return `${lines.join("\r\n")}\r\n`;
}

/** A text as a cell of CSV. */
export function quoted(label: string): string {
  return `"${label.replaceAll('"', '""')}"`;
}
