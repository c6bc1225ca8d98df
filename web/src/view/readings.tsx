import { effect, useComputed, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { Instrument } from "../model/instrument";
import { brief, count, digits, measure, percent, spoken } from "../text/format";
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
      <div>
        <dt>{texts.sum}</dt>
        <dd>{useComputed(() => digits(frame.value.sum))}</dd>
      </div>
    </dl>
  );
}

/** A screen reader reads each change of the status, so a drag changes it only when it pauses. */
const PAUSE_MS = 300;

export function Status({ instrument }: Part) {
  const text = useSignal("");
  const described = useRef<unknown>(null);
  useEffect(
    () =>
      effect(() => {
        instrument.frame.value;
        const tell = () =>
          (text.value = `${describe(instrument)} ${verdict(instrument)}`.trimEnd());
        // New logits come one at a time, so their status is shown at once.
        if (described.current !== instrument.items.value) {
          described.current = instrument.items.value;
          return void tell();
        }
        const timer = setTimeout(tell, PAUSE_MS);
        return () => clearTimeout(timer);
      }),
    [instrument],
  );
  const unbroken = useComputed(() => text.value.replaceAll(" %", "\u00a0%"));
  return (
    <p class="status" role="status">
      {unbroken}
    </p>
  );
}

/** Whether the model is right; empty if the true class is not known. */
function verdict(instrument: Instrument): string {
  const { logits, target } = instrument.items.peek();
  const { top, probability } = instrument.frame.peek();
  if (target === null || Number.isNaN(top)) return "";
  const rank = instrument.distribution.peek().order.indexOf(target) + 1;
  return strings.status.target(
    spoken(instrument.label(target)),
    count(rank),
    instrument.percent(logits[target]!, probability(logits[target]!)),
    rank === 1,
  );
}

/** What the figures show. */
function describe(instrument: Instrument): string {
  const { status: texts } = strings;
  const { order, ties, logits } = instrument.distribution.peek();
  const { top, perplexity } = instrument.frame.peek();
  const label = spoken(instrument.label(order[0]!));
  const highest = logits[order[0]!]!;
  const t = instrument.temperature.peek();

  if (Number.isNaN(top)) return highest === -Infinity ? texts.allMinusInfinity : texts.nan;
  if (highest === Infinity || t === 0) {
    const infinite = highest === Infinity;
    return ties === 1
      ? texts.highest(brief(t), infinite, label)
      : texts.tied(brief(t), infinite, count(ties), percent(top));
  }
  if (t === Infinity) {
    const open = Math.round(1 / top);
    if (open === 1) return texts.highest(brief(t), false, label);
    return texts.uniform(count(open), open === instrument.count.peek(), percent(top));
  }
  return texts.leads({
    temperature: brief(t),
    side: t === 1 ? "plain" : t < 1 ? "sharper" : "flatter",
    label,
    ties: ties === 1 ? null : count(ties),
    probability: instrument.topText.peek(),
    choices: perplexity < 1.01 ? null : brief(perplexity),
  });
}
