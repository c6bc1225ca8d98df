import { effect, type ReadonlySignal, signal } from "@preact/signals";
import type { Distribution } from "../math/definition";
import { along, SCALES, type Scale, type ScaleName } from "../math/scales";

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
 * The curves of a distribution, computed once for its logits, in slices while the page is idle: null
 * until all are there, or if there is no softmax.
 */
export function curvesOf(
  distribution: ReadonlySignal<Distribution>,
  scale: ReadonlySignal<ScaleName>,
): ReadonlySignal<Curves | null> {
  const curves = signal<Curves | null>(null);
  effect(() => {
    const source = distribution.value;
    const wanted = points(SCALES[scale.value]);
    const shown = Math.min(LEADING, source.logits.length);
    const leading: number[][] = Array.from({ length: shown }, () => []);
    const others: number[] = [];
    const entropy: number[] = [];
    const largest = Math.log(source.logits.length) || 1;
    let cancel = () => {};

    function work(): void {
      const end = performance.now() + SLICE_MS;
      while (entropy.length < wanted.length) {
        const frame = source.at(wanted[entropy.length]!.temperature, 0, shown);
        // There is no softmax of a NaN, nor of nothing above -inf.
        if (Number.isNaN(frame.top)) return;
        for (const [rank, line] of leading.entries()) {
          line.push(frame.probability(source.logits[source.order[rank]!]!));
        }
        others.push(frame.outside);
        entropy.push(frame.entropy / largest);
        if (performance.now() > end && entropy.length < wanted.length) {
          cancel = whenIdle(work);
          return;
        }
      }
      const places = wanted.map(({ place }) => place);
      const hasOthers = shown < source.logits.length;
      curves.value = { places, leading, others: hasOthers ? others : null, entropy };
    }
    curves.value = null;
    work();
    return () => cancel();
  });
  return curves;
}

/** Calls a function when the page has nothing else to do; returns what cancels that. */
function whenIdle(work: () => void): () => void {
  // Safari has no idle callbacks.
  if (typeof requestIdleCallback !== "function") {
    const timer = setTimeout(work);
    return () => clearTimeout(timer);
  }
  const request = requestIdleCallback(work);
  return () => cancelIdleCallback(request);
}
