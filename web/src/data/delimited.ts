/**
 * Tables of text, by the rules of `thermoscope/data/formats/delimited.py`, which says them: what
 * separates cells, when a comma is a decimal comma, what is a header, and which columns hold numbers.
 */

import { strings } from "../text/strings";
import { cellNumber, FEWEST_WHOLE, type Kind, ReadError, type Table } from "./content";

/** Records that say what the columns are; fewer if they have more than `HEAD_LENGTH` characters. */
const HEAD = 100;
const HEAD_LENGTH = 2 ** 18;
const MISSING = new Set([
  ...["", "na", "n/a", "#n/a", "nan", "null", "none", "nil", "-", "?", ".", "#div/0!", "missing"],
]);
export const DECIMAL_COMMA = /^\s*[+-]?\d+,\d+(?:[eE][+-]?\d+)?\s*$/;
const THOUSANDS = /^\s*[+-]?\d{1,3}(?:,\d{3})+(?:\.\d*)?\s*$/;
/** Almost a number: a mistake rather than a word. */
const ALMOST = /^\s*[+-]?[\d.,'OolI]*\d[\d.,'OolI]*(?:[eE][+-]?\d*)?\s*$/;
const WHOLE = /^\s*\d+\s*$/;
const NEEDS_QUOTES = /[,;\t"\r\n]/;

const { data: texts } = strings;

/** How cells are told apart and numbers are written. */
interface Dialect {
  /** Null: any number of spaces. */
  readonly delimiter: string | null;
  readonly decimalComma: boolean;
}

interface Line {
  readonly cells: readonly string[];
  /** Which cells are in quotes. */
  readonly inQuotes: readonly boolean[];
  /** The line that it begins on, from 1. */
  readonly line: number;
  /** The text of the record, without its end. */
  readonly raw: string;
}

function numberOf({ decimalComma }: Dialect, cell: string): number | null {
  return cellNumber(decimalComma ? cell.replaceAll(",", ".") : cell);
}

/** The table that a text holds; `ending` is that of the name of its file. */
export function readTable(text: string, ending: string): Table {
  const { dialect, comments, records } = dialectOf(text, ending);
  const [first] = records;
  if (first === undefined) throw new ReadError(texts.noNumbers);
  const width = first.cells.length;
  const head = headOf(records);
  for (const { cells, line } of head) {
    if (cells.length !== width) throw new ReadError(texts.width(line, width, cells.length));
  }
  const { isHeader, names, notes } = header(dialect, comments, head);
  const isQuoted = isHeader && first.inQuotes.every(Boolean);
  const kinds = kindsOf(dialect, isHeader ? head.slice(1) : head, isQuoted ? null : names);
  if (dialect.decimalComma) notes.push(texts.decimalCommas);
  const body = isHeader ? records.slice(1) : records;
  const shown = names ?? first.cells.map((_, at) => String(at));
  const isIndex =
    !isQuoted && names !== null && width > 1 && ["", "Unnamed: 0"].includes(names[0]!);

  function column(at: number): readonly string[] {
    return body.map(({ cells, line }) => {
      if (cells.length !== width) throw new ReadError(texts.width(line, width, cells.length));
      return cells[at]!;
    });
  }
  return {
    names: shown,
    isNamed: names !== null,
    kinds,
    rows: body.length,
    index: isIndex ? [0] : [],
    notes,
    numbers: (at) =>
      Float64Array.from(column(at), (cell, row) => {
        const number = numberOf(dialect, cell);
        if (number !== null) return number;
        throw new ReadError(texts.cell(body[row]!.line, shown[at]!, cell.trim(), remedy(cell)));
      }),
    words: column,
    list: () => {
      throw new ReadError(texts.noNumbers);
    },
  };
}

interface Found {
  readonly dialect: Dialect;
  readonly comments: readonly string[];
  readonly records: readonly Line[];
}

function dialectOf(text: string, ending: string): Found {
  const isSeparated = ending === ".csv" || ending === ".tsv";
  const candidates: (string | null)[] =
    ending === ".tsv" ? ["\t"] : [";", "\t", ",", ...(isSeparated ? [] : [null])];
  let regular: Found | null = null;
  for (const delimiter of candidates) {
    let found: Found;
    try {
      found = divided(text, { delimiter, decimalComma: false });
    } catch (error) {
      if (error instanceof ReadError) continue;
      throw error;
    }
    const head = headOf(found.records);
    const width = head[0]?.cells.length ?? 0;
    if (width < 2 || head.some(({ cells }) => cells.length !== width)) continue;
    const cells = head.flatMap((record) => record.cells);
    if (
      delimiter !== "," &&
      cells.some((cell) => DECIMAL_COMMA.test(cell)) &&
      !cells.some((cell) => cell.includes(".") && cellNumber(cell) !== null)
    ) {
      found = divided(text, { delimiter, decimalComma: true });
    }
    if (isPlain(found.dialect, head.length > 1 ? head.slice(1) : head)) return found;
    regular ??= found;
  }
  if (regular !== null) return regular;
  // A single column, or rows of several lengths, for which the error is in the usual terms.
  let delimiter: string | null = candidates.at(-1)!;
  if (!isSeparated) delimiter = text.split("\n", 1)[0]!.includes(",") ? "," : null;
  return divided(text, { delimiter, decimalComma: false });
}

/** Whether each column is all numbers or all words, and some are numbers. */
function isPlain(dialect: Dialect, body: readonly Line[]): boolean {
  let some = false;
  for (const column of columnsOf(body)) {
    const words = column.filter((cell) => numberOf(dialect, cell) === null);
    some ||= words.length === 0;
    if (words.some((cell) => ALMOST.test(cell) || isSeveral(cell))) return false;
  }
  return some;
}

/** Whether a cell is several numbers with spaces between them: then these separate cells. */
function isSeveral(cell: string): boolean {
  const parts = cell.trim().split(/\s+/);
  return parts.length > 1 && parts.every((part) => ALMOST.test(part));
}

function columnsOf(records: readonly Line[]): string[][] {
  return records[0]?.cells.map((_, at) => records.map(({ cells }) => cells[at]!)) ?? [];
}

function headOf(records: readonly Line[]): readonly Line[] {
  let length = 0;
  const end = records.findIndex(({ raw }, at) => {
    length += raw.length + 1;
    return at >= HEAD || (at >= 2 && length > HEAD_LENGTH);
  });
  return end < 0 ? records : records.slice(0, end + 1);
}

/** The records of a text, after lines of comment. */
function divided(text: string, dialect: Dialect): Found {
  const comments: string[] = [];
  let at = 0;
  let line = 1;
  while (at < text.length) {
    const end = text.indexOf("\n", at);
    const next = end < 0 ? text.length : end + 1;
    const comment = text.slice(at, next);
    if (!isComment(comment, dialect)) break;
    comments.push(comment);
    at = next;
    line++;
  }
  return { dialect, comments, records: recordsOf(text.slice(at), dialect.delimiter, line) };
}

/** Whether a line begins with "#" and is no label with its logit. */
function isComment(line: string, dialect: Dialect): boolean {
  if (!line.trimStart().startsWith("#")) return false;
  try {
    const [record] = recordsOf(line, dialect.delimiter, 1);
    if (record === undefined) return true;
    return record.cells.length !== 2 || numberOf(dialect, record.cells[1]!) === null;
  } catch {
    return true;
  }
}

/** The records of a text (RFC 4180); empty lines are none. */
function recordsOf(text: string, delimiter: string | null, firstLine: number): Line[] {
  const records: Line[] = [];
  let line = firstLine;
  if (delimiter === null) {
    for (const raw of text.split("\n")) {
      const cells = raw.trim() === "" ? [] : raw.trim().split(/\s+/);
      const inQuotes = cells.map(() => false);
      if (cells.length > 0) records.push({ cells, inQuotes, line, raw });
      line++;
    }
    return records;
  }
  let at = 0;
  while (at < text.length) {
    const begin = at;
    const beginLine = line;
    const cells: string[] = [];
    const inQuotes: boolean[] = [];
    for (;;) {
      inQuotes.push(text[at] === '"');
      if (text[at] === '"') {
        let cell = "";
        for (;;) {
          const close = text.indexOf('"', at + 1);
          if (close < 0) throw new ReadError(texts.openQuote(beginLine));
          const part = text.slice(at + 1, close);
          cell += part;
          line += part.split("\n").length - 1;
          at = close + 1;
          if (text[at] !== '"') break;
          cell += '"';
        }
        cells.push(cell);
        if (at < text.length && !`${delimiter}\r\n`.includes(text[at]!)) {
          throw new ReadError(texts.afterQuote(line));
        }
      } else {
        let end = at;
        while (end < text.length && text[end] !== delimiter && !"\r\n".includes(text[end]!)) end++;
        cells.push(text.slice(at, end));
        at = end;
      }
      if (text[at] !== delimiter) break;
      at++;
    }
    const raw = text.slice(begin, at);
    if (text[at] === "\r") {
      at++;
      if (at < text.length && text[at] !== "\n") throw new ReadError(texts.loneReturn(line));
    }
    at++;
    if (raw !== "") records.push({ cells, inQuotes, line: beginLine, raw });
    line++;
  }
  return records;
}

function header(dialect: Dialect, comments: readonly string[], head: readonly Line[]) {
  const { cells: first, line } = head[0]!;
  const body = head.slice(1);
  const isNumber = (cell: string) => numberOf(dialect, cell) !== null;
  const found = (isHeader: boolean, names: readonly string[] | null, notes: string[] = []) => ({
    isHeader,
    names,
    notes,
  });
  if (comments.length > 0) {
    const comment = comments.at(-1)!.trimStart().slice(1).trim();
    const named = recordsOf(comment, dialect.delimiter, 1)[0]?.cells ?? [];
    if (named.length === first.length && !named.some(isNumber)) {
      return found(
        false,
        named.map((name) => name.trim()),
      );
    }
  }
  if (body.length === 0) return found(false, null);
  const [second] = body;
  if (
    second!.cells.length > 1 &&
    head[0]!.inQuotes.every(Boolean) &&
    !second!.inQuotes.every(Boolean)
  ) {
    return found(true, first);
  }
  const start = first[0] === "" && first.length > 1 ? 1 : 0;
  const counts =
    first.length - start > 1 && first.slice(start).every((cell, at) => cell === String(at));
  if (counts && (start > 0 || !second!.cells.slice(start).every((cell) => WHOLE.test(cell)))) {
    return found(true, first, [texts.counted]);
  }
  const numeric = columnsOf(body)
    .map((column, at) => (at >= start && column.some(isNumber) ? at : -1))
    .filter((at) => at >= 0);
  if (numeric.length === 0) {
    // Words below a number are no column of texts, but an error.
    const isHeader = !first.some(isNumber);
    return found(isHeader, isHeader ? first : null);
  }
  const inWords = numeric.filter((at) => !isNumber(first[at]!));
  const almost = inWords.filter(
    (at) => ALMOST.test(first[at]!) || MISSING.has(first[at]!.trim().toLowerCase()),
  );
  if ((almost.length > 0 && start === 0) || ![0, numeric.length].includes(inWords.length)) {
    const cell = first[(almost[0] ?? inWords[0])!]!;
    throw new ReadError(texts.mixed(line, cell, remedy(cell)));
  }
  const isHeader = inWords.length > 0;
  return found(isHeader, isHeader ? first : null);
}

function kindsOf(
  dialect: Dialect,
  body: readonly Line[],
  names: readonly string[] | null,
): readonly Kind[] {
  const quoted = body[0]?.cells.map((_, at) => body.every(({ inQuotes }) => inQuotes[at])) ?? [];
  const isLabel = names !== null && ["label", "token"].includes(names[0]!.trim().toLowerCase());
  return columnsOf(body).map((column, at) => {
    const numbers = column.filter((cell) => numberOf(dialect, cell) !== null);
    const hasWords = column.some(
      (cell) =>
        numberOf(dialect, cell) === null &&
        !ALMOST.test(cell) &&
        !MISSING.has(cell.trim().toLowerCase()),
    );
    const isLabels =
      at === 0 &&
      body[0]!.cells.length === 2 &&
      (hasWords || isLabel || (names === null && numbers.length === 0));
    const isQuoted = quoted[at]! && !quoted.every(Boolean);
    const needsNone = !column.every((cell) => NEEDS_QUOTES.test(cell));
    const isText = isQuoted && ((at === 0 && isLabel) || needsNone);
    if (isText || isLabels || (hasWords && numbers.length === 0)) return "text";
    const isWhole = numbers.length >= FEWEST_WHOLE && numbers.every((cell) => WHOLE.test(cell));
    return isWhole ? "integer" : "float";
  });
}

/** What to write instead of a cell that is almost a number; empty if that is not known. */
function remedy(cell: string): string {
  const word = cell.trim();
  if (THOUSANDS.test(cell)) return texts.remedy.thousands(word.replaceAll(",", ""));
  if (DECIMAL_COMMA.test(cell)) return texts.remedy.comma(word.replace(",", "."));
  if (MISSING.has(word.toLowerCase())) return texts.remedy.missing;
  return "";
}
