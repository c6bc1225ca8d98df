import { effect, type ReadonlySignal, untracked, useComputed, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { Instrument } from "../model/instrument";
import { brief, count, measureRange, percent, percentOf, spoken, twoDigits } from "../text/format";
import { strings } from "../text/strings";
import type { Part } from "./part";
import { keptText } from "./sampler";

/** A screen reader reads each change of the status: it changes once a gesture has ended and rested. */
const PAUSE_MS = 300;

/** What the figures show: for the eye in every frame, for a screen reader when a gesture ends. */
export function Sentence({ instrument }: Part) {
  const sentence = useComputed(() => unbroken(describe(instrument) + verdict(instrument)));
  const announced = useSignal("");
  const held = useHeld();
  const described = useRef<unknown>(null);
  const pending = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(
    () =>
      effect(() => {
        const temperature = brief(instrument.temperature.value);
        const { value: text } = sentence;
        const items = instrument.items.value;
        // What is kept may change, also where the sentence does not.
        instrument.truncation.value;
        // While tokens are played, each would be read.
        const plays = WRITING && (instrument.writing?.left.value ?? 0) > 0;
        if (held.value || plays) return;
        const tell = () => {
          described.current = items;
          const kept = untracked(() => keptText(instrument));
          announced.value = strings.status.announced(temperature, text, kept);
        };
        // New logits come one at a time, so their status is told at once.
        if (described.current !== items) return void tell();
        pending.current = setTimeout(tell, PAUSE_MS);
        return () => clearTimeout(pending.current);
      }),
    [instrument, sentence, announced, held],
  );
  useEffect(
    () =>
      effect(() => {
        const { text } = instrument.told.value;
        if (text === "") return;
        // It says what the gesture has done, and a gesture is announced once.
        clearTimeout(pending.current);
        announced.value = text;
      }),
    [instrument, announced],
  );
  return (
    <>
      <p
        class={useComputed(() => {
          const { target, tail } = instrument.items.value;
          return `sentence${target === null && tail === null ? "" : " long"}`;
        })}
        aria-hidden="true"
      >
        <span class="shown">{sentence}</span>
      </p>
      <p class="unseen" role="status">
        {announced}
      </p>
    </>
  );
}

/** Whether a pointer is down anywhere: a drag may pause, and is one gesture. */
function useHeld(): ReadonlySignal<boolean> {
  const held = useSignal(false);
  useEffect(() => {
    const listening = new AbortController();
    const options = { capture: true, signal: listening.signal };
    addEventListener("pointerdown", () => (held.value = true), options);
    // A menu of the system keeps the pointer's end for itself.
    for (const end of ["pointerup", "pointercancel", "change", "keydown"]) {
      addEventListener(end, () => (held.value = false), options);
    }
    return () => listening.abort();
  }, [held]);
  return held;
}

function unbroken(text: string): string {
  return text.replaceAll(" %", "\u00a0%");
}

/** Whether the model is right; empty if the true class is not known. */
function verdict(instrument: Instrument): string {
  const { logits, target } = instrument.items.value;
  const { top, probability } = instrument.frame.value;
  if (target === null || Number.isNaN(top)) return "";
  const rank = instrument.targetRank.value;
  const { value: bounds } = instrument.bounds;
  return strings.status.target(
    spoken(instrument.label(target)),
    count(rank),
    bounds !== null
      ? percentOf(bounds, bounds.weight(logits[target]!))
      : instrument.percent(logits[target]!, probability(logits[target]!)),
    rank === 1,
  );
}

function describe(instrument: Instrument): string {
  const { status: texts } = strings;
  const { order, ties, logits } = instrument.distribution.value;
  const { temperature, top, perplexity } = instrument.frame.value;
  const label = spoken(instrument.label(order[0]!));
  const highest = logits[order[0]!]!;
  const { value: bounds } = instrument.bounds;

  if (Number.isNaN(top)) return highest === -Infinity ? texts.allMinusInfinity : texts.nan;
  const isWhole = bounds === null;
  if (isWhole && (highest === Infinity || temperature === 0)) {
    const infinite = highest === Infinity;
    return ties === 1
      ? texts.highest(infinite, label)
      : texts.tied(infinite, count(ties), percent(top));
  }
  if (isWhole && temperature === Infinity) {
    const open = Math.round(1 / top);
    if (open === 1) return texts.highest(false, label);
    return texts.uniform(count(open), open === instrument.count.value, percent(top));
  }
  if (ROWS && instrument.reported.value?.isOpen) {
    return texts.alone(label, instrument.topText.value, instrument.tailText.value);
  }
  const text = texts.leads({
    side: temperature === 1 ? "plain" : temperature < 1 ? "sharper" : "flatter",
    label,
    ties: ties === 1 ? null : count(ties),
    probability: instrument.topText.value,
    choices: isWhole
      ? perplexity < 1.01
        ? null
        : choices(perplexity)
      : measureRange(Math.exp(bounds.entropyLow), Math.exp(bounds.entropyHigh)),
  });
  return isWhole ? text : text + texts.unreported(instrument.tailText.value);
}

/** The number of effective choices, with few digits: it stands in a sentence. */
function choices(perplexity: number): string {
  return perplexity < 10 ? twoDigits(perplexity) : count(Math.round(perplexity));
}
