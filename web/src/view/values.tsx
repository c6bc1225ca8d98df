import { type ReadonlySignal, useComputed } from "@preact/signals";
import type { Row } from "../model/instrument";
import { count, digits } from "../text/format";
import { rowStrings, strings } from "../text/strings";
import { Label } from "./label";
import type { Part } from "./part";

/** The rows in the window as numbers, with the digits that Python gives. */
export function Values({ instrument }: Part) {
  const { rested, outline, hovered, pinned, rest } = instrument;
  const { values: texts } = strings;
  const isTruncated = instrument.sampler.on.value;
  const isPartial = instrument.isPartial.value;
  const outlineName =
    pinned.value !== null ? texts.ofA : isPartial ? rowStrings.reported.asReported : texts.atOne;
  /** The least and the highest probability of the reported tokens in a part of the list. */
  const bounded = (part: () => number) => {
    const known = () => instrument.restedBounds.value;
    const weight = () => part() * (known()?.all ?? NaN);
    return {
      probability: isPartial ? () => known()?.low(weight()) ?? NaN : part,
      highest: isPartial ? () => known()?.high(weight()) ?? NaN : null,
    };
  };
  const after = (from: number, to: number) => instrument.restedKept.value.sum(from, to);
  function outsideAfter(): number {
    const first = instrument.first.value;
    return after(0, first) + after(first + instrument.rowCount.value, Infinity);
  }
  return (
    <section class="values">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard */}
      <div class="sideways" role="group" aria-label={texts.name} tabIndex={0}>
        <table aria-label={texts.name} onPointerLeave={() => (hovered.value = null)}>
          <thead>
            <tr>
              <th scope="col">{texts.item}</th>
              <th scope="col">{texts.logit}</th>
              <th scope="col">{isPartial ? rowStrings.reported.low : texts.probability}</th>
              {isPartial && <th scope="col">{rowStrings.reported.high}</th>}
              {isTruncated && <th scope="col">{texts.after}</th>}
              <th scope="col">{outlineName}</th>
            </tr>
          </thead>
          <tbody>
            {instrument.rows.value.map((row, slot) => (
              <ValueRow
                key={slot}
                row={row}
                isTruncated={isTruncated}
                isPartial={isPartial}
                onPoint={() => (hovered.value = slot)}
              />
            ))}
          </tbody>
          <tfoot>
            {rest.value > 0 && (
              <Total
                name={strings.items.others(count(rest.value))}
                {...bounded(() => rested.value.outside)}
                after={isTruncated ? outsideAfter : null}
                outline={() => outline.value.outside}
              />
            )}
            {isPartial && (
              <Total
                name={rowStrings.reported.notReported}
                probability={() => instrument.restedBounds.value?.tailLow ?? NaN}
                highest={() => instrument.restedBounds.value?.tailHigh ?? NaN}
                after={null}
                outline={() => instrument.items.value.tail?.mass ?? NaN}
              />
            )}
            <Total
              name={isPartial ? rowStrings.reported.sum : texts.sum}
              {...bounded(() => rested.value.sum)}
              after={isTruncated ? () => after(0, Infinity) : null}
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
  /** Null where the probability is known. */
  readonly highest: (() => number) | null;
  /** Null where nothing is truncated. */
  readonly after: (() => number) | null;
  readonly outline: () => number;
}

function Total({ name, probability, highest, after, outline }: TotalProps) {
  return (
    <tr>
      <th scope="row" colSpan={2}>
        {name}
      </th>
      <Digits of={probability} />
      {highest && <Digits of={highest} />}
      {after && <Digits of={after} />}
      <Digits of={outline} />
    </tr>
  );
}

function Digits({ of }: { readonly of: () => number }) {
  return <Cell of={useComputed(() => digits(of()))} />;
}

function Cell({ of }: { readonly of: ReadonlySignal<string> }) {
  return (
    <td>
      <span>{of}</span>
    </td>
  );
}

interface RowProps {
  readonly row: Row;
  readonly isTruncated: boolean;
  readonly isPartial: boolean;
  onPoint(): void;
}

function ValueRow({ row, isTruncated, isPartial, onPoint }: RowProps) {
  return (
    <tr class={row.className} onPointerEnter={onPoint}>
      <th scope="row">
        <Label text={row.label} />
        {/* A white-space token has a name for a screen reader. */}
        {/^\s+$/.test(row.label.value) && <span class="unseen">{strings.label.space}</span>}
      </th>
      <Cell of={row.logitDigits} />
      <Cell of={row.probabilityDigits} />
      {isPartial && <Cell of={row.highestDigits} />}
      {isTruncated && <Cell of={row.afterDigits} />}
      <Cell of={row.outlineDigits} />
    </tr>
  );
}
