import { type ReadonlySignal, type Signal, useComputed, useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import type { Distribution } from "../math/definition";
import { type Reported, temperaturesFor } from "../math/reported";
import { ends, type Measure, temperatureFor } from "../math/solve";
import {
  brief,
  clip,
  count,
  measureRange,
  measureText,
  parsePercent,
  parseTyped,
  percent,
  type Refused,
  ungrouped,
} from "../text/format";
import { rowStrings, strings } from "../text/strings";
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
  const { bounds, temperature } = instrument;
  /** The least and the highest entropy. */
  const ends = useComputed(() => {
    const { value: known } = bounds;
    const { entropy } = frame.value;
    return known === null
      ? ([entropy, entropy] as const)
      : ([known.entropyLow, known.entropyHigh] as const);
  });
  const range = (to: (entropy: number) => number) => {
    const [low, high] = ends.value;
    return measureRange(to(low), to(high));
  };
  const entropy = useComputed(() => ungrouped(range((nats) => nats)));
  const bits = useComputed(() => texts.inBits(range((nats) => nats / Math.LN2)));
  const choices = useComputed(() => ungrouped(range(Math.exp)));
  /** What is told of the temperature that was found for a typed value. */
  const found = useSignal<Found | null>(null);
  const note = useComputed(() =>
    found.value?.temperature === temperature.value && bounds.value !== null ? found.value.text : "",
  );
  const total = useComputed(() => {
    const tokens = instrument.count.value + (instrument.items.value.tail?.count ?? 0);
    return tokens < Infinity ? texts.count(count(tokens)) : "";
  });
  const shared = { instrument, draft, found };
  return (
    <div class={instrument.isPartial.value ? "readings partial" : "readings"}>
      <Reading {...shared} of="entropy" shown={entropy}>
        <span class="bits">
          <span class="shown">{bits}</span>
        </span>
      </Reading>
      <Reading {...shared} of="perplexity" shown={choices}>
        <span>{total}</span>
      </Reading>
      <Reading {...shared} of="top" shown={topText} />
      <FieldError draft={draft} />
      {ROWS && instrument.isPartial.value && (
        <p class="note" aria-live="polite">
          {note}
        </p>
      )}
    </div>
  );
}

interface ReadingProps extends Part {
  readonly of: Measure;
  readonly draft: Signal<Draft | null>;
  readonly shown: ReadonlySignal<string>;
  readonly found: Signal<Found | null>;
  readonly children?: ComponentChildren;
}

/** A temperature at which a measure can have a typed value, and the interval that it is from. */
interface Found {
  readonly temperature: number;
  readonly text: string;
}

function Reading({ of, found, children, ...field }: ReadingProps) {
  const { name } = texts[of];
  const { distribution, reported } = field.instrument;

  function changeOf(typed: string) {
    const { value: part } = reported;
    if (ROWS && part !== null) {
      const answer = askedOf(part, of, typed);
      if ("error" in answer) return answer;
      found.value = answer;
      return toTemperature(answer.temperature);
    }
    return toTemperature(asked(distribution.peek(), of, typed));
  }
  return (
    <div>
      <label>
        {name}
        <NumberField {...field} name={name} changeOf={changeOf} />
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

/** The same where intervals are known: a temperature at which the measure can have the value. */
function askedOf(reported: Reported, of: Measure, typed: string): Found | Refused {
  const { parse } = WRITTEN[of];
  const interval = temperaturesFor(reported, of, parse(typed));
  if (interval === null) {
    const [zero, infinite] = [reported.at(0), reported.at(Infinity)];
    const nats = [zero.entropyLow, infinite.entropyHigh] as const;
    const [low, high] =
      of === "top"
        ? [infinite.low(1), zero.high(1)]
        : of === "entropy"
          ? nats
          : [Math.exp(nats[0]), Math.exp(nats[1])];
    return { error: texts[of].refused(said(of, low), said(of, high), clip(typed.trim(), 20)) };
  }
  const [low, high] = interval;
  const { temperature: server } = reported.tail;
  const middle = Math.sqrt(low) * Math.sqrt(high);
  const isMiddle = middle > 0 && middle < Infinity;
  // The middle of the scale's decades, or what of the interval is nearest to the server's temperature.
  const temperature = isMiddle ? middle : Math.max(low, Math.min(high, server));
  const text = rowStrings.reported.wanted(texts[of].name, brief(low), brief(high));
  return { temperature, text };
}

/** An end of the range in a sentence: a whole number has no decimals. */
function said(of: Measure, end: number): string {
  return WRITTEN[of].text(end).replace(/[.,]0+$/, "");
}
