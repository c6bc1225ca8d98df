import { computed, effect, type ReadonlySignal, signal } from "@preact/signals";
import type { Distribution } from "../math/definition";
import { ordered, type Settings, stepsOf } from "../math/engines";
import type { Reported } from "../math/reported";
import { along, SCALES, type Scale, type ScaleName } from "../math/scales";
import type { Truncation } from "../math/truncation";
import { REST_MS, whenIdle } from "./idle";

/** How many of the leading items have a line of their own. */
const LEADING = 8;
/** Points of a line. */
const POINTS = 160;
/** How long the work may keep the page from anything else. */
const SLICE_MS = 4;

/** What softmax is at every temperature of a scale. */
export interface Curves {
  /** Where each point lies along the scale, from 0 to 1. */
  readonly places: readonly number[];
  /** The probabilities of the leading items, the highest first, at each place. */
  readonly leading: readonly (readonly number[])[];
  /** The probability of all other items, or null if there are none. */
  readonly others: readonly number[] | null;
  /** The entropy as a part of the highest possible, log n. */
  readonly entropy: readonly number[];
  /** Where only intervals are known, the numbers above are the least, and these the highest. */
  readonly highest: Omit<Curves, "places" | "highest"> | null;
}

interface Point {
  readonly place: number;
  readonly temperature: number;
}

/** The points of a scale, its ends among them. */
function points(scale: Scale): Point[] {
  const [first, last] = scale.inner;
  const inner = Array.from({ length: POINTS + 1 }, (_, i) => {
    const stop = first + ((last - first) * i) / POINTS;
    return { place: along(scale, stop), temperature: scale.exact(stop) };
  });
  const end = (stop: number) => ({
    place: along(scale, stop),
    temperature: scale.temperatureAt(stop),
  });
  return [
    ...(scale.min < first ? [end(scale.min)] : []),
    ...inner,
    ...(scale.max > last ? [end(scale.max)] : []),
  ];
}

/**
 * What `at` gives for each point of a scale, computed in slices while the page is idle: null until all
 * are there, if `at` is null, or if it gives NaN, as where there is no softmax. A drag is followed; what
 * changes again and again without one, as while tokens are played, is computed once it rests.
 *
 * @param start - gives `at`; it is called again where a signal that it reads has changed
 */
function sliced<Value>(
  scale: ReadonlySignal<ScaleName>,
  isDragged: ReadonlySignal<boolean>,
  start: () => ((temperature: number) => Value | null) | null,
): ReadonlySignal<readonly Value[] | null> {
  const values = signal<readonly Value[] | null>(null);
  let changed = -Infinity;
  effect(() => {
    const wanted = points(SCALES[scale.value]);
    const at = start();
    const found: Value[] = [];
    let cancel = () => {};

    function work(): void {
      const end = performance.now() + SLICE_MS;
      while (found.length < wanted.length) {
        const value = at?.(wanted[found.length]!.temperature) ?? null;
        if (value === null) return;
        found.push(value);
        if (performance.now() > end && found.length < wanted.length) {
          cancel = whenIdle(work);
          return;
        }
      }
      values.value = found;
    }
    values.value = null;
    if (ROWS && !isDragged.peek() && performance.now() < changed + REST_MS) {
      const timer = setTimeout(work, REST_MS);
      cancel = () => clearTimeout(timer);
    } else work();
    if (ROWS) changed = performance.now();
    return () => cancel();
  });
  return values;
}

/** Up to this many items the lines follow a logit that is dragged. */
const FOLLOWED = 50;

/**
 * The curves of a distribution, computed once for its logits.
 *
 * @param reported - what is known of it, if it is only a part of one
 * @param isDragged - whether a logit is dragged: then there are none of many items
 */
export function curvesOf(
  distribution: ReadonlySignal<Distribution>,
  reported: ReadonlySignal<Reported | null>,
  scale: ReadonlySignal<ScaleName>,
  isDragged: ReadonlySignal<boolean>,
): ReadonlySignal<Curves | null> {
  const found = sliced<Interval>(scale, isDragged, () => {
    const { value: source } = distribution;
    if (isDragged.value && source.logits.length > FOLLOWED) return null;
    const { logits, order } = source;
    const shown = Array.from(order.subarray(0, LEADING), (item) => logits[item]!);
    const { value: part } = reported;
    if (ROWS && part !== null) return boundsOf(part, shown);
    const largest = Math.log(logits.length) || 1;
    return (temperature) => {
      const { top, probability, outside, entropy } = source.at(temperature, 0, shown.length);
      // There is no softmax of a NaN, nor of nothing above -inf.
      if (Number.isNaN(top)) return null;
      const others = shown.length < logits.length ? outside : null;
      return {
        low: { leading: shown.map(probability), others, entropy: entropy / largest },
        high: null,
      };
    };
  });
  return computed(() => {
    const { value: frames } = found;
    if (frames === null) return null;
    return {
      places: points(SCALES[scale.peek()]).map(({ place }) => place),
      ...linesOf(frames.map(({ low }) => low)),
      highest: frames[0]!.high === null ? null : linesOf(frames.map(({ high }) => high!)),
    };
  });
}

/** What the lines have at one temperature. */
interface Values {
  readonly leading: readonly number[];
  readonly others: number | null;
  readonly entropy: number;
}

/** Their least and their highest values; null where the first are exact. */
interface Interval {
  readonly low: Values;
  readonly high: Values | null;
}

function linesOf(values: readonly Values[]): Omit<Curves, "places" | "highest"> {
  const hasOthers = values[0]!.others !== null;
  return {
    leading: values[0]!.leading.map((_, rank) => values.map(({ leading }) => leading[rank]!)),
    others: hasOthers ? values.map(({ others }) => others!) : null,
    entropy: values.map(({ entropy }) => entropy),
  };
}

/** The intervals of a distribution of which a part is known. */
function boundsOf(reported: Reported, shown: readonly number[]) {
  const largest = largestEntropy(reported);
  return (temperature: number): Interval => {
    const bounds = reported.at(temperature);
    const weights = shown.map((logit) => bounds.weight(logit));
    const all = weights.reduce((sum, weight) => sum + weight, 0);
    return {
      low: {
        leading: weights.map((weight) => bounds.low(weight)),
        others: 1 - bounds.high(all),
        entropy: bounds.entropyLow / largest,
      },
      high: {
        leading: weights.map((weight) => bounds.high(weight)),
        others: 1 - bounds.low(all),
        entropy: Math.min(1, bounds.entropyHigh / largest),
      },
    };
  };
}

/** The entropy that the axis ends at: the highest there is or, without a vocabulary, that is known to be reached. */
export function largestEntropy(reported: Reported): number {
  const { entropyLow, entropyHigh } = reported.at(Infinity);
  return (entropyHigh < Infinity ? entropyHigh : entropyLow) || 1;
}

/**
 * How many items the step top_p alone keeps at each temperature, in the order and by the rules of the
 * sampler: k of n items as log k / log n. Null without that step, and while it is computed.
 */
export function nucleusOf(
  truncation: ReadonlySignal<Truncation>,
  settings: ReadonlySignal<Settings>,
  scale: ReadonlySignal<ScaleName>,
  isDragged: ReadonlySignal<boolean>,
): ReadonlySignal<readonly number[] | null> {
  // As text: a change of another step changes nothing.
  const alone = computed(() => {
    const { engine, top_p } = settings.value;
    if (top_p === undefined) return null;
    const order = stepsOf(settings.value).filter((step) => ["temperature", "top_p"].includes(step));
    return JSON.stringify(ordered({ top_p, ...(engine !== undefined && { engine }) }, order));
  });
  return sliced(scale, isDragged, () => {
    if (alone.value === null) return null;
    const step: Settings = JSON.parse(alone.value);
    const { value: source } = truncation;
    return (temperature) => {
      const { count, mass, distribution } = source.at(temperature, step);
      const largest = Math.log(distribution.logits.length) || 1;
      return Number.isNaN(mass) ? null : Math.log(count) / largest;
    };
  });
}
