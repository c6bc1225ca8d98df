import { effect, type ReadonlySignal, signal } from "@preact/signals";
import type { Distribution } from "../math/definition";
import { along, SCALES, type ScaleName } from "../math/scales";

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

/** The temperatures of a scale's points, its ends among them, and where they lie along it. */
function points(name: ScaleName): { readonly place: number; readonly temperature: number }[] {
  const scale = SCALES[name];
  // The points of the full range are log-spaced up to its last stops; its ends are 0 and infinity.
  const [first, last] = name === "full" ? [-4, 4] : [scale.min, scale.max];
  const inner = Array.from({ length: POINTS + 1 }, (_, i) => {
    const stop = first + ((last - first) * i) / POINTS;
    return { place: along(scale, stop), temperature: name === "full" ? 10 ** stop : stop };
  });
  if (name !== "full") return inner;
  return [
    { place: 0, temperature: 0 },
    ...inner,
    { place: 1, temperature: Number.POSITIVE_INFINITY },
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
    const wanted = points(scale.value);
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
    // There is no softmax of a NaN, nor of nothing above -inf.
    if (!Number.isNaN(source.at(1).top)) work();
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
