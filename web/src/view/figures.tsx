import { useComputed, useSignalEffect } from "@preact/signals";
import { useRef } from "preact/hooks";
import { fraction } from "../math/axis";
import { brief, count } from "../text/format";
import { strings } from "../text/strings";
import { Label } from "./label";
import type { Part } from "./part";

/** A row's part of the way that there is to scroll; it need not be a row's height. */
const ROW_PX = 28;
/** Browsers cut off an element which is much higher. */
const HIGHEST_PX = 8e6;

/** Both figures, in one window which scrolls by whole rows. */
export function Figures({ instrument }: Part) {
  const { first, hovered, items, many, rest, rowCount, selected } = instrument;
  const scroller = useRef<HTMLDivElement>(null);
  const focusable = useRef<HTMLDivElement>(null);

  /** Where the scroll bar was seen or put last: in pixels, and as a position. */
  const seen = useRef({ top: 0, position: 0 });
  function scrolled(): void {
    const { scrollTop: top, scrollHeight, clientHeight } = scroller.current!;
    // A late event of where it was put; the window may have moved on.
    if (top === seen.current.top) return;
    const way = scrollHeight - clientHeight;
    const position = way > 0 ? Math.round((top / way) * rest.peek()) : 0;
    seen.current = { top, position: Math.max(0, Math.min(rest.peek(), position)) };
    first.value = seen.current.position;
  }
  // The window was moved by a key, a search or new logits: the scroll bar follows. Not so where
  // the two agree: a scroll whose event is still to come would be undone.
  useSignalEffect(() => {
    const position = first.value;
    const element = scroller.current;
    if (element === null || position === seen.current.position) return;
    const way = element.scrollHeight - element.clientHeight;
    element.scrollTop = (position / (rest.peek() || 1)) * way;
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

  /** Room for the longest label, within reason. */
  const labelWidth = useComputed(() => {
    const { labels, logits, target } = items.value;
    let longest = labels === null ? String(logits.length).length : 0;
    for (const label of labels ?? []) longest = Math.max(longest, label.length);
    return `${Math.max(2, Math.min(11, longest + (target === null ? 1 : 3))) * 0.6}rem`;
  });

  const logitNote = useComputed(() => {
    const { base } = instrument.logitAxis.value;
    return base === 0 ? "" : strings.figures.barsFrom(brief(base));
  });
  const zero = useComputed(() => fraction(instrument.logitAxis.value, 0));
  return (
    <div
      class={many.value ? "scroller many" : "scroller"}
      ref={scroller}
      style={{ "--rows": rowCount.value, "--label": labelWidth.value }}
      onScroll={scrolled}
    >
      <div class="window" onPointerLeave={() => (hovered.value = null)}>
        <figure
          class={zero.value > 0 && zero.value < 1 ? "logits crossed" : "logits"}
          aria-label={strings.figures.logits}
          style={{ "--zero": zero.value }}
        >
          <figcaption>
            <strong>{strings.figures.logits}</strong>
            <small>{logitNote}</small>
            <div class="axis" aria-hidden="true">
              <span>{useComputed(() => brief(instrument.logitAxis.value.low))}</span>
              <span class="zero">0</span>
              <span>{useComputed(() => brief(instrument.logitAxis.value.high))}</span>
            </div>
          </figcaption>
          <div role="list">
            {instrument.rows.value.map((row, slot) => (
              <div
                key={slot}
                role="listitem"
                class={row.className}
                onPointerEnter={() => (hovered.value = slot)}
                onClick={() => instrument.select(row.position.peek())}
              >
                <Label text={row.label} />
                <span class="plot">
                  <span class="bar" style={row.logitBar} />
                </span>
                <span class="number">{row.logitText}</span>
              </div>
            ))}
          </div>
          {many.value && (
            <p class="rest">
              <span>{strings.items.others(count(rest.value))}</span>
            </p>
          )}
        </figure>
        <figure class="softmax" aria-label={strings.figures.softmax}>
          <figcaption>
            <strong>{strings.figures.softmax}</strong>
            <small>{strings.figures.outline}</small>
            <div class="axis" aria-hidden="true">
              <span>0</span>
              <span>{useComputed(() => `${brief(100 * instrument.shareEnd.value)} %`)}</span>
            </div>
          </figcaption>
          <Shares instrument={instrument} />
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
                <span class="plot">
                  <span class="ghost" style={row.plainBar} />
                </span>
                <span class="number">{row.shareText}</span>
              </div>
            ))}
          </div>
          {many.value && (
            <p class="rest">
              <span>{strings.items.othersHold(count(rest.value))}</span>
              <span class="number">{instrument.restText}</span>
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
 * What a drag moves: all bars as one path, and all numbers as one text. As elements of their own
 * in their rows they would cost a fifth of its work. A row has its number too, unseen, for those
 * who have it read to them; that follows when the drag rests.
 */
function Shares({ instrument }: Part) {
  const { rowCount, shareLengths, shareTexts } = instrument;
  const bars = useComputed(() =>
    shareLengths.value.map((length, slot) => `M0 ${slot + 0.5}H${length.toFixed(5)}`).join(""),
  );
  const layer = () => (
    <g>
      <svg viewBox={`0 0 1 ${rowCount.value}`} preserveAspectRatio="none">
        <path d={bars} />
      </svg>
    </g>
  );
  return (
    <div class="shares" aria-hidden="true">
      <svg>
        {layer()}
        {layer()}
      </svg>
      <div class="number">{shareTexts}</div>
    </div>
  );
}
