import { type ReadonlySignal, useComputed, useSignalEffect } from "@preact/signals";
import { useRef } from "preact/hooks";
import { brief, count } from "../text/format";
import { rowStrings, strings } from "../text/strings";
import type { LabelField } from "./editbar";
import { Label } from "./label";
import { Logits } from "./logits";
import type { Part } from "./part";

/** How far the scroll bar moves per row; a row may have another height. */
const ROW_PX = 28;
/** Less than the height at which any browser cuts off an element. */
const HIGHEST_PX = 8e6;

/** A part of the axis that is too short to be seen. */
const LEAST_SEEN = 5e-4;

/** Up to this many rows are high enough for the back of a room. */
const TALL = 10;

/** Both figures, in one window that scrolls by whole rows. */
export function Figures({ instrument, labelField }: Part & LabelField) {
  const { count: size, first, held, hovered, items, labels, many } = instrument;
  const { isPartial, rest, rowCount, selected, shows } = instrument;
  const scroller = useRef<HTMLDivElement>(null);
  const focusable = useRef<HTMLDivElement>(null);

  /** Where the scroll bar was last read or set: in pixels, and as a position. */
  const seen = useRef({ top: 0, position: 0 });
  /**
   * The window is in view wherever the list is scrolled to. But a row keeps clear of what sticks to the
   * top of the page, and so a browser scrolls the list too when the row gets the focus: that is undone.
   * The event of such a scroll comes before the next frame is drawn.
   */
  const isFocusing = useRef(false);
  function focused(): void {
    isFocusing.current = true;
    requestAnimationFrame(() => (isFocusing.current = false));
  }
  function scrolled(): void {
    const { scrollTop: top, scrollHeight, clientHeight } = scroller.current!;
    if (isFocusing.current) {
      scroller.current!.scrollTop = seen.current.top;
      return;
    }
    // The late event of a scroll that was set here; the window may have moved since.
    if (top === seen.current.top) return;
    // A key moved the window after this scroll; the scroll bar has yet to follow.
    if (first.peek() !== seen.current.position) return;
    // The rows stay while a logit is dragged.
    if (held.peek() !== null) return;
    const range = scrollHeight - clientHeight;
    const position = range > 0 ? Math.round((top / range) * rest.peek()) : 0;
    seen.current = { top, position: Math.max(0, Math.min(rest.peek(), position)) };
    first.value = seen.current.position;
  }
  // A key, a search or new logits moved the window: the scroll bar follows. If the two agree, it
  // isn't set: that would undo a scroll whose event is still to come.
  useSignalEffect(() => {
    const position = first.value;
    const element = scroller.current;
    if (element === null || position === seen.current.position) return;
    const range = element.scrollHeight - element.clientHeight;
    element.scrollTop = (position / (rest.peek() || 1)) * range;
    seen.current = { top: element.scrollTop, position };
  });

  function moved(event: KeyboardEvent): void {
    const steps: Record<string, number> = {
      ArrowUp: -1,
      ArrowDown: 1,
      PageUp: -rowCount.peek(),
      PageDown: rowCount.peek(),
      Home: -Infinity,
      End: Infinity,
    };
    const step = steps[event.key];
    if (step === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    instrument.select(selected.peek() + step);
    focus();
  }

  function focus(): void {
    const row = focusable.current!.children[selected.peek() - first.peek()];
    (row as HTMLElement).focus({ preventScroll: true });
  }

  const hasMark = useComputed(() => items.value.target !== null || instrument.sequence !== null);
  /** Room for the longest label, within limits. */
  const labelWidth = useComputed(() => {
    let longest = labels.value === null ? String(size.value).length : 0;
    for (const label of labels.value ?? []) longest = Math.max(longest, label.length);
    return `${Math.max(2, Math.min(11, longest + (hasMark.value ? 3 : 1))) * 0.6}rem`;
  });

  const othersKept = useComputed(() =>
    strings.figures.keptOutside(count(instrument.sampler.keptOutside.value)),
  );
  const height = many.value ? " many" : rowCount.value <= TALL ? " tall" : "";
  const { on } = instrument.sampler;
  return (
    <div
      class={`scroller${height}${on.value ? " sampled" : ""}${isPartial.value ? " partial" : ""}`}
      ref={scroller}
      // A click or tap in the list lets it scroll on a touch screen.
      tabIndex={-1}
      style={{ "--rows": rowCount.value, "--label": labelWidth.value }}
      onFocusIn={focused}
      onScroll={scrolled}
    >
      <div class="window" onPointerLeave={() => (hovered.value = null)}>
        {shows.value.logits && <Logits instrument={instrument} labelField={labelField} />}
        <figure class="softmax" aria-label={strings.figures.softmax} hidden={!shows.value.softmax}>
          <figcaption>
            <strong>{strings.figures.softmax}</strong>
            <small>
              {instrument.outlineText}
              {on.value && <span class="more">{strings.figures.grown}</span>}
              {ROWS && isPartial.value && <span class="more">{rowStrings.reported.hatched}</span>}
            </small>
            <div class="axis" aria-hidden="true">
              <span>0</span>
              <span>{useComputed(() => `${brief(100 * instrument.probabilityEnd.value)} %`)}</span>
            </div>
          </figcaption>
          <Probabilities instrument={instrument} />
          <div role="list" ref={focusable} onKeyDown={moved}>
            {instrument.rows.value.map((row, slot) => (
              <div
                key={slot}
                role="listitem"
                class={row.className}
                tabIndex={row.tabIndex}
                onFocus={() => (selected.value = row.position.peek())}
                onPointerEnter={() => (hovered.value = slot)}
              >
                <Label text={row.label} />
                <span class="plot" />
                <span class="number">{row.percent}</span>
                {(on.value || (ROWS && isPartial.value)) && <span class="unseen">{row.fate}</span>}
              </div>
            ))}
          </div>
          {many.value && (
            <p class="rest">
              <span>{strings.items.othersHold(count(rest.value))}</span>
              <span class="number">
                {instrument.restText}
                {on.value && strings.joins.parts.trim()}
              </span>
              {on.value && <span>{othersKept}</span>}
            </p>
          )}
        </figure>
      </div>
      {many.value && (
        <div class="spacer" style={{ height: `${Math.min(HIGHEST_PX, ROW_PX * rest.value)}px` }} />
      )}
    </div>
  );
}

/**
 * The parts that a drag changes: all bars as one path, and all numbers as one text. An element per
 * row would take a fifth of the work of a frame. For screen readers, each row has its number too,
 * invisible; it is updated when the drag rests.
 */
function Probabilities({ instrument }: Part) {
  const { highestLengths, rowCount, lengths, percents, sampler } = instrument;
  /** From the least that each bar may be to the most. */
  const unknown = useComputed(() =>
    highestLengths.value
      .map((end, slot) => {
        const start = lengths.value[slot]!;
        return end - start < LEAST_SEEN
          ? ""
          : `M${start.toFixed(5)} ${slot + 0.5}H${end.toFixed(5)}`;
      })
      .join(""),
  );
  const bars = useComputed(() => barsOf(lengths.value, (slot) => sampler.isKept(slot)));
  const numbers = useComputed(() => linesOf(percents.value, (slot) => sampler.isKept(slot)));
  /** How often each item was drawn, where its bar should end. Hidden while a drag makes it untrue. */
  const drawnMarks = useComputed(() => {
    const { drawing, draws, frame, rested } = instrument;
    if (draws.value === null || frame.value !== rested.value) return "";
    return instrument.rows.value
      .map((row, slot) => {
        const times = draws.value!.counts.get(row.item.value) ?? 0;
        const length = instrument.length(times / drawing.value!.count);
        return times === 0 ? "" : `M${length.toFixed(5)} ${slot}v1`;
      })
      .join("");
  });
  const outlines = useComputed(() =>
    instrument.rows.value.map(({ outlineLength }) => outlineLength.value),
  );
  const edges = useComputed(() => barsOf(outlines.value, () => true));
  /** There and back: the style sheet draws the first pixel of each way, which is an end. */
  const ends = useComputed(() => {
    const back = outlines.value.map((length, slot) => `M${length.toFixed(5)} ${slot + 0.5}H0`);
    return edges.value + back.join("");
  });
  /** In a group, what is drawn can be moved by pixels. */
  const layer = (path: ReadonlySignal<string>) => (
    <g>
      <svg viewBox={`0 0 1 ${rowCount.value}`} preserveAspectRatio="none">
        <path d={path} />
      </svg>
    </g>
  );
  return (
    <div class="probabilities" aria-hidden="true">
      {sampler.on.value && <Truncated instrument={instrument} />}
      <svg class="bars">
        {layer(bars)}
        {layer(bars)}
      </svg>
      {ROWS && instrument.isPartial.value && (
        <svg class="unknown" viewBox={`0 0 1 ${rowCount.value}`} preserveAspectRatio="none">
          <path d={unknown} />
        </svg>
      )}
      <svg class="outlines">
        {layer(edges)}
        {layer(edges)}
        {layer(ends)}
      </svg>
      {instrument.draws.value !== null && (
        <svg class="drawn" viewBox={`0 0 1 ${rowCount.value}`} preserveAspectRatio="none">
          <path d={drawnMarks} />
        </svg>
      )}
      <Numbers lines={numbers} />
    </div>
  );
}

/**
 * The same for truncation: the bars and numbers of dropped rows, how far the bars of kept ones grow
 * and their new numbers, and lines between kept and dropped rows.
 */
function Truncated({ instrument }: Part) {
  const { lengths, percents, rowCount, sampler } = instrument;
  const isDropped = (slot: number) => !sampler.isKept(slot);
  const dropped = useComputed(() => barsOf(lengths.value, isDropped));
  const grown = useComputed(() =>
    barsOf(
      sampler.after.value.map((probability) => instrument.length(probability)),
      (slot) => sampler.isKept(slot),
    ),
  );
  const cuts = useComputed(() => sampler.cuts.value.map((slot) => `M0 ${slot}H1`).join(""));
  const before = useComputed(() => linesOf(percents.value, isDropped));
  const after = useComputed(() =>
    sampler.texts.value.map((text) => (text === "" ? "" : strings.figures.after(text))).join("\n"),
  );
  const picture = { viewBox: `0 0 1 ${rowCount.value}`, preserveAspectRatio: "none" } as const;
  return (
    <>
      <svg {...picture}>
        <path class="grown" d={grown} />
        <path class="dropped" d={dropped} />
      </svg>
      <svg class="cuts" {...picture}>
        <path d={cuts} />
      </svg>
      <Numbers lines={before} kind="dropped" />
      <Numbers lines={after} kind="after" />
    </>
  );
}

interface NumbersProps {
  /** A line for each row. */
  readonly lines: ReadonlySignal<string>;
  readonly kind?: string;
}

/** Numbers beside the rows. The style sheet keeps each line as high as a row. */
function Numbers({ lines, kind = "" }: NumbersProps) {
  return (
    <div class={`number ${kind}`}>
      <span>{lines}</span>
    </div>
  );
}

/** What a server did not report: no item, because nothing is known of it but the sum. */
export function Unreported({ instrument }: Part) {
  return instrument.isPartial.value ? (
    <p class="rest unreported">{instrument.unreportedText}</p>
  ) : null;
}

/** Bars of these lengths, one in each row that has one. */
function barsOf(lengths: readonly number[], has: (slot: number) => boolean): string {
  return lengths
    .map((length, slot) => (has(slot) ? `M0 ${slot + 0.5}H${length.toFixed(5)}` : ""))
    .join("");
}

/** One text for all rows, with an empty line where a row has none. */
function linesOf(texts: readonly string[], has: (slot: number) => boolean): string {
  return texts.map((text, slot) => (has(slot) ? text : "")).join("\n");
}
