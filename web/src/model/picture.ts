/**
 * What is shown as an SVG file of its own, on a light background: nothing in it refers to the page.
 */
import { fraction } from "../math/axis";
import { brief, clip, count, percent, pieces } from "../text/format";
import { strings } from "../text/strings";
import type { Instrument, Row } from "./instrument";
import { stepsText } from "./steps";

const WIDTH = 960;
const ROW = 30;
const BAR = 18;
const TOP = 104;
const MARGIN = 24;
const LABEL = { width: 132, longest: 16 };
const NUMBER = 84;
const GAP = 16;
const INK = "#1b1f24";
const MUTED = "#59616b";
const EDGE = "#858d97";
const BLUE = "#1212e6";
const GREEN = "#0b6b1c";

/** The size of a picture, in pixels, and its text. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly svg: string;
}

export function picture(instrument: Instrument): Picture {
  const { picture: texts } = strings;
  const state = instrument.state();
  const rows = instrument.rows.peek();
  const drawn = instrument.drawn.peek();
  const outline = instrument.outline.peek();
  const isTruncated = instrument.sampler.on.peek();
  const temperature = brief(state.temperature);
  const title = texts.title(temperature, stepsText(state.truncation));
  const others = instrument.rest.peek();
  const bottom = TOP + rows.length * ROW;
  const tailAt = bottom + (others > 0 ? ROW : 0);
  const height = tailAt + (instrument.isPartial.peek() ? ROW : 0) + MARGIN;

  const plot = (WIDTH - 2 * MARGIN - LABEL.width - 2 * NUMBER - 4 * GAP) / 2;
  const logitsAt = MARGIN + LABEL.width + GAP;
  const logitNumberAt = logitsAt + plot + GAP + NUMBER;
  const softmaxAt = logitNumberAt + GAP;
  const numberAt = WIDTH - MARGIN;

  const bounds = instrument.restedBounds.peek();
  const percents = rows.map((row) =>
    isTruncated ? drawn.percent(row.item.peek()) : row.percent.peek(),
  );
  const probabilities = rows.map((row) => {
    const item = row.item.peek();
    if (bounds !== null) return bounds.low(bounds.weight(row.logit.peek()));
    return isTruncated
      ? drawn.probabilities[item]!
      : instrument.rested.peek().probability(row.logit.peek());
  });
  const axis = instrument.logitAxis.peek();
  const end = instrument.probabilityEnd.peek();
  const restText = isTruncated ? outsideText(instrument) : instrument.restText.peek();

  function rowOf(row: Row, slot: number): string {
    const top = TOP + slot * ROW;
    const middle = top + ROW / 2;
    const logit = row.logit.peek();
    const item = row.item.peek();
    const probability = probabilities[slot]!;
    const isDropped = isTruncated && probability === 0;
    const ink = isDropped ? MUTED : INK;
    const before = isTruncated
      ? instrument.rested.peek().probability(logit)
      : outline.probability(item);
    const parts = [
      text(MARGIN, middle, labelText(row.label.peek()), { fill: ink, isolate: true }),
      text(logitNumberAt, middle, row.logitText.peek(), { anchor: "end", fill: ink }),
      text(numberAt, middle, percents[slot]!, { anchor: "end", fill: ink }),
      bar(softmaxAt, top, plot * (before / end), "none", EDGE),
      bar(softmaxAt, top, plot * (probability / end), GREEN, GREEN),
      ...(!ROWS || bounds === null
        ? []
        : [unknown(probability, bounds.high(bounds.weight(logit)))]),
    ];
    /** The part of the bar that is not known, hatched. */
    function unknown(low: number, high: number): string {
      const d = `M${softmaxAt + plot * (low / end)} ${middle}H${softmaxAt + plot * (high / end)}`;
      return element("path", { d, stroke: GREEN, "stroke-width": BAR, "stroke-dasharray": "2 3" });
    }
    if (Number.isFinite(logit)) {
      const [from, to] = [fraction(axis, axis.base), fraction(axis, logit)].sort((a, b) => a - b);
      const left = logitsAt + plot * from!;
      parts.push(bar(left, top, plot * (to! - from!), BLUE, BLUE));
    }
    return parts.join("");
  }

  const unreported = instrument.unreportedText.peek();
  const zero = fraction(axis, 0);
  const crossing = logitsAt + plot * zero;
  const body = [
    text(MARGIN, 36, title, { size: 22, weight: 600 }),
    text(logitsAt, 68, strings.figures.logits, { fill: BLUE, weight: 600 }),
    text(softmaxAt, 68, isTruncated ? texts.truncated : strings.figures.softmax, {
      fill: GREEN,
      weight: 600,
    }),
    text(numberAt, 68, isTruncated ? texts.before : instrument.outlineText.peek(), {
      anchor: "end",
      size: 12,
      fill: MUTED,
    }),
    line(logitsAt, TOP - 4, logitsAt + plot, TOP - 4),
    line(softmaxAt, TOP - 4, softmaxAt + plot, TOP - 4),
    text(logitsAt, 88, brief(axis.low), { size: 12, fill: MUTED }),
    text(logitsAt + plot, 88, brief(axis.high), { size: 12, fill: MUTED, anchor: "end" }),
    text(softmaxAt, 88, "0", { size: 12, fill: MUTED }),
    text(softmaxAt + plot, 88, `${brief(100 * end)} %`, { size: 12, fill: MUTED, anchor: "end" }),
    ...(zero > 0 && zero < 1
      ? [
          line(crossing, TOP - 4, crossing, bottom),
          text(crossing, 88, "0", { size: 12, fill: MUTED, anchor: "middle" }),
        ]
      : []),
    ...rows.map(rowOf),
    ...(others > 0
      ? [
          text(MARGIN, bottom + ROW / 2, strings.items.others(count(others)), { fill: MUTED }),
          text(numberAt, bottom + ROW / 2, restText, { anchor: "end", fill: MUTED }),
        ]
      : []),
    text(MARGIN, tailAt + ROW / 2, unreported, { fill: MUTED }),
  ];
  const told = [
    ...rows.map((row, slot) => `${labelText(row.label.peek())} ${percents[slot]}`),
    ...(others > 0 ? [`${strings.items.others(count(others))} ${restText}`] : []),
    ...(unreported === "" ? [] : [unreported]),
  ];
  const svg = element(
    "svg",
    {
      xmlns: "http://www.w3.org/2000/svg",
      width: WIDTH,
      height,
      viewBox: [0, 0, WIDTH, height].join(" "),
      role: "img",
      "aria-labelledby": "title",
      "aria-describedby": "desc",
      "font-family": "system-ui, Roboto, Arial, sans-serif",
      "font-size": 15,
    },
    element("title", { id: "title" }, escaped(title)),
    element("desc", { id: "desc" }, escaped(told.join(strings.joins.parts))),
    element("rect", { width: WIDTH, height, fill: "#fff" }),
    ...body,
  );
  return { width: WIDTH, height, svg };
}

/** The probability of all items outside of the window, after truncation. */
function outsideText(instrument: Instrument): string {
  const drawn = instrument.drawn.peek();
  const first = instrument.first.peek();
  const count = instrument.rowCount.peek();
  let sum = 0;
  for (let position = 0; position < drawn.probabilities.length; position++) {
    const isInside = position >= first && position < first + count;
    if (!isInside) sum += drawn.probabilities[instrument.itemAt(position)]!;
  }
  // Exactly 0 where the highest of them is.
  if (sum === 0) return drawn.percent(instrument.itemAt(first === 0 ? count : 0));
  return percent(Math.min(sum, 1), false);
}

/** A label with its invisible characters as escapes, which XML may not hold. */
function labelText(label: string): string {
  if (label === "") return strings.label.empty;
  return pieces(clip(label, LABEL.longest))
    .map((piece) => piece.text)
    .join("");
}

interface Style {
  readonly anchor?: "end" | "middle";
  readonly fill?: string;
  readonly size?: number;
  readonly weight?: number;
  /** Whether the direction of the text is isolated from that around it. */
  readonly isolate?: boolean;
}

function text(x: number, y: number, content: string, style: Style = {}): string {
  const { anchor, fill = INK, size, weight, isolate } = style;
  const attributes = {
    x,
    y,
    fill,
    "dominant-baseline": "central",
    "text-anchor": anchor,
    "font-size": size,
    "font-weight": weight,
    "unicode-bidi": isolate ? "isolate" : undefined,
    "xml:space": "preserve",
  };
  return element("text", attributes, escaped(content));
}

function bar(x: number, top: number, width: number, fill: string, stroke: string): string {
  if (!(width > 0)) return "";
  const y = top + (ROW - BAR) / 2;
  return element("rect", { x, y, width, height: BAR, fill, "fill-opacity": 0.4, stroke });
}

function line(x1: number, y1: number, x2: number, y2: number): string {
  return element("line", { x1, y1, x2, y2, stroke: EDGE });
}

type Attributes = Readonly<Record<string, string | number | undefined>>;

/** An element of XML. Attributes that are undefined are left out. */
function element(name: string, attributes: Attributes, ...children: readonly string[]): string {
  const written = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}="${typeof value === "number" ? rounded(value) : value}"`);
  const start = `<${name}${written.join("")}`;
  return children.length === 0 ? `${start}/>\n` : `${start}>${children.join("")}</${name}>\n`;
}

function rounded(value: number): number {
  return Number(value.toFixed(2));
}

const ESCAPES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };

function escaped(content: string): string {
  return content.replace(/[&<>]/g, (character) => ESCAPES[character]!);
}
