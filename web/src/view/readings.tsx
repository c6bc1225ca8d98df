import { effect, useComputed, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { Instrument } from "../model/instrument";
import { brief, count, digits, measure, ordinal, percent, spoken } from "../text/format";
import type { Part } from "./part";

export function Readings({ instrument }: Part) {
  const { frame } = instrument;
  return (
    <dl class="readings">
      <div>
        <dt>Entropy</dt>
        <dd>{useComputed(() => `${measure(frame.value.entropy)} nats`)}</dd>
        <dd>{useComputed(() => `${measure(frame.value.entropy / Math.LN2)} bits`)}</dd>
      </div>
      <div>
        <dt>Effective choices of {count(instrument.count.value)}</dt>
        <dd>{useComputed(() => measure(frame.value.perplexity))}</dd>
      </div>
      <div>
        <dt>Top probability</dt>
        <dd>{instrument.topText}</dd>
      </div>
      <div>
        <dt>Sum</dt>
        <dd>{useComputed(() => digits(frame.value.sum))}</dd>
      </div>
    </dl>
  );
}

/** A screen reader reads each change of the status: one for a drag, when it pauses. */
const PAUSE_MS = 300;

export function Status({ instrument }: Part) {
  const text = useSignal("");
  const told = useRef<unknown>(null);
  useEffect(
    () =>
      effect(() => {
        instrument.frame.value;
        const tell = () => (text.value = `${describe(instrument)}${verdict(instrument)}`);
        // Other logits come one at a time, and are looked at as they come.
        if (told.current !== instrument.items.value) {
          told.current = instrument.items.value;
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

/** What the model makes of the true class. */
function verdict(instrument: Instrument): string {
  const { logits, target } = instrument.items.peek();
  const { top, probability } = instrument.frame.peek();
  if (target === null || Number.isNaN(top)) return "";
  const place = instrument.distribution.peek().order.indexOf(target) + 1;
  const share = instrument.shareText(logits[target]!, probability(logits[target]!));
  const name = `“${spoken(instrument.label(target))}”`;
  return ` Target: ${name}, ${ordinal(place)}, ${share}: ${place === 1 ? "right" : "wrong"}.`;
}

/** In words, what is seen. */
function describe(instrument: Instrument): string {
  const { distribution, frame, count: size, temperature, topText } = instrument;
  const { order, ties, logits } = distribution.peek();
  const { top, perplexity } = frame.peek();
  const leader = `“${spoken(instrument.label(order[0]!))}”`;
  const highest = logits[order[0]!]!;
  const t = `T = ${brief(temperature.peek())}`;

  if (Number.isNaN(top)) {
    return highest === -Infinity
      ? "Every logit is −∞: there is no softmax of them."
      : "A logit is NaN, and so is every probability.";
  }
  if (highest === Infinity || temperature.peek() === 0) {
    const why = highest === Infinity ? `${t}, with +∞ among the logits` : t;
    return ties === 1
      ? `${why}: the highest item, ${leader}, has all of the weight.`
      : `${why}: the ${count(ties)} tied highest items share equally, ${percent(top)} each.`;
  }
  if (temperature.peek() === Infinity) {
    const open = Math.round(1 / top);
    const who =
      open === size.peek() ? `all ${count(open)} items` : `the ${count(open)} items above −∞`;
    return `${t}: uniform, ${who} share equally, ${percent(top)} each.`;
  }
  const side =
    temperature.peek() === 1
      ? "plain softmax"
      : `${temperature.peek() < 1 ? "sharper" : "flatter"} than plain softmax`;
  const lead = ties === 1 ? `${leader} leads with` : `${count(ties)} tied items lead, each with`;
  const share = topText.peek().replace("> ", "more than ");
  const uncertainty =
    perplexity < 1.01 ? "next to certain" : `as uncertain as ${brief(perplexity)} equal choices`;
  return `${t}: ${side}. ${lead} ${share}; ${uncertainty}.`;
}
