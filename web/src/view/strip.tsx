import { effect, useComputed, useSignal } from "@preact/signals";
import { type ComponentChildren, Fragment } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { countLeading } from "../math/truncation";
import type { RowCursor } from "../model/cursor";
import { REST_MS, whenIdle } from "../model/idle";
import type { Instrument } from "../model/instrument";
import {
  COLOURS,
  type Colour,
  LEVELS,
  type Sequence,
  UNKNOWN,
  type Verdict,
} from "../model/sequence";
import { tokenText } from "../model/token";
import { brief, count, pieces } from "../text/format";
import { rowStrings, strings } from "../text/strings";
import { Pieces } from "./label";
import type { Part } from "./part";

const { strip: texts } = rowStrings;

/**
 * Most tokens in a block of the text, and how many it has before it ends with a line of the text. Blocks out
 * of view are empty, and keep their height. A block is painted whole where one of its tokens is coloured.
 */
const BLOCK = 256;
const LEAST = 96;
/** How high a block is that has not been in view, in lines of this many tokens. */
const PER_LINE = 16;
/** After the status line, which has told what the gesture did. */
const PAUSE_MS = 600;
/** Points of a line along the text. */
const POINTS = 400;

interface StripProps extends Part {
  readonly sequence: Sequence;
  readonly cursor: RowCursor;
  /** What stands below the tokens, and below all. */
  readonly below?: ComponentChildren;
  readonly last?: ComponentChildren;
}

/** A text as its tokens, coloured by what each position has. */
export function Strip({ instrument, sequence, cursor, below, last }: StripProps) {
  const list = useRef<HTMLDivElement>(null);
  const { colour, error } = sequence;
  // The tokens are made and coloured without Preact: a drag colours hundreds of them in a frame.
  useEffect(
    () => showTokens(list.current!, instrument, sequence, cursor),
    [instrument, sequence, cursor],
  );
  return (
    <section class="strip" aria-label={texts.name}>
      <div class="head">
        <strong>{texts.name}</strong>
        <label class="field">
          {texts.colour}
          <select
            value={colour}
            onChange={(event) => (colour.value = event.currentTarget.value as Colour)}
          >
            {COLOURS.map((name) => (
              <option key={name} value={name}>
                {texts.colours[name]}
              </option>
            ))}
          </select>
        </label>
        <Legend sequence={sequence} />
      </div>
      {sequence.isProcessed && <p class="processed">{texts.processed}</p>}
      <Prompt instrument={instrument} sequence={sequence} />
      <div class="tokens" role="listbox" aria-label={texts.tokens} tabIndex={-1} ref={list} />
      {below}
      <Line sequence={sequence} instrument={instrument} cursor={cursor} />
      <Told sequence={sequence} />
      <p class="error" role="alert">
        {error}
      </p>
      {last}
    </section>
  );
}

/** What the text goes on from, where that is no tokens: it has no colour and no rows. */
function Prompt({ instrument, sequence }: Omit<StripProps, "cursor">) {
  const prompt = useComputed(() => {
    const { items, writing } = instrument;
    return WRITING && writing !== null
      ? writing.status.value.prefix
      : sequence.promptOf(items.value.row ?? 0);
  });
  const { prompt: name } = texts.passages;
  return prompt.value === "" ? null : (
    <section
      class="prefix"
      aria-label={name}
      data-passage={name}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: a long prompt scrolls, by keys too
      tabIndex={0}
      // The text goes on from its end.
      ref={(box) => box?.scrollTo(0, box.scrollHeight)}
    >
      {prompt.value.split(/(?<=\n)/).map((line, k) => (
        <Fragment key={k}>
          <Pieces of={pieces(line, Infinity)} />
          {line.endsWith("\n") && "\n"}
        </Fragment>
      ))}
    </section>
  );
}

/** What the sampler makes of the text: for the eye at once, for a screen reader when it has come to rest. */
function Told({ sequence }: Pick<StripProps, "sequence">) {
  const text = useComputed(() => verdict(sequence.verdict.value));
  const announced = useSignal("");
  useEffect(
    () =>
      effect(() => {
        const { value } = text;
        const timer = setTimeout(() => (announced.value = value), PAUSE_MS);
        return () => clearTimeout(timer);
      }),
    [text, announced],
  );
  return (
    <>
      <p class="told" aria-hidden="true">
        <span class="shown">{text}</span>
      </p>
      <output class="unseen">{announced}</output>
    </>
  );
}

/** What the levels of colour stand for. */
function Legend({ sequence }: Pick<StripProps, "sequence">) {
  const { value: colour } = sequence.colour;
  return (
    <ul class="levels">
      {namesOf(colour).map((name, level) => (
        <li key={name} class={classOf(colour, level)}>
          {name}
        </li>
      ))}
    </ul>
  );
}

function namesOf(colour: Colour): string[] {
  if (colour === "sampler") return Object.values(texts.fates);
  const limits = LEVELS[colour];
  const from = (level: number) => count(limits[level]!);
  // Ranks are whole.
  const before = (level: number) => (colour === "rank" ? count(limits[level]! - 1) : from(level));
  return [
    colour === "rank" ? before(0) : texts.below(from(0)),
    ...limits.slice(1).map((_, k) => texts.between(from(k), before(k + 1))),
    texts.from(from(limits.length - 1)),
  ];
}

function classOf(colour: Colour, level: number): string {
  return level === UNKNOWN ? "token" : `token ${colour === "sampler" ? "fate" : "level"}${level}`;
}

function verdict(found: Verdict | null): string {
  if (found === null) return texts.counting;
  const { dropped, known, undecided } = found;
  // A text that is still to be written.
  return known === 0
    ? ""
    : texts.verdict(count(dropped), count(known), undecided === 0 ? null : count(undecided));
}

/** Surprisal and entropy along the text: of many positions, the highest of each group. */
function Line({ sequence, instrument, cursor }: StripProps) {
  const { along } = sequence;
  const drawn = useComputed(() => {
    const [surprisal, entropy] = [along.value?.surprisal, along.value?.entropy].map(grouped);
    const most = Math.max(1, ...surprisal!, ...entropy!);
    return { most, surprisal: path(surprisal!, most), entropy: path(entropy!, most) };
  });
  const at = useComputed(() => {
    const { row } = instrument.items.value;
    return row === null
      ? "display:none"
      : `transform:translateX(${(100 * (row + 0.5)) / sequence.count.value}%)`;
  });
  return (
    <div
      class={useComputed(() =>
        along.value?.temperature === instrument.temperature.value ? "along" : "along stale",
      )}
      aria-hidden="true"
      onClick={(event) => {
        const { left, width } = event.currentTarget.getBoundingClientRect();
        const part = (event.clientX - left) / width;
        const { value: count } = sequence.count;
        cursor.to(Math.max(0, Math.min(count - 1, Math.floor(part * count))));
      }}
    >
      <svg viewBox="0 0 1 1" preserveAspectRatio="none">
        <path class="entropy" d={useComputed(() => drawn.value.entropy)} />
        <path class="surprisal" d={useComputed(() => drawn.value.surprisal)} />
      </svg>
      <div class="cursor" style={at}>
        <span />
      </div>
      <small>{useComputed(() => texts.line(brief(drawn.value.most / Math.LN2)))}</small>
    </div>
  );
}

/** The highest value of each group of positions; -Infinity where none is known. */
function grouped(values: Float64Array | undefined): number[] {
  if (values === undefined) return [];
  const groups = Math.min(POINTS, values.length);
  return Array.from({ length: groups }, (_, k) => {
    const [from, to] = [k, k + 1].map((end) => Math.floor((end * values.length) / groups));
    let highest = -Infinity;
    // Neither those that are not known nor infinite ones count.
    for (let i = from!; i < to!; i++) {
      if (values[i]! < Infinity) highest = Math.max(highest, values[i]!);
    }
    return highest;
  });
}

function path(values: readonly number[], most: number): string {
  return values
    .map((value, k) =>
      Number.isFinite(value)
        ? `${Number.isFinite(values[k - 1]) ? "L" : "M"}${((k + 0.5) / values.length).toFixed(4)} ${(1 - value / most).toFixed(3)}`
        : "",
    )
    .join("");
}

/** A part of the text, whose tokens are there while it is near to what is in view. */
interface Block {
  readonly element: HTMLElement;
  readonly start: number;
  end: number;
  /** The level of each token as it is shown; null while the tokens are not there. */
  levels: Int8Array | null;
  /** Which of the tokens are in view, counted from the first. */
  view: readonly [from: number, to: number];
}

/** Shows the tokens in a list; returns what ends that. */
function showTokens(
  list: HTMLElement,
  instrument: Instrument,
  sequence: Sequence,
  cursor: RowCursor,
): () => void {
  const blocks: Block[] = [];
  const byElement = new Map<Element, Block>();
  const present = () => blocks.filter(({ levels }) => levels !== null);
  /** The position that has the focus, or would get it. */
  let current = instrument.items.peek().row ?? 0;

  const observer = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting, boundingClientRect } of entries) {
        const block = byElement.get(target)!;
        if (isIntersecting) fill(block);
        else if (block.levels !== null) empty(block, boundingClientRect.height);
      }
    },
    { root: list, rootMargin: "50% 0px" },
  );

  function fill(block: Block): void {
    if (block.levels !== null) return;
    block.levels = new Int8Array(block.end - block.start).fill(UNKNOWN);
    block.element.style.height = "";
    block.element.replaceChildren(...tokensOf(block.start, block.end));
    paint(block);
    name(block);
    mark();
    look();
  }

  function empty(block: Block, height: number): void {
    // A block with the focus stays.
    if (block.element.contains(document.activeElement)) return;
    block.levels = null;
    block.element.style.height = `${height}px`;
    block.element.replaceChildren();
  }

  function tokensOf(start: number, end: number): HTMLElement[] {
    return Array.from({ length: end - start }, (_, k) => tokenElement(sequence, start + k));
  }

  /** Gives a block another end: no other token is made. */
  function resize(block: Block, end: number): void {
    const { element, levels, start } = block;
    if (end === block.end) return;
    if (levels !== null) {
      while (element.childElementCount > end - start) element.lastElementChild!.remove();
      element.append(...tokensOf(Math.min(block.end, end), end));
      block.levels = new Int8Array(end - start).fill(UNKNOWN);
      block.levels.set(levels.subarray(0, end - start));
    }
    const from = Math.min(block.end, end) - start;
    block.end = end;
    if (levels === null) {
      element.style.height = heightOf(end - start);
      return;
    }
    paint(block, from);
    name(block, from);
  }

  /** How many passages have begun. */
  let begun = 0;
  function add(): void {
    const { passages } = sequence;
    const end = sequence.loaded.peek();
    const last = blocks.at(-1);
    if (last !== undefined) {
      resize(last, endOf(last.start, Math.min(passages[begun]?.[0] ?? end, end)));
    }
    for (let start = blocks.at(-1)?.end ?? 0; start < end; ) {
      const isBegin = passages[begun]?.[0] === start;
      if (isBegin) begun++;
      const name = texts.passages[passages[begun - 1]?.[1] ?? "answer"];
      const stop = endOf(start, Math.min(passages[begun]?.[0] ?? end, end));
      const element = document.createElement("div");
      element.role = "group";
      element.ariaLabel = name;
      element.className = `block ${passages[begun - 1]?.[1] ?? ""}`;
      if (isBegin) element.setAttribute("data-passage", name);
      element.style.height = heightOf(stop - start);
      const block: Block = { element, start, end: stop, levels: null, view: [0, 0] };
      byElement.set(element, block);
      blocks.push(block);
      list.append(element);
      observer.observe(element);
      start = stop;
    }
  }

  /** Where a block ends that starts here: after a line of the text if it has one. */
  function endOf(start: number, most: number): number {
    const last = Math.min(most, start + BLOCK);
    for (let end = start + LEAST; end < last; end++) {
      if (sequence.at(end - 1).text.endsWith("\n")) return end;
    }
    return last;
  }

  /** Colours the tokens that have another level now, in a frame of a drag those in view. */
  function paint({ element, levels, start }: Block, from = 0, to = levels!.length): void {
    const { value: colour } = sequence.colour;
    for (let k = from; k < to; k++) {
      const level = sequence.level(sequence.at(start + k));
      const shown = colour === "sampler" ? level + 10 : level;
      if (levels![k] === shown) continue;
      levels![k] = shown;
      element.children[k]!.className = classOf(colour, level);
    }
  }

  /** Finds which tokens are in view. */
  function look(): void {
    const { top, bottom } = list.getBoundingClientRect();
    for (const block of present()) {
      const boxOf = (k: number) => block.element.children[k]!.getBoundingClientRect();
      const { length } = block.levels!;
      block.view = [
        countLeading(length, (k) => boxOf(k).bottom < top),
        countLeading(length, (k) => boxOf(k).top < bottom),
      ];
      paint(block, ...block.view);
    }
  }

  let frame = 0;
  let toReveal: number | null = null;
  /** Does what asks for the layout of the page, once for each frame in which the text changes. */
  function lookSoon(position = toReveal): void {
    toReveal = position;
    frame ||= requestAnimationFrame(() => {
      frame = 0;
      if (toReveal !== null && toReveal < sequence.loaded.peek()) reveal(toReveal);
      toReveal = null;
      look();
    });
  }

  /** Names the tokens of a block for screen readers, once a drag rests. */
  function name({ element, start, levels }: Block, from = 0): void {
    for (let k = from; k < levels!.length; k++) {
      element.children[k]!.ariaLabel = tokenText(sequence, start + k);
      element.children[k]!.ariaSetSize = String(sequence.count.peek());
    }
  }

  function nameAll(): void {
    for (const block of present()) {
      paint(block);
      name(block);
    }
  }

  function elementOf(position: number): HTMLElement | null {
    const block = present().find(({ start, end }) => start <= position && position < end);
    return (block?.element.children[position - block.start] as HTMLElement | undefined) ?? null;
  }

  /** The token whose row is shown, and the one that Tab goes to. */
  let marked: readonly (HTMLElement | null)[] = [];
  function mark(): void {
    for (const old of marked) {
      if (old === null) continue;
      old.ariaSelected = "false";
      old.tabIndex = -1;
    }
    const shown = elementOf(instrument.items.peek().row ?? -1);
    if (shown !== null) shown.ariaSelected = "true";
    const first = present()[0]?.element.firstElementChild as HTMLElement | undefined;
    const stop = elementOf(current) ?? first ?? null;
    if (stop !== null) stop.tabIndex = 0;
    marked = [shown, stop];
  }

  /** Scrolls the list, and nothing around it, so that a position is in view. */
  function reveal(position: number): void {
    const block = blocks.find(({ end }) => position < end);
    if (block === undefined) return;
    if (block.levels === null) {
      list.scrollTop = block.element.offsetTop;
      fill(block);
    }
    const token = elementOf(position)!.getBoundingClientRect();
    const { top, bottom } = list.getBoundingClientRect();
    if (token.top < top) list.scrollTop -= top - token.top + token.height;
    if (token.bottom > bottom) list.scrollTop += token.bottom - bottom + token.height;
  }

  function go(position: number): void {
    current = Math.max(0, Math.min(sequence.loaded.peek() - 1, position));
    reveal(current);
    mark();
    elementOf(current)?.focus({ preventScroll: true });
    cursor.to(current);
  }

  /** The position of the token nearest to a place this far below the current one. */
  function below(distance: number): number {
    const { left, top } = elementOf(current)!.getBoundingClientRect();
    let nearest = current;
    let least = Infinity;
    for (const { element, start } of present()) {
      for (const [k, token] of [...element.children].entries()) {
        const box = token.getBoundingClientRect();
        const way = (box.top - top) * Math.sign(distance);
        if (way < 4) continue;
        const off = 1000 * Math.abs(way - Math.abs(distance)) + Math.abs(box.left - left);
        if (off < least) [least, nearest] = [off, start + k];
      }
    }
    return nearest;
  }

  function pressed(event: KeyboardEvent): void {
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const line = () => elementOf(current)!.getBoundingClientRect().height;
    const moves: Readonly<Record<string, () => number>> = {
      ArrowLeft: () => current - 1,
      ArrowRight: () => current + 1,
      ArrowUp: () => below(-line()),
      ArrowDown: () => below(line()),
      PageUp: () => below(-list.clientHeight),
      PageDown: () => below(list.clientHeight),
      Home: () => 0,
      End: () => sequence.loaded.peek() - 1,
    };
    const to = moves[event.key];
    if (to === undefined) return;
    event.preventDefault();
    go(to());
  }

  function clicked(event: Event): void {
    const token = (event.target as Element).closest("[role=option]");
    if (token !== null) go(Number(token.ariaPosInSet) - 1);
  }

  list.addEventListener("keydown", pressed);
  list.addEventListener("click", clicked);
  list.addEventListener("scroll", look);
  const resized = new ResizeObserver(look);
  resized.observe(list);
  let seen = sequence.changed.peek();
  const stops = [
    effect(() => {
      sequence.loaded.value;
      const { value: changed } = sequence.changed;
      if (!WRITING || changed === seen) {
        add();
        lookSoon();
        return;
      }
      seen = changed;
      // What has changed is taken out, and made anew.
      const hasFocus = () => list.contains(document.activeElement);
      const hadFocus = hasFocus();
      while ((blocks.at(-1)?.start ?? -1) >= changed.from) {
        const { element } = blocks.pop()!;
        observer.unobserve(element);
        byElement.delete(element);
        element.remove();
      }
      const last = blocks.at(-1);
      if (last !== undefined) resize(last, Math.min(last.end, changed.from));
      begun = sequence.passages.filter(([start]) => start < (last?.end ?? 0)).length;
      add();
      lookSoon();
      current = Math.max(0, Math.min(current, sequence.loaded.peek() - 1));
      mark();
      // Keys go on from the token that has taken the place of the focused one.
      if (hadFocus && !hasFocus()) {
        reveal(current);
        elementOf(current)?.focus({ preventScroll: true });
      }
    }),
    effect(() => {
      // Also where no token is present yet.
      instrument.temperature.value;
      instrument.truncation.value;
      sequence.colour.value;
      for (const block of present()) paint(block, ...block.view);
    }),
    effect(() => {
      // Once a drag rests.
      instrument.rested.value;
      instrument.truncation.value;
      return whenIdle(nameAll);
    }),
    effect(() => {
      // Each name has their number: once the text has stopped to grow.
      sequence.count.value;
      let cancel = () => {};
      const timer = setTimeout(() => (cancel = whenIdle(nameAll)), REST_MS);
      return () => {
        clearTimeout(timer);
        cancel();
      };
    }),
    effect(() => {
      const { row } = instrument.items.value;
      if (row !== null && row !== current && row < sequence.loaded.value) {
        current = row;
        lookSoon(row);
      }
      mark();
    }),
  ];
  return () => {
    cancelAnimationFrame(frame);
    observer.disconnect();
    resized.disconnect();
    for (const stop of stops) stop();
    list.removeEventListener("keydown", pressed);
    list.removeEventListener("click", clicked);
    list.removeEventListener("scroll", look);
    list.replaceChildren();
  };
}

/** How high a block is before it is laid out. */
function heightOf(tokens: number): string {
  return `${(1.9 * tokens) / PER_LINE}rem`;
}

function tokenElement(sequence: Sequence, position: number): HTMLElement {
  const token = document.createElement("span");
  const { text, part } = sequence.at(position);
  const isNext = WRITING && sequence.isNext(position);
  // A character stands in the first of its tokens.
  const shown =
    part > 0
      ? ([{ kind: "mark", text: "◂" }] as const)
      : isNext
        ? []
        : pieces(text === "" ? strings.label.empty : text);
  token.className = "token";
  token.tabIndex = -1;
  token.role = "option";
  token.ariaSelected = "false";
  token.ariaPosInSet = String(position + 1);
  token.toggleAttribute("data-next", isNext);
  token.append(
    ...shown.map(({ kind, text: piece }) => {
      if (kind === "text") return piece;
      const mark = document.createElement("span");
      mark.className = kind;
      mark.textContent = piece;
      return mark;
    }),
  );
  if (text.endsWith("\n")) token.append("\n");
  return token;
}
