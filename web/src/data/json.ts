/**
 * JSON, by the rules of `thermoscope/data/formats/json_text.py`: rows as lists, objects of labels and
 * logits, tables of objects, and objects of arrays. JSON.parse would sort keys that are numbers, and
 * it knows no NaN.
 */

import { strings } from "../text/strings";
import {
  Archive,
  type Content,
  FEWEST_WHOLE,
  type Kind,
  type NumberArray,
  ReadError,
  type Table,
} from "./content";

const { data: texts } = strings;

/** The members of an object, in their order; a key may stand twice. */
class Members {
  constructor(readonly list: readonly (readonly [string, Value])[]) {}

  /** Of a key that stands twice, the last. */
  get(key: string): Value | undefined {
    return this.list.findLast(([name]) => name === key)?.[1];
  }

  get names(): readonly string[] {
    return this.list.map(([name]) => name);
  }
}

/** A whole number is a bigint: 1 and 1.0 are not the same here. */
type Value = null | boolean | string | number | bigint | readonly Value[] | Members;

const NUMBER = /(-?(?:0|[1-9]\d*))(\.\d+)?([eE][-+]?\d+)?/y;
// biome-ignore lint/suspicious/noControlCharactersInRegex: these end a string of JSON
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const BLANK = /[ \t\r\n]*/y;
const WORDS: readonly (readonly [string, Value])[] = [
  ["null", null],
  ["true", true],
  ["false", false],
  ["NaN", NaN],
  ["Infinity", Infinity],
  ["-Infinity", -Infinity],
];
const NOT_FINITE: Readonly<Record<string, number>> = { inf: Infinity, "-inf": -Infinity, nan: NaN };
const MOST_WHOLE = 2n ** 63n;

/** Whether a text without a telling name begins as JSON, or as a stream of it. */
export function mayBeJson(text: string): boolean {
  return /^\s*(?:[[{:]|(?:data|event|id|retry):)/.test(text);
}

/** What a text of JSON holds. */
export function readJson(text: string): Content {
  if (/^\s*(?:data|event|id|retry)?:/.test(text)) throw new ReadError(texts.answer);
  const lines = linesOf(text);
  const values = lines ?? valuesOf(text, 1);
  if (values.some(isAnswer)) throw new ReadError(texts.answer);
  if (lines !== null) return ofLines(lines);
  if (values.length === 0) throw new ReadError(texts.noNumbers);
  return ofValue(values.length === 1 ? values[0]! : values);
}

/** The values of a text, one after another. */
function valuesOf(text: string, line: number): Value[] {
  const values: Value[] = [];
  let at = 0;

  function fail(): never {
    throw new ReadError(texts.notJson(line + text.slice(0, at).split("\n").length - 1));
  }
  function match(expression: RegExp): RegExpExecArray | null {
    expression.lastIndex = at;
    const found = expression.exec(text);
    if (found !== null) at += found[0].length;
    return found;
  }
  function take(character: string): boolean {
    match(BLANK);
    if (text[at] !== character) return false;
    at++;
    return true;
  }
  function string(): string {
    match(BLANK);
    const found = match(STRING) ?? fail();
    return JSON.parse(found[0]);
  }
  function list<Item>(end: string, item: () => Item): Item[] {
    const items: Item[] = [];
    if (take(end)) return items;
    do items.push(item());
    while (take(","));
    return take(end) ? items : fail();
  }
  function value(): Value {
    match(BLANK);
    if (take("[")) return list("]", value);
    if (take("{")) {
      return new Members(
        list("}", () => {
          const name = string();
          return take(":") ? ([name, value()] as const) : fail();
        }),
      );
    }
    if (text[at] === '"') return string();
    for (const [word, meaning] of WORDS) {
      if (!text.startsWith(word, at)) continue;
      at += word.length;
      return meaning;
    }
    const [number, whole, fraction, exponent] = match(NUMBER) ?? fail();
    return fraction === undefined && exponent === undefined ? BigInt(whole!) : Number(number);
  }

  try {
    for (match(BLANK); at < text.length; match(BLANK)) values.push(value());
  } catch (error) {
    // The engine's own: too many calls within calls.
    if (error instanceof RangeError) throw new ReadError(texts.tooDeep);
    throw error;
  }
  return values;
}

/** The values of a text with one on each line, and more than one; else null. */
function linesOf(text: string): Value[] | null {
  const lines = text.split("\n").map((line) => line.replace(/\r$/, ""));
  const filled = lines.filter((line) => line.trim() !== "");
  if (filled.length < 2 || !/^\s*[[{]/.test(filled[1]!)) return null;
  try {
    const [first, ...more] = valuesOf(filled[0]!, 1);
    if (more.length > 0 || !(Array.isArray(first) || first instanceof Members)) return null;
  } catch (error) {
    if (error instanceof ReadError) return null;
    throw error;
  }
  return lines.flatMap((line, at) => {
    if (line === "") return [];
    const values = valuesOf(line, at + 1);
    if (values.length === 0) throw new ReadError(texts.notJson(at + 1));
    return [values.length === 1 ? values[0]! : values];
  });
}

/** Keys of what servers of language models answer. */
const TOKEN = ["token", "text", "id", "token_id", "tokenId", "tok_str", "decoded_token"];
const LOGPROB = ["logprob", "logProbability", "log_probability", "likelihood", "prob"];
const PARTS = [
  ...["choices", "candidates", "output", "generations", "results", "prompt_logprobs", "details"],
  ...["logprobs", "message", "meta_info", "completion_probabilities", "output_token_logprobs"],
];

/** Whether a value is what a server of a language model answers. */
function isAnswer(value: Value): boolean {
  if (Array.isArray(value)) return value.some(isAnswer);
  if (!(value instanceof Members)) return false;
  const { names } = value;
  const isToken = names.some((name) => TOKEN.includes(name));
  if (isToken && names.some((name) => LOGPROB.includes(name))) return true;
  return value.list.some(
    ([name, part]) =>
      (PARTS.includes(name) && hasMembers(part)) || (part instanceof Members && isAnswer(part)),
  );
}

function hasMembers(value: Value): boolean {
  return value instanceof Members || (Array.isArray(value) && value.some(hasMembers));
}

function isNotFinite(value: Value): boolean {
  return typeof value === "string" && Object.hasOwn(NOT_FINITE, value);
}

function numberOf(value: Value, name: string): number {
  if (typeof value === "number") return value;
  if (isNotFinite(value)) return NOT_FINITE[value as string]!;
  if (typeof value === "bigint" && Number.isFinite(Number(value))) return Number(value);
  throw new ReadError(texts.notNumber(name, said(value)));
}

/** What JSON calls a value, short enough for a line. */
function said(value: Value): string {
  if (Array.isArray(value)) return texts.list;
  if (value instanceof Members) return texts.object;
  return String(value).slice(0, 40);
}

function ofValue(value: Value): Content {
  if (value instanceof Members && value.list.length > 0) return ofObject(value);
  if (!Array.isArray(value) && !(value instanceof Members)) {
    throw new ReadError(texts.noRow(said(value)));
  }
  const [first] = value instanceof Members ? [] : value;
  if (first === undefined) throw new ReadError(texts.noNumbers);
  const values = value as readonly Value[];
  if (first instanceof Members) return ofRecords(values, texts.rowAt);
  if (Array.isArray(first) && first[0] instanceof Members) return ofScores(values);
  return nested(values, "");
}

function ofObject(members: Members): Content {
  const { list, names } = members;
  if (!list.some(([, value]) => Array.isArray(value))) {
    return rowOf(
      list.map(([name, value]) => numberOf(value, name)),
      names,
    );
  }
  const [columns, rows] = [members.get("columns"), members.get("data")];
  if (columns !== undefined && rows !== undefined) return ofSplit(columns, rows);
  // Numbers and texts beside lists say something about these, as the temperature does.
  const arrays = list.filter(([, value]) => Array.isArray(value));
  return new Archive(
    new Map(arrays.map(([name, value]) => [name, nested(value as readonly Value[], name)])),
  );
}

function rowOf(numbers: readonly number[], labels: readonly string[] | null = null): NumberArray {
  return {
    of: "fractions",
    shape: [numbers.length],
    row: Float64Array.from(numbers),
    words: labels,
  };
}

/** Lists of lists of numbers, all of one length, as an array. */
function nested(values: readonly Value[], where: string): NumberArray {
  const [first] = values;
  if (first === undefined) throw new ReadError(texts.noNumbers);
  if (!Array.isArray(first)) {
    if (areTexts(values)) {
      const words = values as readonly string[];
      return { of: "text", shape: [words.length], row: new Float64Array(), words };
    }
    const numbers = values.map((value, at) => numberOf(value, texts.itemAt(where, at)));
    const isWhole = values.every((value) => typeof value === "bigint" && abs(value) < MOST_WHOLE);
    return { ...rowOf(numbers), of: isWhole ? "whole" : "fractions" };
  }
  const rows = values.map((value, at) => {
    if (!Array.isArray(value) || value.length !== first.length) {
      const got = Array.isArray(value) ? String(value.length) : said(value);
      throw new ReadError(texts.rowLength(texts.rowIn(where, at), first.length, got));
    }
    return nested(value, texts.rowIn(where, at));
  });
  const shape = rows[0]!.shape;
  rows.forEach((row, at) => {
    if (String(row.shape) !== String(shape)) {
      throw new ReadError(texts.rowShape(texts.rowIn(where, at)));
    }
  });
  const kinds = new Set(rows.map((row) => row.of));
  const of = kinds.has("text")
    ? kinds.size === 1
      ? "text"
      : "other"
    : kinds.has("fractions")
      ? "fractions"
      : "whole";
  return { ...rows[0]!, of, shape: [values.length, ...shape] };
}

function abs(value: bigint): bigint {
  return value < 0n ? -value : value;
}

/** Whether all are strings, and not all of them numbers that JSON cannot write. */
function areTexts(values: readonly Value[]): boolean {
  return values.every((value) => typeof value === "string") && !values.every(isNotFinite);
}

/** A column of a table: its cells as what they are. */
interface Column {
  readonly name: string;
  readonly kind: Kind;
  readonly numbers?: Float64Array;
  readonly words?: readonly string[];
  readonly lists?: NumberArray;
}

function columnOf(name: string, cells: readonly Value[], where: (at: number) => string): Column {
  if (areTexts(cells)) return { name, kind: "text", words: cells as readonly string[] };
  if (cells.every(Array.isArray)) return { name, kind: "list", lists: nested(cells, name) };
  const numbers = Float64Array.from(cells, (cell, at) => numberOf(cell, `${where(at)}: ${name}`));
  return { name, kind: kindOf(cells), numbers };
}

function kindOf(cells: readonly Value[]): Kind {
  const isWhole = (cell: Value) => typeof cell === "bigint" && cell >= 0n && cell < MOST_WHOLE;
  return cells.length >= FEWEST_WHOLE && cells.every(isWhole) ? "integer" : "float";
}

function tableOf(columns: readonly Column[], rows: number, notes: readonly string[] = []): Table {
  return {
    names: columns.map(({ name }) => name),
    isNamed: true,
    kinds: columns.map(({ kind }) => kind),
    rows,
    index: [],
    notes,
    numbers: (at) => columns[at]!.numbers!,
    words: (at) => columns[at]!.words!,
    list: (at) => columns[at]!.lists!,
  };
}

/** The table of objects that all have the same keys. */
function ofRecords(records: readonly Value[], where: (at: number) => string): Table {
  const { names } = records[0] as Members;
  const sorted = String([...names].sort());
  const cells: Value[][] = names.map(() => []);
  records.forEach((record, at) => {
    if (!(record instanceof Members)) throw new ReadError(texts.noObject(where(at), said(record)));
    const isOrdered = String(record.names) === String(names);
    if (!isOrdered && String([...record.names].sort()) !== sorted) {
      throw new ReadError(texts.keys(where(at)));
    }
    names.forEach((name, column) => {
      // Two may have the same name: then the order is all there is.
      cells[column]!.push(isOrdered ? record.list[column]![1] : record.get(name)!);
    });
  });
  return tableOf(
    names.map((name, column) => columnOf(name, cells[column]!, where)),
    records.length,
  );
}

function ofSplit(columns: Value, rows: Value): Table {
  const names = (Array.isArray(columns) ? columns : []).map((name) =>
    name === null ? "None" : String(name),
  );
  if (!Array.isArray(rows) || rows.length === 0) throw new ReadError(texts.noNumbers);
  rows.forEach((row, at) => {
    if (!Array.isArray(row) || row.length !== names.length) {
      const got = Array.isArray(row) ? String(row.length) : said(row);
      throw new ReadError(texts.rowLength(texts.rowAt(at), names.length, got));
    }
  });
  return tableOf(
    names.map((name, at) =>
      columnOf(
        name,
        rows.map((row) => row[at]!),
        texts.rowAt,
      ),
    ),
    rows.length,
  );
}

/** Rows of {label, score} objects, with a column for each label. */
function ofScores(rows: readonly Value[]): Table {
  const found = rows.map((row, at) => {
    const scores = new Map<string, number>();
    for (const item of Array.isArray(row) ? row : [null]) {
      const label = item instanceof Members ? item.get("label") : undefined;
      if (typeof label !== "string" || String([...item.names].sort()) !== "label,score") {
        throw new ReadError(texts.scores(texts.rowAt(at), said(item)));
      }
      scores.set(label, numberOf(item.get("score"), `${texts.rowAt(at)}: ${label}`));
    }
    return scores;
  });
  const labels = [...found[0]!.keys()];
  found.forEach((scores, at) => {
    const isSame = scores.size === labels.length && labels.every((label) => scores.has(label));
    if (!isSame || scores.size !== (rows[at] as readonly Value[]).length) {
      throw new ReadError(texts.scoreLabels(texts.rowAt(at)));
    }
  });
  return tableOf(
    labels.map((name) => ({
      name,
      kind: "float",
      numbers: Float64Array.from(found, (scores) => scores.get(name)!),
    })),
    rows.length,
    [texts.byLabel],
  );
}

/** Rows of which one stands on each line. */
function ofLines(values: readonly Value[]): Content {
  const [first] = values;
  if (!(first instanceof Members)) return nested(values, "");
  return ofRecords(values, texts.lineAt);
}
