/** The scales on which a temperature is chosen and drawn. A stop is a place on one, as its slider counts. */

export interface Scale {
  readonly min: number;
  readonly max: number;
  readonly step: number;
  /** The stops that are marked. */
  readonly marks: readonly number[];
  /** The first and the last stop between which the temperature is `exact`. */
  readonly inner: readonly [number, number];
  /** The temperature at any stop within. */
  exact(stop: number): number;
  /** The temperature that the slider sets at one of its stops. */
  temperatureAt(stop: number): number;
  /** The stop of a temperature, or the end that it lies beyond. */
  stopOf(temperature: number): number;
}

/** The last stops of the full range are log10 T = −4 and 4; one more at each end is 0 and ∞. */
const STEP = 0.1;
const LAST = 4;
const END = LAST + STEP;

export const SCALES = {
  full: {
    min: -END,
    max: END,
    step: STEP,
    marks: [-4, -2, 0, 2, 4],
    inner: [-LAST, LAST],
    exact: (stop) => 10 ** stop,
    temperatureAt(stop) {
      if (stop < -LAST - STEP / 2) return 0;
      if (stop > LAST + STEP / 2) return Infinity;
      // Rounded to four digits, so that the temperature in use is the one that is shown.
      return Number(this.exact(stop).toPrecision(4));
    },
    stopOf(temperature) {
      if (temperature === 0) return -END;
      if (temperature === Infinity) return END;
      return Math.max(-LAST, Math.min(LAST, Math.log10(temperature)));
    },
  },
  "0-2": {
    min: 0,
    max: 2,
    step: 0.01,
    marks: [0, 0.5, 1, 1.5, 2],
    inner: [0, 2],
    exact: (stop) => stop,
    temperatureAt: (stop) => Number(stop.toFixed(2)),
    stopOf: (temperature) => Math.min(2, temperature),
  },
} satisfies Readonly<Record<string, Scale>>;

export type ScaleName = keyof typeof SCALES;

/** The part of a scale that lies before a stop, from 0 to 1. */
export function along(scale: Scale, stop: number): number {
  return (stop - scale.min) / (scale.max - scale.min);
}

/** The stop that the slider of a scale takes, as it writes it. */
export function written(scale: Scale, stop: number): string {
  return String(Number(stop.toFixed(Math.round(-Math.log10(scale.step)))));
}
