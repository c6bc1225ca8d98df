import { useComputed } from "@preact/signals";
import { useRef } from "preact/hooks";
import { SCALES } from "../math/scales";
import { largestEntropy } from "../model/curves";
import { brief, count, percent } from "../text/format";
import { rowStrings, strings } from "../text/strings";
import { Cursor } from "./cursor";
import { useDrag } from "./drag";
import { Label } from "./label";
import { Marks } from "./marks";
import type { Part } from "./part";

/** The lines of the leading items, the others and the entropy over all temperatures of the scale. */
export function EveryTemperature({ instrument }: Part) {
  const { curves, nucleus, pointed, scale: name, temperature, truncation } = instrument;
  const { curves: texts } = strings;
  const plot = useRef<HTMLDivElement>(null);
  const scale = SCALES[name.value];
  const { drag, settle } = useDrag((value, settled) =>
    instrument.change({ temperature: value }, settled, "cursor"),
  );

  /** The temperature under the pointer, at a stop of the slider. */
  function under(event: PointerEvent): number {
    const { left, width } = plot.current!.getBoundingClientRect();
    const part = Math.max(0, Math.min(1, (event.clientX - left) / width));
    const stops = Math.round((part * (scale.max - scale.min)) / scale.step);
    return scale.temperatureAt(scale.min + stops * scale.step);
  }

  function moved(event: KeyboardEvent): void {
    const stop = scale.stopOf(temperature.peek());
    const stops: Record<string, number> = {
      ArrowLeft: stop - scale.step,
      ArrowDown: stop - scale.step,
      ArrowRight: stop + scale.step,
      ArrowUp: stop + scale.step,
      PageDown: stop - 10 * scale.step,
      PageUp: stop + 10 * scale.step,
      Home: scale.min,
      End: scale.max,
    };
    const next = stops[event.key];
    if (next === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    settle(scale.temperatureAt(Math.max(scale.min, Math.min(scale.max, next))));
  }

  /** The curves as paths. */
  const paths = useComputed(() => {
    const found = curves.value;
    if (found === null) return null;
    const path = (values: readonly number[]) =>
      values
        .map(
          (value, i) =>
            `${i === 0 ? "M" : "L"}${found.places[i]!.toFixed(4)} ${(1 - value).toFixed(4)}`,
        )
        .join("");
    const { highest } = found;
    /** Between the least and the highest values. */
    const band = (low: readonly number[] | null, high: readonly number[] | null | undefined) =>
      low && high
        ? `${path(low)}${high.map((_, i) => `L${found.places.at(-1 - i)!.toFixed(4)} ${(1 - high.at(-1 - i)!).toFixed(4)}`).join("")}Z`
        : "";
    return {
      leading: found.leading.map(path),
      bands:
        highest === null ? [] : found.leading.map((low, rank) => band(low, highest.leading[rank])),
      others: found.others && path(found.others),
      othersBand: band(found.others, highest?.others),
      entropy: path(found.entropy),
      entropyBand: band(found.entropy, highest?.entropy),
      nucleus: nucleus.value && path(nucleus.value),
    };
  });
  const pointedRank = useComputed(() => instrument.rankAt(pointed.value));
  const drawn = paths.value;
  const { leading, bands } = drawn ?? { leading: [], bands: [] };
  const reported = instrument.reported.value;
  const most = ROWS && reported ? largestEntropy(reported) : Math.log(instrument.count.value);
  const beside = count(instrument.count.value - leading.length);
  const { top_p: nucleusP } = instrument.isPartial.value ? {} : truncation.value;
  const othersText =
    reported === null
      ? texts.others(beside)
      : beside === "0"
        ? rowStrings.reported.notReported
        : rowStrings.reported.others(beside);
  return (
    <figure class="every" aria-label={texts.name}>
      <figcaption>
        <strong>{texts.name}</strong>
      </figcaption>
      <div
        class="plot"
        ref={plot}
        onPointerDown={(event) => {
          if (event.button !== 0) return;
          event.currentTarget.setPointerCapture(event.pointerId);
          // A touch may be a swipe that scrolls the page: it counts once it moves along the plot, or as a tap.
          if (event.pointerType !== "touch") drag(under(event));
        }}
        onPointerMove={(event) => {
          if (event.currentTarget.hasPointerCapture(event.pointerId)) drag(under(event));
        }}
        onPointerUp={(event) => settle(under(event))}
        onPointerCancel={() => settle(temperature.peek())}
      >
        <svg viewBox="0 0 1 1" preserveAspectRatio="none" aria-hidden="true">
          <path class="grid" d="M0 0H1M0 .5H1M0 1H1" />
          {bands.map((path, rank) => (
            <path key={rank} class={`band line${rank}`} d={path} />
          ))}
          {drawn !== null && (
            <>
              <path class="band others" d={drawn.othersBand} />
              <path class="band entropy" d={drawn.entropyBand} />
              <path class="entropy" d={drawn.entropy} />
              {drawn.nucleus !== null && <path class="nucleus" d={drawn.nucleus} />}
              {drawn.others !== null && <path class="others" d={drawn.others} />}
            </>
          )}
          {leading.map((path, rank) => (
            <path
              key={rank}
              class={pointedRank.value === rank ? `line line${rank} pointed` : `line line${rank}`}
              d={path}
            />
          ))}
        </svg>
        <span class="whole" aria-hidden="true">
          {percent(1)}
        </span>
        <Cursor instrument={instrument}>
          <span
            role="slider"
            tabIndex={0}
            aria-label={texts.cursor}
            aria-valuemin={scale.min}
            aria-valuemax={scale.max}
            aria-valuenow={instrument.stop}
            aria-valuetext={useComputed(() => strings.temperature.is(brief(temperature.value)))}
            aria-disabled={instrument.locked.value.temperature}
            onKeyDown={moved}
          />
        </Cursor>
      </div>
      <Marks scale={scale} />
      <ul class="legend">
        {leading.map((_, rank) => (
          <Named key={rank} instrument={instrument} rank={rank} />
        ))}
        {drawn !== null && drawn.others !== null && <li class="others">{othersText}</li>}
        {nucleusP !== undefined && (
          <li class="nucleus">{texts.nucleus(brief(nucleusP), count(instrument.count.value))}</li>
        )}
        <li class="entropy">{texts.entropy(brief(most))}</li>
      </ul>
    </figure>
  );
}

function Named({ instrument, rank }: Part & { readonly rank: number }) {
  const label = useComputed(() => {
    const item = instrument.distribution.value.order[rank];
    return item === undefined ? "" : instrument.label(item);
  });
  return (
    <li class={`line${rank}`}>
      <Label text={label} />
    </li>
  );
}
