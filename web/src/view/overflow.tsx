import { useComputed, useSignal, useSignalEffect } from "@preact/signals";
import { naivePower, naiveQuotient, naiveTotal, type Width } from "../math/naive";
import { whenIdle } from "../model/idle";
import { measure, percent } from "../text/format";
import { strings } from "../text/strings";
import { Power, Sub, Total } from "./mathml";
import type { Part } from "./part";

const WIDTHS: readonly Width[] = ["float16", "float32", "float64"];

/** What happens to the item that is pointed at if the maximum is not subtracted first. */
export function Overflow({ instrument }: Part) {
  const { pointed, rested } = instrument;
  const { overflow: texts } = strings;
  const width = useSignal<Width>("float16");
  const logits = useComputed(() => rested.value.distribution.logits);
  const logit = useComputed(() => logits.value[instrument.itemAt(pointed.value)] ?? NaN);
  const temperature = useComputed(() => rested.value.temperature);
  // The sum is the same for every item that is pointed at. Of 262,144 logits it takes some frames, so it
  // waits until the page has shown what it is about.
  const total = useSignal<number | null>(null);
  useSignalEffect(() => {
    const [terms, at, format] = [logits.value, temperature.value, width.value];
    total.value = null;
    return whenIdle(() => {
      total.value = naiveTotal(terms, at, format);
    });
  });
  const power = useComputed(() => naivePower(logit.value, temperature.value, width.value));
  const quotient = useComputed(() => naiveQuotient(power.value, total.value ?? NaN, width.value));
  const verdict = useComputed(() => {
    if (total.value === null) return "";
    const right = rested.value.probability(logit.value);
    if (Number.isNaN(right)) return "";
    if (Number.isNaN(quotient.value)) {
      return power.value === Infinity ? texts.overflows : texts.vanishes;
    }
    if (total.value === Infinity) return texts.onlySum;
    return Math.abs(quotient.value - right) <= 0.005 * right ? texts.holds : texts.wrong;
  });
  return (
    <div class="overflow">
      <label class="field">
        {texts.name}
        <select
          value={width.value}
          onChange={(event) => (width.value = event.currentTarget.value as Width)}
        >
          {WIDTHS.map((name) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <p>
        <math displaystyle>
          <mfrac>
            <Exponential index="i" />
            <Total>
              <Exponential index="j" />
            </Total>
          </mfrac>
          <mo>=</mo>
          <mfrac>
            <mn>{useComputed(() => measure(power.value))}</mn>
            <mn>{useComputed(() => (total.value === null ? "…" : measure(total.value)))}</mn>
          </mfrac>
          <mo>=</mo>
          <mtext>{useComputed(() => (total.value === null ? "…" : percent(quotient.value)))}</mtext>
        </math>
      </p>
      <p>{verdict}</p>
    </div>
  );
}

function Exponential({ index }: { readonly index: string }) {
  return (
    <Power>
      <Sub of="z" index={index} />
      <mo>/</mo>
      <mi>T</mi>
    </Power>
  );
}
