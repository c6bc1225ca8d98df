import { type ReadonlySignal, useComputed, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { along, SCALES, type Scale } from "../math/scales";
import type { Bin, Measured, Reliability, Table } from "../model/reliability";
import { brief, count, numberShown, numberText, percent } from "../text/format";
import { say } from "../text/messages";
import { rowStrings } from "../text/strings";
import { Cursor } from "./cursor";
import { Marks } from "./marks";
import type { Part } from "./part";

const { reliability: texts } = rowStrings;
/** The places of two scores among those of a temperature. */
const [NLL, ECE] = [0, 1];

interface OfRows {
  readonly reliability: Reliability;
}

/** How far the probabilities of all rows are right at this temperature, and at every other one. */
export function ReliabilityFigure({ instrument, reliability }: Part & OfRows) {
  const { now, rested, table, progress, error } = reliability;
  useEffect(() => reliability.open(), [reliability]);
  const note = useComputed(() => {
    const { value: temperature } = instrument.temperature;
    const known = now.value?.temperature ?? temperature;
    if (known !== temperature) return texts.at(brief(known));
    if (progress.value !== null) return texts.measuring(percent(progress.value));
    return table.value && texts.rows(count(table.value.written.n));
  });
  const written = (at: ReadonlySignal<Measured | null>, write: (value: number) => string) =>
    useComputed(() => (at.value === null ? "" : scoresOf(at.value, write)));
  return (
    <figure class="every reliability" aria-label={texts.name}>
      <figcaption>
        <strong>{texts.name}</strong>
        <small>{note}</small>
      </figcaption>
      <div>
        <div class="plot diagram">
          <Diagram now={now} />
          <Bins instrument={instrument} reliability={reliability} />
        </div>
        <div class="marks" aria-hidden="true">
          {[0, 0.5, 1].map((at) => (
            <span key={at} style={{ "--at": at }}>
              {brief(at)}
            </span>
          ))}
        </div>
        <ul class="legend">
          <li class="right">{texts.accuracy}</li>
          <li class="sure">{texts.confidence}</li>
          <li class="band">{texts.band}</li>
        </ul>
        <p class="scores" title={written(rested, numberShown)}>
          {written(now, brief)}
        </p>
      </div>
      {table.value !== null && <Curves instrument={instrument} table={table.value} />}
      <p class="error" role="alert">
        {error}
      </p>
    </figure>
  );
}

function scoresOf({ scores }: Measured, write: (value: number) => string): string {
  const [nll, ece, mean, upper] = Array.from(scores, write);
  const known = Number.isNaN(scores[2]) ? "" : texts.ifCalibrated(mean!, upper!);
  return texts.scores(nll!, ece!) + known;
}

/** What a drag changes: a path of all bins for each kind of mark. */
function Diagram({ now }: { readonly now: ReadonlySignal<Measured | null> }) {
  const path = (of: (bin: Bin) => string) =>
    useComputed(() => now.value?.bins.map((bin) => (bin.count > 0 ? of(bin) : "")).join(""));
  const box = ({ low, high }: Bin, from: number, to: number) =>
    Number.isNaN(from) ? "" : `M${low} ${1 - from}V${1 - to}H${high}V${1 - from}Z`;
  return (
    <svg viewBox="0 0 1 1" preserveAspectRatio="none" aria-hidden="true">
      <path class="right" d={path((bin) => (isOdd(bin) ? "" : box(bin, 0, bin.accuracy)))} />
      <path class="odd" d={path((bin) => (isOdd(bin) ? box(bin, 0, bin.accuracy) : ""))} />
      <path class="band" d={path((bin) => box(bin, ...bin.range))} />
      <path class="grid" d="M0 0H1V1H0ZM0 1L1 0" />
      <path
        class="sure"
        d={path(({ low, high, confidence }) => `M${low} ${1 - confidence}H${high}`)}
      />
    </svg>
  );
}

/** Whether the accuracy is not where it would be if the probabilities were right. */
function isOdd({ accuracy, range: [low, high] }: Bin): boolean {
  return accuracy < low || accuracy > high;
}

/** The bins at rest: a button each, which leads to its rows, and a table for screen readers. */
function Bins({ instrument: { cursor }, reliability }: Part & OfRows) {
  const group = useRef<HTMLDivElement>(null);
  const selected = useSignal(0);
  const { value: measured } = reliability.rested;
  const bins = measured?.bins ?? [];

  function choose(bin: number): void {
    if (cursor === null || measured === null || !bins[bin]!.count) return;
    const { temperature } = measured;
    const name = texts.order(nameOf(bins[bin]!), brief(temperature));
    cursor.choose(`bin:${bin}:${numberText(temperature)}`, name);
  }

  function moved(event: KeyboardEvent): void {
    const steps: Record<string, number> = {
      ArrowLeft: selected.value - 1,
      ArrowRight: selected.value + 1,
      Home: 0,
      End: bins.length - 1,
    };
    const next = group.current!.children[steps[event.key] ?? -1];
    if (next === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    (next as HTMLElement).focus();
  }

  return (
    <>
      <div role="group" aria-label={texts.bins} ref={group} onKeyDown={moved}>
        {bins.map((bin, at) => (
          <button
            key={at}
            type="button"
            aria-label={texts.bin(nameOf(bin), count(bin.count))}
            title={bin.count > 0 ? tooltipOf(bin) : ""}
            aria-disabled={cursor === null || !bin.count}
            tabIndex={at === selected.value ? 0 : -1}
            onFocus={() => (selected.value = at)}
            onClick={() => choose(at)}
          />
        ))}
      </div>
      <div class="unseen">
        <table aria-label={texts.bins}>
          <thead>
            <tr>
              {texts.columns.map((name) => (
                <th key={name} scope="col">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {bins.map(
              (bin, at) =>
                bin.count > 0 && (
                  <tr key={at}>
                    <th scope="row">{nameOf(bin)}</th>
                    {cellsOf(bin).map((text, column) => (
                      <td key={column}>{text}</td>
                    ))}
                  </tr>
                ),
            )}
          </tbody>
        </table>
      </div>
    </>
  );
}

function nameOf({ low, high }: Bin): string {
  return rangeOf(low, high);
}

/** In percent, to hundredths. */
function rangeOf(...ends: readonly [number, number]): string {
  const [low, high] = ends.map((end) => brief(Math.round(1e4 * end) / 100));
  return texts.range(low!, high!);
}

function cellsOf({ count: rows, confidence, accuracy, range: [low, high] }: Bin): string[] {
  return [
    count(rows),
    percent(confidence, false),
    percent(accuracy),
    Number.isNaN(low) ? "" : rangeOf(low, high),
  ];
}

/** The cells with their names, in lines. */
function tooltipOf(bin: Bin): string {
  return [nameOf(bin), ...cellsOf(bin)]
    .map((text, at) => texts.cell(texts.columns[at]!, text))
    .join("\n");
}

/** NLL and ECE over all temperatures of the scale, and the temperature that fits best. */
function Curves({ instrument, table }: Part & { readonly table: Table }) {
  const { scale: name, locked } = instrument;
  const scale = SCALES[name.value];
  const { fit, temperatures, written } = table;
  const [nll, ece] = [table.column(NLL), table.column(ECE)];
  /** At T = ∞: log n. */
  const mostNll = nll.at(-1)!;
  const mostEce = Math.max(...ece);
  const path = (values: Float64Array, most: number) =>
    Array.from(temperatures, (temperature, at) => {
      const place = along(scale, scale.stopOf(temperature));
      // What is higher is out of the plot.
      const height = Math.min(2, values[at]! / most) || 0;
      return isOn(scale, temperature) ? `${at > 0 ? "L" : "M"}${place} ${1 - height}` : "";
    }).join("");
  return (
    <div>
      <div class="plot" aria-hidden="true">
        <svg viewBox="0 0 1 1" preserveAspectRatio="none">
          <path class="grid" d="M0 0H1M0 1H1" />
          <path class="nll" d={path(nll, mostNll)} />
          <path class="ece" d={path(ece, mostEce)} />
        </svg>
        <Cursor instrument={instrument}>
          <span />
        </Cursor>
      </div>
      <Marks scale={scale} />
      <ul class="legend">
        <li class="nll">{texts.nll(brief(mostNll))}</li>
        <li class="ece">{texts.ece(brief(mostEce))}</li>
      </ul>
      <p class="fitted">
        {fit !== null && (
          <button
            type="button"
            disabled={locked.value.temperature}
            onClick={() => instrument.change({ temperature: fit[0]! })}
          >
            {texts.fit(brief(fit[0]!))}
          </button>
        )}
        {fit !== null && !Number.isNaN(fit[1]) && texts.interval(brief(fit[1]!), brief(fit[2]!))}{" "}
        {written.reason && say(texts.reasons, written.reason)}
      </p>
    </div>
  );
}

/** Whether a temperature is on a scale. */
function isOn(scale: Scale, temperature: number): boolean {
  return temperature <= scale.temperatureAt(scale.max);
}

/** The fitted temperature and its interval on the slider; the figure has them as text. */
export function FitMark({ scale, reliability }: OfRows & { readonly scale: Scale }) {
  const fit = reliability.table.value?.fit;
  if (!fit || !isOn(scale, fit[0]!)) return null;
  const [at, low, high] = Array.from(fit, (temperature) => along(scale, scale.stopOf(temperature)));
  const has = !Number.isNaN(low);
  return (
    <div class="marks fit" aria-hidden="true">
      <i style={{ "--low": has ? low : at, "--high": has ? high : at }} />
      <i style={{ "--low": at, "--high": at }} />
    </div>
  );
}
