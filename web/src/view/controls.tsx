import { useComputed } from "@preact/signals";
import { SCALES, type ScaleName, written } from "../math/scales";
import { GIVEN } from "../model/state";
import { brief, count, parseTemperature, temperatureShort, temperatureText } from "../text/format";
import { strings } from "../text/strings";
import { useDrag } from "./drag";
import { FieldError, NumberField, toTemperature, useDraft } from "./field";
import { Marks } from "./marks";
import type { Part } from "./part";
import { FitMark } from "./reliability";
import { Sentence } from "./sentence";

const COUNTS = [2, 3, 4, 5, 6, 7, 8, 9, 10, 20, 50, 100, 1000, 50_257, 262_144];

export function ItemControls({ instrument }: Part) {
  const { given, items } = instrument;
  const size = instrument.count.value;
  const locked = instrument.locked.value.items || instrument.locked.value.logits;
  // Each is the same in every frame of a drag.
  const isGiven = useComputed(() => items.value === given.value).value;
  const named = useComputed(() => {
    if (given.value === null) return null;
    const { logits, source } = given.value;
    return strings.items.given(count(logits.length), source === GIVEN ? null : source);
  }).value;
  const counts = [...new Set([...COUNTS, ...(isGiven ? [] : [size])])].sort((a, b) => a - b);

  function choose(event: { currentTarget: HTMLSelectElement }): void {
    const { value } = event.currentTarget;
    if (value === "given") instrument.change(given.peek()!);
    else instrument.draw(Number(value));
  }

  return (
    <div class="items">
      <label class="field">
        {strings.items.total}
        <select value={isGiven ? "given" : String(size)} disabled={locked} onChange={choose}>
          {named !== null && <option value="given">{named}</option>}
          {counts.map((n) => (
            <option key={n} value={String(n)}>
              {count(n)}
            </option>
          ))}
        </select>
      </label>
      <button type="button" disabled={locked} onClick={() => instrument.draw(size)}>
        {strings.items.drawNew}
      </button>
    </div>
  );
}

/** Undo and redo. */
export function HistoryControls({ instrument }: Part) {
  const { history } = instrument;
  const { history: texts } = strings;
  return (
    <div class="history" role="group" aria-label={texts.name}>
      <button
        type="button"
        aria-label={texts.undo}
        title={texts.undo}
        // Not `disabled`: in Firefox, a button that becomes so keeps the focus and swallows all keys.
        aria-disabled={useComputed(() => (history.canUndo.value ? "false" : "true"))}
        onClick={() => instrument.undo()}
      >
        ↶
      </button>
      <button
        type="button"
        aria-label={texts.redo}
        title={texts.redo}
        aria-disabled={useComputed(() => (history.canRedo.value ? "false" : "true"))}
        onClick={() => instrument.redo()}
      >
        ↷
      </button>
    </div>
  );
}

export function TemperatureControls({ instrument }: Part) {
  const { temperature } = instrument;
  const draft = useDraft(instrument);

  function set(value: number, settled = true, kind = ""): void {
    draft.value = null;
    instrument.change({ temperature: value }, settled, kind);
  }

  const { drag, settle } = useDrag((value, settled) => set(value, settled, "slider"));
  const { is, sharp, flat, scale: scaleName, scales } = strings.temperature;
  const [atZero, atInfinity] = [is("0"), is("∞")];
  const scale = SCALES[instrument.scale.value];
  const locked = instrument.locked.value.temperature;
  return (
    <div class="temperature">
      <div class="subject">
        <label class="now">
          <math aria-hidden="true">
            <mi>T</mi>
            <mo>=</mo>
          </math>
          <span>
            <NumberField
              instrument={instrument}
              name={strings.temperature.value}
              draft={draft}
              shown={useComputed(() => temperatureShort(temperature.value))}
              full={useComputed(() => temperatureText(temperature.value))}
              changeOf={(text) => toTemperature(parseTemperature(text))}
            />
          </span>
        </label>
        {instrument.shows.value.sentence && <Sentence instrument={instrument} />}
      </div>
      <FieldError draft={draft} />
      <div class="dial">
        <button
          type="button"
          aria-label={atZero}
          title={atZero}
          disabled={locked}
          onClick={() => set(0)}
        >
          0
        </button>
        <span class="sharp">{sharp}</span>
        {/* Another scale is another slider: its limits change before its value does. */}
        <div class="scale" key={instrument.scale.value}>
          <input
            type="range"
            aria-label={strings.temperature.name}
            min={scale.min}
            max={scale.max}
            step={scale.step}
            value={useComputed(() =>
              written(SCALES[instrument.scale.value], instrument.stop.value),
            )}
            aria-valuetext={useComputed(() => is(brief(temperature.value)))}
            disabled={locked}
            onInput={(event) => drag(scale.temperatureAt(event.currentTarget.valueAsNumber))}
            onChange={(event) => settle(scale.temperatureAt(event.currentTarget.valueAsNumber))}
          />
          <Marks scale={scale} />
          {RELIABILITY && instrument.reliability !== null && (
            <FitMark scale={scale} reliability={instrument.reliability} />
          )}
        </div>
        <span class="flat">{flat}</span>
        <button
          type="button"
          aria-label={atInfinity}
          title={atInfinity}
          disabled={locked}
          onClick={() => set(Infinity)}
        >
          ∞
        </button>
        <div class="typed">
          <button type="button" disabled={locked} onClick={() => set(1)}>
            {is("1")}
          </button>
          <select
            aria-label={scaleName}
            value={instrument.scale.value}
            onChange={(event) =>
              instrument.change({ scale: event.currentTarget.value as ScaleName })
            }
          >
            {(Object.keys(SCALES) as ScaleName[]).map((name) => (
              <option key={name} value={name}>
                {scales[name]}
              </option>
            ))}
          </select>
        </div>
      </div>
    </div>
  );
}
