import { type ReadonlySignal, useComputed } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { aligned, brief, count, measure } from "../text/format";
import { strings } from "../text/strings";
import { Label } from "./label";
import { Brackets, Power, Softmax, Sub, Total } from "./mathml";
import type { Part } from "./part";

/**
 * The formula with the numbers of the item that is pointed at or focused. It is updated when a
 * drag rests, as the ten digits of the table are: it can't be read earlier.
 */
export function Formula({ instrument }: Part) {
  const { count: size, decimals, rested: frame, many, pointed } = instrument;
  const temperature = useComputed(() => frame.value.temperature);
  const item = useComputed(() => instrument.itemAt(pointed.value));
  const label = useComputed(() => instrument.label(item.value));
  const logit = useComputed(() => frame.value.distribution.logits[item.value] ?? NaN);
  const highest = useComputed(() => {
    const { logits, order } = frame.value.distribution;
    return logits[order[0]!]!;
  });
  const percent = useComputed(() =>
    instrument.percent(logit.value, frame.value.probability(logit.value)),
  );
  /** The text may be a bound, "> 99.99 %". */
  const relation = useComputed(() => (/^[<>]/.test(percent.value) ? percent.value[0]! : "="));
  const bound = useComputed(() => percent.value.replace(/^[<>] /, ""));
  const kind = useComputed(() => {
    if (Number.isNaN(frame.value.top)) return "none";
    if (highest.value === Infinity || temperature.value === 0) return "highest";
    return temperature.value === Infinity ? "uniform" : "plain";
  });
  const text = (value: number) => aligned(value, decimals.value);
  const inBrackets = (value: number) => (value < 0 ? `(${text(value)})` : text(value));

  // Each is a hook, so all are called for every kind of formula.
  const logitText = useComputed(() => text(logit.value));
  const highestText = useComputed(() => inBrackets(highest.value));
  const temperatureText = useComputed(() => brief(temperature.value));
  const totalText = useComputed(() => measure(1 / frame.value.top));
  const difference = useComputed(() => logit.value - highest.value);
  const differenceText = useComputed(() => text(difference.value));
  const quotientText = useComputed(() => measure(difference.value / temperature.value));
  const powerText = useComputed(() => measure(Math.exp(difference.value / temperature.value)));
  const equalItems = useComputed(() => count(Math.round(1 / frame.value.top)));
  /** Whether the item is one of those that get equal probabilities, at T = 0 or T = ∞. */
  const included = useComputed(() =>
    kind.value === "uniform" ? logit.value > -Infinity : logit.value === highest.value,
  );

  const shown = kind.value;
  const { formula: texts } = strings;
  const named = <Label text={label} />;
  return (
    <section class="formula" aria-label={texts.name}>
      <p>
        {many.value
          ? texts.ranked(named, count(instrument.rankAt(pointed.value) + 1), count(size.value))
          : texts.item(named)}
      </p>
      <div class="steps">
        {shown === "none" && <p>{texts.nan}</p>}
        {(shown === "highest" || shown === "uniform") && (
          <>
            <math displaystyle>
              <Softmax temperature />
              <mo>=</mo>
              {included.value ? (
                <mfrac>
                  <mn>1</mn>
                  <mn>{equalItems}</mn>
                </mfrac>
              ) : (
                <mn>0</mn>
              )}
              <mo>{relation}</mo>
              <mtext>{bound}</mtext>
            </math>
            <p>
              {shown === "uniform"
                ? texts.uniform
                : included.value
                  ? texts.highest
                  : texts.notHighest}
            </p>
          </>
        )}
        {shown === "plain" && (
          <>
            <math displaystyle>
              <Softmax temperature />
              <mo>=</mo>
              <mfrac>
                <Power>
                  <Shifted index="i" />
                </Power>
                <Total>
                  <Power>
                    <Shifted index="j" />
                  </Power>
                </Total>
              </mfrac>
            </math>
            <math displaystyle>
              <mo>=</mo>
              <mfrac>
                <Power>
                  <Brackets>
                    <mn>{logitText}</mn>
                    <mo>−</mo>
                    <mn>{highestText}</mn>
                  </Brackets>
                  <mo>/</mo>
                  <mn>{temperatureText}</mn>
                </Power>
                <mn>{totalText}</mn>
              </mfrac>
            </math>
            <math displaystyle>
              <mo>{relation}</mo>
              <mtext>{bound}</mtext>
            </math>
          </>
        )}
      </div>
      {shown === "plain" && (
        <dl class="numbers" aria-label={texts.steps}>
          <Step value={logitText}>
            <Sub of="z" index="i" />
          </Step>
          <Step value={differenceText}>
            <Difference index="i" />
          </Step>
          <Step value={quotientText}>
            <Shifted index="i" />
          </Step>
          <Step value={powerText}>
            <Power>
              <Shifted index="i" />
            </Power>
          </Step>
          <Step value={totalText}>
            <Total>
              <Power>
                <Shifted index="j" />
              </Power>
            </Total>
          </Step>
        </dl>
      )}
    </section>
  );
}

/** A number on the way, under what it is. */
function Step(props: {
  readonly value: ReadonlySignal<string>;
  readonly children: ComponentChildren;
}) {
  return (
    <div>
      <dt>
        <math>{props.children}</math>
      </dt>
      <dd>{props.value}</dd>
    </div>
  );
}

/** z_i − max z. */
function Difference({ index }: { readonly index: string }) {
  return (
    <>
      <Sub of="z" index={index} />
      <mo>−</mo>
      <mi>max</mi>
      <mi>z</mi>
    </>
  );
}

/** (z_i − max z) / T: the maximum cancels out, and without it the powers could overflow. */
function Shifted({ index }: { readonly index: string }) {
  return (
    <>
      <Brackets>
        <Difference index={index} />
      </Brackets>
      <mo>/</mo>
      <mi>T</mi>
    </>
  );
}
