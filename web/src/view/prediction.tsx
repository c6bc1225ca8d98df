/** What is drawn by hand before it is shown: bars at one temperature, or the curve of one item. */
import { useComputed } from "@preact/signals";
import type { TargetedPointerEvent } from "preact";
import { useRef } from "preact/hooks";
import type { Predict } from "../model/activity";
import { type Attempt, CURVE_TEMPERATURES, drawnOf, type Trial } from "../model/attempt";
import { brief, count, percent, spoken } from "../text/format";
import { activityStrings, strings } from "../text/strings";
import type { Part } from "./part";

const { prediction: texts } = activityStrings;

/** What a key adds. */
const STEP = 0.01;
const LARGE = 0.1;

interface PredictionProps extends Part {
  readonly attempt: Attempt;
  readonly trial: Trial;
  readonly task: Predict;
}

export function Prediction(props: PredictionProps) {
  const { attempt, instrument, task, trial } = props;
  // Other items are another truth.
  instrument.items.value;
  const truth = attempt.truthOf(task);
  if (truth === null) return <p class="note">{attempt.impossible(task)}</p>;
  const drawn = drawnOf(task, trial.drawn.value, truth.length);
  const isSettled = attempt.isSettled(trial);
  const isTold = isSettled && attempt.tells.value;
  function set(at: number, value: number): void {
    if (isSettled) return;
    const kept = Math.max(0, Math.min(1, Math.round(value * 1000) / 1000));
    trial.drawn.value = drawn.map((one, k) => (k === at ? kept : one));
    trial.error.value = "";
  }
  const shared = { ...props, drawn, truth: isTold ? truth : null, isOff: isSettled, set };
  return task.of === "bars" ? <Bars {...shared} /> : <Curve {...shared} />;
}

interface DrawingProps extends PredictionProps {
  readonly drawn: readonly number[];
  /** Null until it is told. */
  readonly truth: readonly number[] | null;
  readonly isOff: boolean;
  set(at: number, value: number): void;
}

/** What a key makes of a value; undefined for any other key. */
function moved({ key, shiftKey, altKey, ctrlKey, metaKey }: KeyboardEvent, value: number) {
  if (altKey || ctrlKey || metaKey) return undefined;
  const step = shiftKey ? LARGE : STEP;
  const values: Readonly<Record<string, number>> = {
    ArrowLeft: value - step,
    ArrowDown: value - step,
    ArrowRight: value + step,
    ArrowUp: value + step,
    PageDown: value - LARGE,
    PageUp: value + LARGE,
    Home: 0,
    End: 1,
  };
  return values[key];
}

interface SliderProps {
  readonly name: string;
  readonly value: number;
  readonly truth: number | undefined;
  readonly isOff: boolean;
  readonly isVertical?: boolean;
  set(value: number): void;
}

/** The attributes and the keys of a slider from 0 to 100 %. */
function slider({ name, value, truth, isOff, isVertical = false, set }: SliderProps) {
  const shown = percent(value);
  return {
    role: "slider" as const,
    tabIndex: 0,
    "aria-label": name,
    "aria-orientation": isVertical ? ("vertical" as const) : ("horizontal" as const),
    "aria-valuemin": 0,
    "aria-valuemax": 100,
    "aria-valuenow": Math.round(1000 * value) / 10,
    "aria-valuetext":
      truth === undefined ? shown : [shown, texts.truth(percent(truth))].join(strings.joins.list),
    "aria-disabled": isOff ? ("true" as const) : ("false" as const),
    onKeyDown(event: KeyboardEvent) {
      const next = moved(event, value);
      if (next === undefined) return;
      event.preventDefault();
      event.stopPropagation();
      set(next);
    },
  };
}

/** Bars like those of the softmax, which are dragged to what is expected. */
function Bars({ instrument, task, drawn, truth, isOff, set }: DrawingProps) {
  const sum = drawn.reduce((total, bar) => total + bar, 0);
  /** The value under the pointer, while it is down. */
  function drag(event: TargetedPointerEvent<HTMLElement>, at: number): void {
    const { currentTarget: track, pointerId } = event;
    if (event.type === "pointerdown") track.setPointerCapture(pointerId);
    else if (!track.hasPointerCapture(pointerId)) return;
    const { left, right, width } = track.getBoundingClientRect();
    const isFlipped = getComputedStyle(track).direction === "rtl";
    set(at, (isFlipped ? right - event.clientX : event.clientX - left) / width);
  }
  return (
    <section class="prediction" aria-label={texts.bars(brief(task.at))}>
      <p class="caption">{texts.bars(brief(task.at))}</p>
      {drawn.map((bar, at) => {
        const label = instrument.label(at);
        return (
          <div class="drawn-row" key={at}>
            <span class="name">
              <bdi>{spoken(label)}</bdi>
            </span>
            <div
              class="track"
              {...slider({
                name: texts.bar(spoken(label)),
                value: bar,
                truth: truth?.[at],
                isOff,
                set: (value) => set(at, value),
              })}
              onPointerDown={(event) => drag(event, at)}
              onPointerMove={(event) => drag(event, at)}
            >
              <i class="ghost" style={{ width: `${100 * bar}%` }} />
              {truth !== null && <i class="truth" style={{ width: `${100 * truth[at]!}%` }} />}
            </div>
            <span class="value">{percent(bar)}</span>
            {truth !== null && <span class="value">{texts.truth(percent(truth[at]!))}</span>}
          </div>
        );
      })}
      <p class="note" aria-live="polite">
        {Math.abs(sum - 1) < 0.005 ? "" : texts.sum(`${count(Math.round(100 * sum))} %`)}
      </p>
      {truth !== null && <p class="note">{texts.legend}</p>}
    </section>
  );
}

/** Where each temperature of a curve stands, from 0 to 1. */
const PLACES = CURVE_TEMPERATURES.map((temperature) => {
  const [first, last] = [CURVE_TEMPERATURES[0], CURVE_TEMPERATURES.at(-1)!].map(Math.log);
  return (Math.log(temperature) - first!) / (last! - first!);
});

/** Points of the curve of one item over the temperature, which are dragged up and down. */
function Curve({ instrument, task, drawn, truth, isOff, set }: DrawingProps) {
  const plot = useRef<HTMLDivElement>(null);
  const label = useComputed(() => instrument.label(task.item)).value;
  function drag(event: TargetedPointerEvent<HTMLElement>, at: number): void {
    const { currentTarget: point, pointerId } = event;
    if (event.type === "pointerdown") point.setPointerCapture(pointerId);
    else if (!point.hasPointerCapture(pointerId)) return;
    const { bottom, height } = plot.current!.getBoundingClientRect();
    set(at, (bottom - event.clientY) / height);
  }
  const path = (values: readonly number[]) =>
    values.map((value, at) => `${100 * PLACES[at]!},${100 * (1 - value)}`).join(" ");
  return (
    <section class="prediction" aria-label={texts.curve(spoken(label))}>
      <p class="caption">{texts.curve(spoken(label))}</p>
      <div class="curve-plot" ref={plot}>
        <svg viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true">
          <polyline class="ghost" points={path(drawn)} />
          {truth !== null && <polyline class="truth" points={path(truth)} />}
        </svg>
        <span class="whole" aria-hidden="true">
          {percent(1)}
        </span>
        {drawn.map((value, at) => (
          <div
            key={at}
            class="point"
            style={{ left: `${100 * PLACES[at]!}%`, top: `${100 * (1 - value)}%` }}
            {...slider({
              name: texts.point(brief(CURVE_TEMPERATURES[at]!)),
              value,
              truth: truth?.[at],
              isOff,
              isVertical: true,
              set: (next) => set(at, next),
            })}
            onPointerDown={(event) => drag(event, at)}
            onPointerMove={(event) => drag(event, at)}
          />
        ))}
      </div>
      <div class="curve-scale" aria-hidden="true">
        {CURVE_TEMPERATURES.map((temperature, at) => (
          <span key={temperature} style={{ left: `${100 * PLACES[at]!}%` }}>
            {brief(temperature)}
          </span>
        ))}
      </div>
      {truth !== null && <p class="note">{texts.legendOfCurve}</p>}
    </section>
  );
}
