/** .npy, as NumPy Enhancement Proposal 1 specifies it: the first row of an array of numbers. */

import { strings } from "../text/strings";
import { type NumberArray, ReadError } from "./content";

const { data: texts } = strings;

const MAGIC = "\x93NUMPY";
/** How a number is read, by NumPy's name of its type without the order of its bytes. */
const TYPES: Readonly<Record<string, (view: DataView, at: number, isLittle: boolean) => number>> = {
  b1: (view, at) => (view.getUint8(at) === 0 ? 0 : 1),
  i1: (view, at) => view.getInt8(at),
  u1: (view, at) => view.getUint8(at),
  i2: (view, at, isLittle) => view.getInt16(at, isLittle),
  u2: (view, at, isLittle) => view.getUint16(at, isLittle),
  i4: (view, at, isLittle) => view.getInt32(at, isLittle),
  u4: (view, at, isLittle) => view.getUint32(at, isLittle),
  i8: (view, at, isLittle) => Number(view.getBigInt64(at, isLittle)),
  u8: (view, at, isLittle) => Number(view.getBigUint64(at, isLittle)),
  f2: (view, at, isLittle) => half(view.getUint16(at, isLittle)),
  f4: (view, at, isLittle) => view.getFloat32(at, isLittle),
  f8: (view, at, isLittle) => view.getFloat64(at, isLittle),
};

/** The number that the bits of a float16 stand for. */
function half(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 0x3ff;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** The first row of the array in a .npy file. */
export function readNpy(bytes: Uint8Array): NumberArray {
  if (bytes[0] === 0x80) throw new ReadError(texts.pickle);
  if (String.fromCharCode(...bytes.subarray(0, MAGIC.length)) !== MAGIC) {
    throw new ReadError(texts.notNpy);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 12) throw new ReadError(texts.cut);
  const isLong = view.getUint8(6) > 1;
  const start = isLong ? 12 : 10;
  const end = start + (isLong ? view.getUint32(8, true) : view.getUint16(8, true));
  if (view.getUint8(6) < 1 || view.getUint8(6) > 3 || end > bytes.length) {
    throw new ReadError(texts.cut);
  }
  const header = new TextDecoder(view.getUint8(6) > 2 ? "utf-8" : "latin1").decode(
    bytes.subarray(start, end),
  );
  const descr = /['"]descr['"]\s*:\s*(?:'([^']*)'|"([^"]*)"|(\[))/.exec(header);
  const order = /['"]fortran_order['"]\s*:\s*(True|False)/.exec(header)?.[1];
  const shapeText = /['"]shape['"]\s*:\s*\(([\d\s,]*)\)/.exec(header)?.[1];
  if (descr === null || order === undefined || shapeText === undefined) {
    throw new ReadError(texts.cut);
  }
  const shape = (shapeText.match(/\d+/g) ?? []).map(Number);
  const name = descr[1] ?? descr[2] ?? "";
  if (/O/.test(name)) throw new ReadError(texts.pickle);
  const code = name.replace(/^[<>|=]/, "");
  const read = Object.hasOwn(TYPES, code) ? TYPES[code]! : null;
  if (read === null) throw new ReadError(texts.notReal(descr[3] ? texts.records : name));
  const size = Number(code.slice(1));
  const total = shape.reduce((product, length) => product * length, 1);
  if (bytes.length - end < total * size) throw new ReadError(texts.cut);

  const entries = shape.at(-1) ?? 1;
  // In the order of Fortran, neighbours along the last axis are the farthest apart.
  const stride = order === "True" ? total / entries : 1;
  const row = new Float64Array(total === 0 ? 0 : entries);
  for (let at = 0; at < row.length; at++) {
    row[at] = read(view, end + at * stride * size, name[0] !== ">");
  }
  return { of: code[0] === "f" ? "fractions" : "whole", shape, row, words: null };
}
