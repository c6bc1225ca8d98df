import { useComputed, useSignal } from "@preact/signals";
import { naiveSoftmax, type Width } from "../math/naive";
import { measure, percent } from "../text/format";
import { strings } from "../text/strings";
import { Power, Sub, Total } from "./mathml";
import type { Part } from "./part";

const WIDTHS: readonly Width[] = ["float16", "float32", "float64"];

/** What happens to the item that is pointed at if the maximum is not subtracted first. */
export function Overflow({ instrument }: Part) {
  const { items, pointed, rested } = instrument;
  const { overflow: texts } = strings;
  const width = useSignal<Width>("float16");
  const naive = useComputed(() =>
    naiveSoftmax(
      items.value.logits,
      rested.value.temperature,
      instrument.itemAt(pointed.value),
      width.value,
    ),
  );
  const right = useComputed(() => {
    const logit = items.value.logits[instrument.itemAt(pointed.value)] ?? NaN;
    return rested.value.probability(logit);
  });
  const power = useComputed(() => measure(naive.value.power));
  const total = useComputed(() => measure(naive.value.total));
  const quotient = useComputed(() => percent(naive.value.quotient));
  const verdict = useComputed(() => {
    const { power: top, total: sum, quotient: found } = naive.value;
    if (Number.isNaN(right.value)) return "";
    if (Number.isNaN(found)) return top === Infinity ? texts.overflows : texts.vanishes;
    if (sum === Infinity) return texts.onlySum;
    return Math.abs(found - right.value) <= 0.005 * right.value ? texts.holds : texts.wrong;
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
            <mn>{power}</mn>
            <mn>{total}</mn>
          </mfrac>
          <mo>=</mo>
          <mtext>{quotient}</mtext>
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
