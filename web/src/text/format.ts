/**
 * Numbers and labels as text, the twin of `thermoscope/present.py`; `tests/vectors/texts.json` holds
 * both to it. Only 0 is written as 0 %, and only 1 as 100 % or 1.
 */

import type { Bounds } from "../math/reported";
import { strings } from "./strings";

// Made once: making one takes longer than all other texts of a frame.
const { locale, decimal, group } = strings.numbers;
const ONE_DECIMAL = new Intl.NumberFormat(locale, { maximumFractionDigits: 1 });
const WHOLE = new Intl.NumberFormat(locale);

/** A number as this language writes it. */
const local = (text: string) => text.replace(".", decimal);

/**
 * A probability in percent, short enough for a bar.
 *
 * @param exact - false if 0 or 1 is only the float64 nearest to the probability
 */
export function percent(probability: number, exact = true): string {
  if (Number.isNaN(probability)) return "NaN";
  if (probability === 0) return exact ? "0 %" : "< 1e−321 %";
  if (probability >= 1 && exact) return "100 %";
  const value = 100 * probability;
  if (value > 99.99) return local("> 99.99 %");
  if (value >= 1) return local(`${value.toFixed(2)} %`);
  if (value >= 0.001) return local(`${value.toPrecision(3)} %`);
  return `${typographic(value.toExponential(1))} %`;
}

/** Two numbers count as one if they differ by less than this part of the larger. */
const SAME = 1e-4;

/** A number between two others, with a unit. */
function between(low: number, high: number, unit: string): string {
  const { atLeast, upTo, range } = strings.interval;
  /** With two digits, or as many as tell the ends apart, rounded outwards. */
  const end = (value: number, round: (value: number) => number) => {
    const decimals = Math.max(
      1 - Math.floor(Math.log10(value)),
      -Math.floor(Math.log10(high - low)),
    );
    if (value === 0 || decimals <= 0) return count(round(value));
    if (value < 0.001) return typographic(value.toExponential(1));
    return local((round(value * 10 ** decimals) / 10 ** decimals).toFixed(Math.min(decimals, 100)));
  };
  if (high === Infinity) return atLeast(end(low, Math.floor), unit);
  if (low < 0.01 * high) return upTo(end(high, Math.ceil), unit);
  return range(end(low, Math.floor), end(high, Math.ceil), unit);
}

function isSame(low: number, high: number): boolean {
  return high < Infinity && high - low <= SAME * high;
}

/** A probability in percent, of which only the least and the highest value are known. */
export function percentRange(low: number, high: number): string {
  return isSame(low, high)
    ? percent((low + high) / 2, low === high)
    : between(100 * low, 100 * high, " %");
}

/** The same of reported tokens, from the sum of their weights. */
export function percentOf(bounds: Bounds, weight: number): string {
  return percentRange(bounds.low(weight), bounds.high(weight));
}

/** The same of a measure. */
export function measureRange(low: number, high: number): string {
  return isSame(low, high) ? measure((low + high) / 2) : between(low, high, "");
}

/** A float64 with `significant` digits, or with all digits if fewer would round it to 1. */
export function digits(value: number, significant = 10): string {
  if (Number.isInteger(value) || !Number.isFinite(value)) return infinity(value);
  const small = Math.abs(value) < 1e-3;
  const rounded = small ? value.toExponential(significant - 1) : value.toPrecision(significant);
  return local(Number(rounded) === 1 ? String(value) : rounded);
}

/** A number with at most `significant` digits, or with all digits if fewer would overflow. */
export function plain(value: number, significant = 10): string {
  if (!Number.isFinite(value)) return infinity(value);
  const rounded = Number(value.toPrecision(significant));
  return local(String(Number.isFinite(rounded) ? rounded : value));
}

function infinity(value: number): string {
  return Number.isFinite(value) || Number.isNaN(value) ? String(value) : value > 0 ? "inf" : "-inf";
}

/** A measure (an entropy, a number of choices) with five significant digits. */
export function measure(value: number): string {
  if (value === 0 || !Number.isFinite(value)) return typographic(infinity(value + 0));
  const size = Math.abs(value);
  if (size < 1e-3 || size >= 1e9) return typographic(value.toExponential(3));
  if (size >= 1e4) return ONE_DECIMAL.format(value);
  return typographic(value.toPrecision(5));
}

/** A number without what separates its thousands. */
export function ungrouped(text: string): string {
  return text.replaceAll(group, "");
}

/** The same as a field shows it and takes it back: without separators. */
export function measureText(value: number): string {
  return ungrouped(measure(value));
}

/** The number of decimals that shows numbers up to `largest` with five digits. */
export function decimalsFor(largest: number): number {
  return Math.min(6, Math.max(0, 4 - Math.max(0, Math.floor(Math.log10(largest)))));
}

/** A number of at least 1 with two digits. */
export function twoDigits(value: number): string {
  return local(value.toPrecision(2));
}

/** A number in a column, where all have the same number of decimals. */
export function aligned(value: number, decimals: number): string {
  if (!Number.isFinite(value)) return typographic(infinity(value));
  const fixed = value.toFixed(decimals);
  const lost = value !== 0 && Number(fixed) === 0;
  return typographic(lost || Math.abs(value) >= 1e9 ? value.toExponential(2) : fixed);
}

/** A number in running text, of at most four significant digits. */
export function brief(value: number): string {
  return typographic(plain(value, 4));
}

function typographic(text: string): string {
  return local(text).replace("-", "−").replace("inf", "∞");
}

export function count(value: number): string {
  return WHOLE.format(value);
}

/** The temperature as the text field shows and takes it, with every digit. */
export function temperatureText(temperature: number): string {
  return local(infinity(temperature)).replace("inf", "∞");
}

/** The same, short enough for a large field: digits are cut, never rounded, and "…" says so. */
export function temperatureShort(temperature: number): string {
  const text = temperatureText(temperature);
  const parts = /^(0\D0*|\d+\D)(\d+)(e.*)?$/.exec(text);
  if (parts === null) return text;
  const [, start, decimals, exponent = ""] = parts;
  const kept = start!.startsWith("0") ? 4 : Math.max(1, 5 - start!.length);
  return decimals!.length > kept ? `${start}${decimals!.slice(0, kept)}…${exponent}` : text;
}

/** The shortest text that gives back the same float64: `parseNumber` reads it, and Python's `float` does. */
export function numberText(value: number): string {
  return Object.is(value, -0) ? "-0" : infinity(value).replace("+", "").toLowerCase();
}

/** The same as this language writes it, for people. */
export function numberShown(value: number): string {
  return local(numberText(value));
}

/** The number that a text stands for, null if it is none. Infinities and NaN are words. */
export function parseNumber(text: string): number | null {
  const typed = text.trim();
  const isNumber = /^[+-]?((\d+\.?\d*|\.\d+)(e[+-]?\d+)?|inf|infinity|∞|nan)$/i.test(typed);
  return isNumber ? Number(typed.replace(/inf.*|∞/i, "Infinity")) : null;
}

/** Why a typed text is not taken. */
export interface Refused {
  readonly error: string;
}

/**
 * Why a number can't be told from what was typed: what separates thousands in this language may do so
 * before just three digits, any other single comma or point is that of decimals. Null if it can be told.
 */
export function ambiguous(text: string): Refused | null {
  const [, whole, sign, thousands] = /^\D*([1-9]\d{0,2})([.,])(\d{3})\D*$/.exec(latin(text)) ?? [];
  if (sign !== group) return null;
  const read = [`${whole}${decimal}${thousands}`, `${whole}${thousands}`] as const;
  return { error: strings.ambiguous(clip(text.trim(), 20), ...read) };
}

/** The number that was typed, also with a decimal comma or a true minus; NaN if the text is none. */
export function parseTyped(text: string): number {
  return typedNumber(text) ?? NaN;
}

function typedNumber(text: string): number | null {
  return parseNumber(latin(text).replace(",", ".").replace("−", "-"));
}

/** The digits of Arabic keyboards as those of all others. */
function latin(text: string): string {
  return text
    .replace(/[٠-٩]/g, (digit) => String(digit.charCodeAt(0) - 0x660))
    .replace("٫", ".")
    .replace("٬", ",");
}

/** The whole number ≥ 0 that was typed, also with separators of thousands; null if the text is none. */
export function parseWhole(text: string): number | null {
  const typed = latin(text.trim());
  const isGrouped = /^\d{1,3}([.,]\d{3})+$/.test(typed);
  const number = parseNumber(isGrouped ? typed.replace(/[.,]/g, "") : typed);
  return Number.isSafeInteger(number) && number! >= 0 ? number : null;
}

/** The logit that was typed, or why the text is not one. */
export function parseLogit(text: string): number | Refused {
  return typedNumber(text) ?? { error: strings.edit.refused(clip(text.trim(), 20)) };
}

/** The probability that was typed in percent, also as `percent` writes it; NaN if the text is none. */
export function parsePercent(text: string): number {
  const probability = parseTyped(text.trim().replace(/^[<>]|%$/g, "")) / 100;
  return probability <= 1 ? probability : NaN;
}

/** The temperature that was typed, or why the text is not one. */
export function parseTemperature(text: string): number | Refused {
  const temperature = parseTyped(text);
  // Adding 0 turns −0 into 0.
  if (temperature >= 0) return temperature + 0;
  return { error: strings.temperature.refused(clip(text.trim(), 20)) };
}

/** A part of a label: plain text, a space at an end, or a mark for an invisible character. */
export interface Piece {
  readonly kind: "text" | "space" | "mark";
  readonly text: string;
}

/** A row has no room for more, and a browser lays out every character of a text that it clips. */
const LONGEST = 200;

/** The same characters as in `present.py`, which gives the reasons. */
const INVISIBLE =
  // biome-ignore lint/suspicious/noMisleadingCharacterClass: each stands for itself
  /[\u034f\p{Cc}\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\p{Cs}\ufeff\uffa0\ufff0-\ufff8\u{1bca0}-\u{1bca3}\u{1d173}-\u{1d17a}\u{e0000}-\u{e0fff}]/u;

/** A label in pieces, so that spaces at its ends and invisible characters can be shown. */
export function pieces(label: string, longest = LONGEST): Piece[] {
  const found: Piece[] = [];
  let rest = clip(label, longest);
  const trailing = /[ \u00a0]*$/.exec(rest)![0];
  rest = rest.slice(0, rest.length - trailing.length);
  const spaces = (text: string) => {
    for (const space of text) found.push({ kind: "space", text: space });
  };
  const leading = /^[ \u00a0]*/.exec(rest)![0];
  spaces(leading);
  rest = rest.slice(leading.length);
  while (rest !== "") {
    const at = rest.search(INVISIBLE);
    const end = at < 0 ? rest.length : at;
    if (end > 0) found.push({ kind: "text", text: rest.slice(0, end) });
    const code = at < 0 ? 0 : rest.codePointAt(at)!;
    if (at >= 0) found.push({ kind: "mark", text: mark(code) });
    rest = rest.slice(end + (code > 0xffff ? 2 : 1));
  }
  spaces(trailing);
  return found;
}

/** A text on one line, with an escape for each invisible character, as `present.printable` has it. */
export function printable(text: string): string {
  return text.replace(new RegExp(INVISIBLE, "gu"), (found) => mark(found.codePointAt(0)!));
}

/** A label within a sentence. */
export function spoken(label: string): string {
  const words = label.trim();
  if (words === "") return label === "" ? strings.label.empty : strings.label.space;
  return pieces(clip(words, 40))
    .map((piece) => piece.text)
    .join("");
}

/** The escape of a string literal: some fonts lack the symbols for control characters. */
function mark(code: number): string {
  const short: Record<number, string> = { 9: "\\t", 10: "\\n", 13: "\\r" };
  const hex = code.toString(16);
  if (code in short) return short[code]!;
  if (code < 0x100) return `\\x${hex.padStart(2, "0")}`;
  return code <= 0xffff ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`;
}

export function clip(text: string, longest: number): string {
  if (text.length <= longest) return text;
  return `${text.slice(0, longest).replace(/[\ud800-\udbff]$/, "")}…`;
}
