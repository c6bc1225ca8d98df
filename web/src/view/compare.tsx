import { useComputed } from "@preact/signals";
import type { Frame } from "../math/definition";
import type { Difference, Pinned } from "../model/compare";
import type { Drawn } from "../model/drawn";
import type { Instrument } from "../model/instrument";
import { labelOf, type State } from "../model/state";
import { stepsText } from "../model/steps";
import { brief, count, measure, percent, spoken } from "../text/format";
import { strings } from "../text/strings";
import type { Part } from "./part";

const { compare: texts } = strings;

/** What is shown, beside what was pinned as A. */
export function Compare({ instrument }: Part) {
  const { pinned } = instrument;
  const a = pinned.value;
  return (
    <section class="compare" aria-label={texts.name}>
      {a === null ? <p>{texts.idea}</p> : <BesideA instrument={instrument} a={a} />}
      <div class="buttons">
        <button
          type="button"
          onClick={() => {
            instrument.pin();
            instrument.tell(texts.pinned);
          }}
        >
          {a === null ? texts.pin : texts.pinAgain}
        </button>
        {a !== null && (
          <>
            <button type="button" onClick={() => instrument.change(a.state)}>
              {texts.goBack}
            </button>
            <button type="button" onClick={() => (pinned.value = null)}>
              {texts.unpin}
            </button>
          </>
        )}
      </div>
    </section>
  );
}

function BesideA({ instrument, a }: Part & { readonly a: Pinned }) {
  const { items, rested, truncation } = instrument;
  const before = numbers(a.state, a.frame);
  const now = useComputed(() =>
    numbers(
      { ...items.value, temperature: rested.value.temperature, truncation: truncation.value },
      rested.value,
    ),
  );
  return (
    <>
      <p class="told">{useComputed(() => verdict(instrument))}</p>
      <ul>
        {instrument.comparison.value?.largest.map((difference, k) => (
          <li key={k}>{changed(difference, a.drawn, instrument.drawn.value)}</li>
        ))}
      </ul>
      <table class="narrow" aria-label={texts.name}>
        <thead>
          <tr>
            <td />
            <th scope="col">{texts.a}</th>
            <th scope="col">{texts.now}</th>
          </tr>
        </thead>
        <tbody>
          {before.map(([name, value], k) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td>{value}</td>
              <td>{now.value[k]![1]}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}

/** How many draws would differ. */
function verdict({ comparison }: Instrument): string {
  const { value: found } = comparison;
  if (found === null) return texts.incomparable;
  const { variation, same } = found;
  if (Number.isNaN(variation)) return texts.undefined;
  if (same) return texts.same;
  return texts.differ(partOf(variation), brief(variation));
}

/** A part of 100 draws: "all" and "none" only where it is exactly that. */
export function partOf(variation: number): string {
  if (variation === 1) return texts.all;
  if (variation < 0.01) return texts.few;
  if (variation > 0.99) return texts.most;
  return texts.some(count(Math.round(100 * variation)));
}

function changed({ item, itemOfA }: Difference, a: Drawn, now: Drawn): string {
  const label = item === null ? labelOf(a.items, itemOfA!) : labelOf(now.items, item);
  return texts.change(
    spoken(label),
    itemOfA === null ? texts.absent : a.percent(itemOfA),
    item === null ? texts.absent : now.percent(item),
  );
}

/** What a state is about, by name. */
function numbers(
  state: Omit<State, "scale">,
  frame: Frame,
): readonly (readonly [string, string])[] {
  const { readings } = strings;
  return [
    [texts.temperature, brief(state.temperature)],
    [texts.sampler, stepsText(state.truncation) || texts.unsampled],
    [texts.items, count(state.logits.length)],
    [readings.entropy.name, measure(frame.entropy)],
    [readings.perplexity.name, measure(frame.perplexity)],
    [readings.top.name, percent(frame.top, false)],
  ];
}
