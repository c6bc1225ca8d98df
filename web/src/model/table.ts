/** What is shown as a table in a file. */
import { Distribution } from "../math/definition";
import { Truncation } from "../math/truncation";
import { numberText } from "../text/format";
import type { State } from "./state";

/**
 * CSV as in RFC 4180, with every item and every digit. `thermoscope.read_logits` reads it back with
 * `columns="logit"`.
 */
export function csv(state: State): string {
  const { logits, labels, temperature, truncation } = state;
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
    if (labels !== null) cells.unshift(`"${labels[item]!.replaceAll('"', '""')}"`);
    lines.push(String(cells));
  });
  return `${lines.join("\r\n")}\r\n`;
}
