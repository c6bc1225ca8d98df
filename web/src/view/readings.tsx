import { type ReadonlySignal, type Signal, useComputed } from "@preact/signals";
import type { ComponentChildren } from "preact";
import type { Distribution } from "../math/definition";
import { ends, type Measure, temperatureFor } from "../math/solve";
import {
  clip,
  count,
  measure,
  measureText,
  parsePercent,
  parseTyped,
  percent,
  type Refused,
} from "../text/format";
import { strings } from "../text/strings";
import { type Draft, FieldError, NumberField, toTemperature, useDraft } from "./field";
import type { Part } from "./part";

const { readings: texts } = strings;

/** How a measure is shown, and how it is typed. */
const WRITTEN = {
  entropy: { text: measureText, parse: parseTyped },
  perplexity: { text: measureText, parse: parseTyped },
  top: { text: percent, parse: parsePercent },
} satisfies Record<Measure, unknown>;

/** Measures of the softmax, as fields: a value that is typed sets the temperature. */
export function Readings({ instrument }: Part) {
  const { frame, topText } = instrument;
  const draft = useDraft(instrument);
  const entropy = useComputed(() => measureText(frame.value.entropy));
  const bits = useComputed(() => texts.inBits(measure(frame.value.entropy / Math.LN2)));
  const choices = useComputed(() => measureText(frame.value.perplexity));
  const shared = { instrument, draft };
  return (
    <div class="readings">
      <Reading {...shared} of="entropy" shown={entropy}>
        <span class="bits">{bits}</span>
      </Reading>
      <Reading {...shared} of="perplexity" shown={choices}>
        <span>{texts.count(count(instrument.count.value))}</span>
      </Reading>
      <Reading {...shared} of="top" shown={topText} />
      <FieldError draft={draft} />
    </div>
  );
}

interface ReadingProps extends Part {
  readonly of: Measure;
  readonly draft: Signal<Draft | null>;
  readonly shown: ReadonlySignal<string>;
  readonly children?: ComponentChildren;
}

function Reading({ of, children, ...field }: ReadingProps) {
  const { name } = texts[of];
  const { distribution } = field.instrument;
  return (
    <div>
      <label>
        {name}
        <NumberField
          {...field}
          name={name}
          changeOf={(typed) => toTemperature(asked(distribution.peek(), of, typed))}
        />
      </label>
      {children}
    </div>
  );
}

/** The temperature that gives a typed value, or why there is none. */
function asked(distribution: Distribution, of: Measure, typed: string): number | Refused {
  const { text, parse } = WRITTEN[of];
  const [zero, infinite] = ends(distribution, of);
  if (!(zero < infinite || zero > infinite)) return { error: texts[of].fixed(said(of, zero)) };
  const value = parse(typed);
  const temperature = temperatureFor(distribution, of, value);
  if (temperature !== null) return temperature;
  // An end is said and shown with few digits, which may lie just outside.
  if (text(value) === text(zero)) return 0;
  if (text(value) === text(infinite)) return Infinity;
  const [least, most] = [zero, infinite].sort((a, b) => a - b).map((value) => said(of, value));
  return { error: texts[of].refused(least!, most!, clip(typed.trim(), 20)) };
}

/** An end of the range in a sentence: a whole number has no decimals. */
function said(of: Measure, end: number): string {
  return WRITTEN[of].text(end).replace(/\.0+$/, "");
}
