/**
 * The one state of an explorer and its one written form, the twin of
 * `thermoscope/state.py`: notebook traits, files and the local page all use it.
 *
 * JSON has no infinities, so logits travel as the base64 of little-endian float64 bytes and
 * an infinite temperature as "inf".
 */

import { check, type Settings, stepsOf } from "../math/engines";
import type { Tail } from "../math/reported";
import { SCALES, type ScaleName } from "../math/scales";
import { strings } from "../text/strings";

export const STATE_VERSION = 1;
const CALL = 8192;

/** One row of logits, and what is known about it. */
export interface Items {
  /** Any float64, ±inf and NaN included; at least one. */
  readonly logits: Float64Array;
  /** One label for each logit, or null: then the label is the index, counted from 0. */
  readonly labels: readonly string[] | null;
  /** Where the logits came from (a file's name, "given"), or null for logits drawn at random. */
  readonly source: string | null;
  /** Which row of several the logits are, counted from 0, or null. */
  readonly row: number | null;
  /** The true class, counted from 0, or null if it is not known. */
  readonly target: number | null;
  /** The seed with which `randomLogits` draws the logits, or null for other logits. */
  readonly seed: number | null;
  /**
   * What is known of the tokens that a server did not report; null where the logits are all there are.
   * With a tail, the logits are the logarithms of the reported probabilities, times the server's temperature.
   */
  readonly tail: Tail | null;
}

export interface State extends Items {
  /** In [0, ∞], both ends included. */
  readonly temperature: number;
  /** The steps of the sampler besides the temperature; empty if nothing is truncated. */
  readonly truncation: Settings;
  /** The scale of the temperature slider. */
  readonly scale: ScaleName;
}

/** The part of a state that is about its logits. */
export function itemsOf({ logits, labels, source, row, target, seed, tail }: Items): Items {
  return { logits, labels, source, row, target, seed, tail };
}

/** The source of logits that the user made, or that a link gives. */
export const GIVEN = "given";

export const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/** The label of an item. Without labels, few items are A, B, C …, and many are numbered from 0. */
export function labelOf({ labels, logits }: Items, item: number): string {
  if (labels !== null) return labels[item]!;
  return logits.length <= LETTERS.length ? LETTERS[item]! : String(item);
}

/** JSON has no infinity: null is the count of an unknown vocabulary. */
export type WrittenTail = Omit<Tail, "count"> & { readonly count: number | null };

export interface WrittenState {
  readonly version: number;
  readonly logits: string;
  readonly labels: readonly string[] | null;
  readonly temperature: number | "inf";
  readonly source: string | null;
  readonly row?: number;
  readonly target?: number;
  readonly seed?: number;
  readonly tail?: WrittenTail;
  readonly truncation?: Settings;
  readonly scale?: ScaleName;
}

export function writeTemperature(temperature: number): number | "inf" {
  return temperature === Infinity ? "inf" : temperature;
}

export function readTemperature(written: unknown): number {
  const temperature = written === "inf" ? Infinity : written;
  if (typeof temperature !== "number" || !(temperature >= 0)) {
    throw new RangeError(strings.errors.temperature(written));
  }
  return temperature;
}

export function readScale(written: unknown): ScaleName {
  if (typeof written === "string" && Object.hasOwn(SCALES, written)) return written as ScaleName;
  throw new RangeError(strings.errors.scale(Object.keys(SCALES), written));
}

export function readTruncation(written: unknown): Settings {
  const settings = Object(written) as Settings;
  check(settings);
  if (!stepsOf(settings).includes("temperature")) {
    throw new RangeError(strings.errors.order(settings.order));
  }
  return settings;
}

export function writeTail(tail: Tail | null): WrittenTail | null {
  return tail && { ...tail, count: Number.isFinite(tail.count) ? tail.count : null };
}

export function readTail(written: WrittenTail | null): Tail | null {
  return written && { ...written, count: written.count ?? Infinity };
}

/** The logits in little-endian float64 bytes, copied so that they are aligned. */
export function logitsFromBytes(bytes: ArrayBufferView): Float64Array {
  if (bytes.byteLength === 0 || bytes.byteLength % 8 !== 0) {
    throw new RangeError(strings.errors.logits(bytes.byteLength));
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const logits = new Float64Array(bytes.byteLength / 8);
  for (let i = 0; i < logits.length; i++) logits[i] = view.getFloat64(8 * i, true);
  return logits;
}

/** The little-endian float64 bytes of the logits. */
export function logitsToBytes(logits: Float64Array): DataView<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(8 * logits.length));
  for (let i = 0; i < logits.length; i++) view.setFloat64(8 * i, logits[i]!, true);
  return view;
}

/** The base64 of bytes, as `bytesOf` reads it. */
export function base64Of(buffer: ArrayBuffer): string {
  const texts: string[] = [];
  // A call takes a limited number of arguments.
  for (let start = 0; start < buffer.byteLength; start += CALL) {
    const bytes = new Uint8Array(buffer, start, Math.min(CALL, buffer.byteLength - start));
    texts.push(String.fromCharCode(...bytes));
  }
  return btoa(texts.join(""));
}

/** The written form, in which parts that say nothing are left out, as `State.to_json` does it. */
export function writeState(state: State): WrittenState {
  const { labels, temperature, source, row, target, seed, tail, truncation, scale } = state;
  return {
    version: STATE_VERSION,
    logits: base64Of(logitsToBytes(state.logits).buffer),
    labels,
    temperature: writeTemperature(temperature),
    source,
    ...(row !== null && { row }),
    ...(target !== null && { target }),
    ...(seed !== null && { seed }),
    ...(tail !== null && { tail: writeTail(tail)! }),
    ...(Object.keys(truncation).length > 0 && { truncation }),
    ...(scale !== "full" && { scale }),
  };
}

/** The numbers of a base64 of little-endian float64 bytes. */
export function readNumbers(written: string): Float64Array {
  return logitsFromBytes(bytesOf(written));
}

export function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  // Of browsers from 2025 on; it takes a tenth of the time.
  const { fromBase64 } = Uint8Array as { fromBase64?(text: string): Uint8Array<ArrayBuffer> };
  if (fromBase64 !== undefined) return fromBase64(base64);
  // Uint8Array.from would first make a list of all characters: 30 MB for 262,144 logits.
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

export function readState(written: WrittenState): State {
  if (written.version !== STATE_VERSION) {
    throw new RangeError(strings.errors.version(STATE_VERSION, written.version));
  }
  const logits = readNumbers(written.logits);
  if (written.labels !== null && written.labels.length !== logits.length) {
    throw new RangeError(strings.errors.labels(logits.length, written.labels.length));
  }
  const { row = null, target = null, seed = null, tail = null } = written;
  const { truncation = {}, scale = "full" } = written;
  if (target !== null && !(target >= 0 && target < logits.length)) {
    throw new RangeError(strings.errors.target(logits.length - 1, target));
  }
  if (seed !== null && !(Number.isSafeInteger(seed) && seed >= 0))
    throw new RangeError(strings.errors.seed(seed));
  return {
    logits,
    labels: written.labels,
    source: written.source,
    row,
    target,
    seed,
    tail: readTail(tail),
    temperature: readTemperature(written.temperature),
    truncation: readTruncation(truncation),
    scale: readScale(scale),
  };
}
