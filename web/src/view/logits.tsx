import { type ReadonlySignal, type Signal, useComputed } from "@preact/signals";
import { useRef } from "preact/hooks";
import { type Axis, fraction, snapped, stepOf, valueAt } from "../math/axis";
import { withLogit } from "../model/edit";
import type { Instrument, Row } from "../model/instrument";
import type { Items } from "../model/state";
import { brief, count, parseLogit, spoken } from "../text/format";
import { strings } from "../text/strings";
import { remove, shift } from "./commands";
import { useDrag } from "./drag";
import type { LabelField } from "./editbar";
import { type Draft, FieldError, useDraft } from "./field";
import { Label } from "./label";
import type { Part } from "./part";

/** How far a pointer moves before it drags: less is a click, or the start of a vertical swipe. */
const SLACK_PX = 3;
/** The steps that a key goes at once with Shift, or as Page. */
const LARGE = 10;

const BAR = "[role=slider]";
const FIELD = "input";

/** The logits as bars that can be dragged, and as numbers that can be typed. */
export function Logits({ instrument, labelField }: Part & LabelField) {
  const { first, hovered, logitAxis, selected } = instrument;
  const { figures } = strings;
  const list = useRef<HTMLDivElement>(null);
  const draft = useDraft(instrument);
  const grip = useGrip(instrument);

  function focus(part: string): void {
    const row = list.current!.children[selected.peek() - first.peek()]!;
    row.querySelector<HTMLElement>(part)!.focus({ preventScroll: true });
  }

  function go(steps: number, part: string): void {
    instrument.select(selected.peek() + steps);
    focus(part);
  }

  /** Moves the logit by steps of the axis. */
  function move(row: Row, steps: number): void {
    const axis = logitAxis.peek();
    const step = stepOf(axis);
    const [item, logit] = [row.item.peek(), row.logit.peek()];
    const from = Number.isFinite(logit) ? logit : valueAt(axis, logit > 0 ? 1 : 0);
    const next = snapped(from + steps * step, step);
    instrument.edit(withLogit(instrument.items.peek(), item, next), item, true, `logit ${item}`);
    focus(BAR);
  }

  /** What a key does on a bar. */
  function onBar({ altKey, key, shiftKey }: KeyboardEvent, row: Row): (() => void) | undefined {
    const small = shiftKey ? LARGE : 1;
    const shiftBy = (by: number) => () => {
      shift(instrument, by);
      focus(BAR);
    };
    const keys: Readonly<Record<string, () => void>> = altKey
      ? { ArrowUp: shiftBy(-1), ArrowDown: shiftBy(1) }
      : {
          ArrowLeft: () => move(row, -small),
          ArrowRight: () => move(row, small),
          PageDown: () => move(row, -LARGE),
          PageUp: () => move(row, LARGE),
          ArrowUp: () => go(-1, BAR),
          ArrowDown: () => go(1, BAR),
          Home: () => go(-Infinity, BAR),
          End: () => go(Infinity, BAR),
          Enter: () => focus(FIELD),
          F2: () => labelField.current!.focus(),
          Escape: grip.giveUp,
          Delete() {
            remove(instrument);
            focus(BAR);
          },
        };
    return keys[key];
  }

  function pressed(event: KeyboardEvent, row: Row): void {
    if (event.ctrlKey || event.metaKey) return;
    const does = onBar(event, row);
    if (does === undefined) return;
    event.preventDefault();
    does();
  }

  const note = useComputed(() => {
    const { base } = logitAxis.value;
    return base === 0 ? "" : figures.barsFrom(brief(base));
  });
  const zero = useComputed(() => fraction(logitAxis.value, 0));
  /** Near an end of a narrow axis its number would stand on that of the end. */
  const isNearEnd = useComputed(() => Math.abs(zero.value - 0.5) > 0.2);
  const shared = { instrument, draft, grip, pressed, go };
  return (
    <figure
      class={zero.value > 0 && zero.value < 1 ? "logits crossed" : "logits"}
      aria-label={figures.logits}
      style={{ "--zero": zero.value }}
    >
      <figcaption>
        <strong>{figures.logits}</strong>
        <small>{note}</small>
        <div class="axis" aria-hidden="true">
          <span>{useComputed(() => brief(logitAxis.value.low))}</span>
          <span class="zero" hidden={isNearEnd}>
            0
          </span>
          <span>{useComputed(() => brief(logitAxis.value.high))}</span>
        </div>
      </figcaption>
      <div role="list" ref={list}>
        {instrument.rows.value.map((row, slot) => (
          <LogitRow key={slot} row={row} onPoint={() => (hovered.value = slot)} {...shared} />
        ))}
      </div>
      {instrument.many.value && (
        <p class="rest">
          <span>{strings.items.others(count(instrument.rest.value))}</span>
          <span class="unlock">{strings.items.unlock}</span>
        </p>
      )}
      <FieldError draft={draft} />
    </figure>
  );
}

interface LogitRowProps extends Part {
  readonly row: Row;
  readonly draft: Signal<Draft | null>;
  readonly grip: ReturnType<typeof useGrip>;
  onPoint(): void;
  pressed(event: KeyboardEvent, row: Row): void;
  go(steps: number, part: string): void;
}

function LogitRow({ instrument, row, draft, grip, onPoint, pressed, go }: LogitRowProps) {
  const { logitAxis, selected } = instrument;
  const { edit: texts } = strings;
  const name = useComputed(() => texts.logit(spoken(row.label.value)));
  return (
    <div
      role="listitem"
      class={row.className}
      onPointerEnter={onPoint}
      onClick={() => instrument.select(row.position.peek())}
      onFocusIn={() => (selected.value = row.position.peek())}
    >
      <Label text={row.label} />
      <span
        class="plot"
        role="slider"
        tabIndex={row.tabIndex}
        aria-label={name}
        aria-description={texts.keys}
        title={texts.keys}
        aria-valuemin={useComputed(() => logitAxis.value.low)}
        aria-valuemax={useComputed(() => logitAxis.value.high)}
        aria-valuenow={useComputed(() => nowOf(row.logit.value, logitAxis.value))}
        aria-valuetext={row.logitText}
        aria-disabled={!instrument.canEdit.value}
        onPointerDown={(event) => grip.take(event, row)}
        onPointerMove={grip.drag}
        onPointerUp={grip.letGo}
        onPointerCancel={grip.giveUp}
        onKeyDown={(event) => pressed(event, row)}
      >
        <span class="bar" style={row.logitBar} />
      </span>
      <LogitField instrument={instrument} row={row} draft={draft} name={name} go={go} />
    </div>
  );
}

/** A slider has a value between its ends, also where the logit has none. */
function nowOf(logit: number, { low, high }: Axis): number {
  if (Number.isNaN(logit)) return low;
  // ARIA has no exponents, as JavaScript writes them below this.
  const now = Math.abs(logit) < 1e-6 ? 0 : logit;
  return Math.max(low, Math.min(high, now));
}

interface LogitFieldProps extends Pick<LogitRowProps, "instrument" | "row" | "draft" | "go"> {
  readonly name: ReadonlySignal<string>;
}

/** The logit as a number, that can be typed. */
function LogitField({ instrument, row, draft, name, go }: LogitFieldProps) {
  const { edit: texts } = strings;
  /** A label may stand twice, the number of an item not. */
  const typed = useComputed(() =>
    draft.value?.name === String(row.item.value) ? draft.value : null,
  );
  const error = useComputed(() => typed.value?.error ?? "");

  function keep(text: string, reason = ""): void {
    draft.value = {
      name: String(row.item.peek()),
      text,
      error: reason,
      before: instrument.state(),
    };
  }

  function settle(): void {
    const text = typed.peek()?.text;
    if (text === undefined) return;
    const logit = parseLogit(text);
    if (typeof logit !== "number") {
      keep(text, logit.error);
      return;
    }
    draft.value = null;
    const item = row.item.peek();
    if (!Object.is(logit, row.logit.peek())) {
      instrument.edit(withLogit(instrument.items.peek(), item, logit), item);
    }
  }

  function pressed(event: KeyboardEvent): void {
    const { altKey, ctrlKey, key, metaKey, shiftKey } = event;
    if (key === "Escape") draft.value = null;
    if (key === "Enter") settle();
    const step = { ArrowUp: -1, ArrowDown: 1 }[key];
    if (step === undefined || altKey || ctrlKey || metaKey || shiftKey) return;
    event.preventDefault();
    settle();
    if (error.peek() === "") go(step, FIELD);
  }

  return (
    <input
      type="text"
      class="live number"
      tabIndex={row.tabIndex}
      aria-label={useComputed(() => texts.value(name.value))}
      inputMode="decimal"
      autocomplete="off"
      spellcheck={false}
      readOnly={!instrument.canEdit.value}
      value={useComputed(() => typed.value?.text ?? row.logitText.value)}
      aria-invalid={useComputed(() => (error.value === "" ? "false" : "true"))}
      aria-description={error}
      onFocus={(event) => event.currentTarget.select()}
      onInput={(event) => keep(event.currentTarget.value)}
      onBlur={settle}
      onKeyDown={pressed}
    />
  );
}

/** A bar that a pointer has taken hold of. */
interface Held {
  readonly item: number;
  /** The items before the drag. */
  readonly before: Items;
  /** Where the pointer was, in pixels, and the logit there. */
  readonly x: number;
  readonly logit: number;
  readonly axis: Axis;
  readonly width: number;
  isDragged: boolean;
}

/** Drags a bar: its logit goes as far as the pointer does. */
function useGrip(instrument: Instrument) {
  const held = useRef<Held | null>(null);
  const { drag, settle, cancel } = useDrag((logit, settled) => {
    const { before, item } = held.current!;
    instrument.edit(withLogit(before, item, logit), item, settled);
  });

  function under({ axis, logit, width, x }: Held, event: PointerEvent): number {
    const next = logit + (valueAt(axis, (event.clientX - x) / width) - axis.low);
    return Number.isFinite(next) ? snapped(next, stepOf(axis)) : logit;
  }

  return {
    take(event: PointerEvent, row: Row): void {
      if (event.button !== 0 || !event.isPrimary || !instrument.canEdit.peek()) return;
      const plot = event.currentTarget as Element;
      plot.setPointerCapture(event.pointerId);
      const { left, width } = plot.getBoundingClientRect();
      const axis = instrument.logitAxis.peek();
      const logit = row.logit.peek();
      held.current = {
        item: row.item.peek(),
        before: instrument.items.peek(),
        x: event.clientX,
        // What is not finite has no bar: it goes to the pointer.
        logit: Number.isFinite(logit) ? logit : valueAt(axis, (event.clientX - left) / width),
        axis,
        width,
        isDragged: false,
      };
    },
    drag(event: PointerEvent): void {
      const { current } = held;
      if (current === null) return;
      if (!current.isDragged) {
        if (Math.abs(event.clientX - current.x) < SLACK_PX) return;
        current.isDragged = true;
        instrument.hold(current.item);
      }
      drag(under(current, event));
    },
    letGo(event: PointerEvent): void {
      const { current } = held;
      if (current?.isDragged) settle(under(current, event));
      held.current = null;
    },
    /** The browser scrolls instead, or Escape was pressed: the logit is as it was. */
    giveUp(): void {
      const { current } = held;
      cancel();
      held.current = null;
      if (current?.isDragged) instrument.edit(current.before, current.item);
    },
  };
}
