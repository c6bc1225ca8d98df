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
  const isTruncated = Object.keys(state.truncation).length > 0;
  const temperature = brief(state.temperature);
  const title = texts.title(temperature, stepsText(state.truncation));
  const others = instrument.rest.peek();
  const bottom = TOP + rows.length * ROW;
  const height = bottom + (others > 0 ? ROW : 0) + MARGIN;

  const plot = (WIDTH - 2 * MARGIN - LABEL.width - 2 * NUMBER - 4 * GAP) / 2;
  const logitsAt = MARGIN + LABEL.width + GAP;
  const logitNumberAt = logitsAt + plot + GAP + NUMBER;
  const softmaxAt = logitNumberAt + GAP;
  const numberAt = WIDTH - MARGIN;

  const percents = rows.map((row) =>
    isTruncated ? drawn.percent(row.item.peek()) : row.percent.peek(),
  );
  const probabilities = rows.map((row) => {
    const item = row.item.peek();
    return isTruncated
      ? drawn.probabilities[item]!
      : instrument.rested.peek().probability(row.logit.peek());
  });
  const axis = instrument.logitAxis.peek();
  // After truncation, the highest may be higher than on the page.
  const end = isTruncated ? 1 : instrument.probabilityEnd.peek();
  const restText = isTruncated ? percent(outside(instrument)) : instrument.restText.peek();

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
    ];
    if (Number.isFinite(logit)) {
      const [from, to] = [fraction(axis, axis.base), fraction(axis, logit)].sort((a, b) => a - b);
      const left = logitsAt + plot * from!;
      parts.push(bar(left, top, plot * (to! - from!), BLUE, BLUE));
    }
    return parts.join("");
  }

  const zero = fraction(axis, 0);
  const crossing = logitsAt + plot * zero;
  const body = [
    text(MARGIN, 36, title, { size: 22, weight: 600 }),
    text(logitsAt, 68, strings.figures.logits, { fill: BLUE, weight: 600 }),
    text(softmaxAt, 68, isTruncated ? texts.truncated : strings.figures.softmax, {
      fill: GREEN,
      weight: 600,
    }),
    text(numberAt, 68, isTruncated ? texts.before : outlineText(instrument), {
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
  ];
  const told = [
    ...rows.map((row, slot) => `${labelText(row.label.peek())} ${percents[slot]}`),
    ...(others > 0 ? [`${strings.items.others(count(others))} ${restText}`] : []),
  ];
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-labelledby="title desc" font-family="system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif" font-size="15">
<title id="title">${escaped(title)}</title>
<desc id="desc">${escaped(told.join("; "))}</desc>
<rect width="100%" height="100%" fill="#fff"/>
${body.join("\n")}
</svg>
`;
  return { width: WIDTH, height, svg };
}

/** The probability of all items outside of the window, after truncation. */
function outside(instrument: Instrument): number {
  const { probabilities } = instrument.drawn.peek();
  const first = instrument.first.peek();
  let sum = 0;
  for (let position = 0; position < probabilities.length; position++) {
    const inside = position >= first && position < first + instrument.rowCount.peek();
    if (!inside) sum += probabilities[instrument.itemAt(position)]!;
  }
  return sum;
}

function outlineText(instrument: Instrument): string {
  const pinned = instrument.pinned.peek();
  return pinned === null
    ? strings.figures.outline("1")
    : strings.figures.outlineOfA(brief(pinned.state.temperature));
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
  const attributes = [
    `x="${rounded(x)}" y="${rounded(y)}" dominant-baseline="central" fill="${fill}"`,
    ...(anchor ? [`text-anchor="${anchor}"`] : []),
    ...(size ? [`font-size="${size}"`] : []),
    ...(weight ? [`font-weight="${weight}"`] : []),
    ...(isolate ? ['unicode-bidi="isolate"'] : []),
  ].join(" ");
  return `<text ${attributes} xml:space="preserve">${escaped(content)}</text>`;
}

function bar(x: number, top: number, width: number, fill: string, stroke: string): string {
  if (!(width > 0)) return "";
  const y = top + (ROW - BAR) / 2;
  const size = `x="${rounded(x)}" y="${y}" width="${rounded(width)}" height="${BAR}"`;
  return `<rect ${size} fill="${fill}" fill-opacity="0.4" stroke="${stroke}"/>`;
}

function line(x1: number, y1: number, x2: number, y2: number): string {
  const ends = [x1, y1, x2, y2].map(rounded);
  return `<path d="M${ends[0]} ${ends[1]}L${ends[2]} ${ends[3]}" stroke="${EDGE}"/>`;
}

function rounded(value: number): number {
  return Number(value.toFixed(2));
}

const ESCAPES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };

function escaped(content: string): string {
  return content.replace(/[&<>]/g, (character) => ESCAPES[character]!);
}
