import { useComputed } from "@preact/signals";
import { count, measure } from "../text/format";
import { strings } from "../text/strings";
import type { Part } from "./part";

export function Readings({ instrument }: Part) {
  const { frame } = instrument;
  const { readings: texts } = strings;
  return (
    <dl class="readings">
      <div>
        <dt>{texts.entropy}</dt>
        <dd>{useComputed(() => texts.nats(measure(frame.value.entropy)))}</dd>
        <dd>{useComputed(() => texts.bits(measure(frame.value.entropy / Math.LN2)))}</dd>
      </div>
      <div>
        <dt>{texts.choices(count(instrument.count.value))}</dt>
        <dd>{useComputed(() => measure(frame.value.perplexity))}</dd>
      </div>
      <div>
        <dt>{texts.top}</dt>
        <dd>{instrument.topText}</dd>
      </div>
    </dl>
  );
}
