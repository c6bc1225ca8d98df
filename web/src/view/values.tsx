import { useComputed } from "@preact/signals";
import type { Row } from "../model/instrument";
import { count, digits } from "../text/format";
import { strings } from "../text/strings";
import { Label } from "./label";
import type { Part } from "./part";

/** The rows in the window as numbers, with the digits that Python gives. */
export function Values({ instrument }: Part) {
  const { rested, outline, hovered, pinned, rest } = instrument;
  const { values: texts } = strings;
  return (
    <section class="values">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard */}
      <div class="sideways" role="group" aria-label={texts.name} tabIndex={0}>
        <table aria-label={texts.name} onPointerLeave={() => (hovered.value = null)}>
          <thead>
            <tr>
              <th scope="col">{texts.item}</th>
              <th scope="col">{texts.logit}</th>
              <th scope="col">{texts.probability}</th>
              <th scope="col">{pinned.value === null ? texts.atOne : texts.ofA}</th>
            </tr>
          </thead>
          <tbody>
            {instrument.rows.value.map((row, slot) => (
              <ValueRow key={slot} row={row} onPoint={() => (hovered.value = slot)} />
            ))}
          </tbody>
          <tfoot>
            {rest.value > 0 && (
              <Total
                name={strings.items.others(count(rest.value))}
                probability={() => rested.value.outside}
                outline={() => outline.value.outside}
              />
            )}
            <Total
              name={texts.sum}
              probability={() => rested.value.sum}
              outline={() => outline.value.sum}
            />
          </tfoot>
        </table>
      </div>
    </section>
  );
}

interface TotalProps {
  readonly name: string;
  readonly probability: () => number;
  readonly outline: () => number;
}

function Total({ name, probability, outline }: TotalProps) {
  return (
    <tr>
      <th scope="row" colSpan={2}>
        {name}
      </th>
      <td>
        <span>{useComputed(() => digits(probability()))}</span>
      </td>
      <td>
        <span>{useComputed(() => digits(outline()))}</span>
      </td>
    </tr>
  );
}

function ValueRow({ row, onPoint }: { readonly row: Row; readonly onPoint: () => void }) {
  return (
    <tr class={row.className} onPointerEnter={onPoint}>
      <th scope="row">
        <Label text={row.label} />
      </th>
      <td>
        <span>{row.logitDigits}</span>
      </td>
      <td>
        <span>{row.probabilityDigits}</span>
      </td>
      <td>
        <span>{row.outlineDigits}</span>
      </td>
    </tr>
  );
}
