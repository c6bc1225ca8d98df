/**
 * Logits from a file or a text, in the page: the same content gives the same logits and labels as
 * Python's `open_logits`, and a test reads it with both. Of several rows it is the first.
 */

import { count } from "../text/format";
import { strings } from "../text/strings";
import { Archive, type Content, type NumberArray, ReadError, type Table } from "./content";
import { DECIMAL_COMMA, readTable } from "./delimited";
import { mayBeJson, readJson } from "./json";
import { readNpy } from "./npy";

const { data: texts } = strings;

/** The endings of the names of files that are read. */
export const ENDINGS = [".csv", ".tsv", ".txt", ".json", ".npy"] as const;
/** Larger files are for Python, which reads one row of them. */
const LARGEST = 2 ** 28;
/** Names that a note lists. */
const SHOWN = 6;

export interface Opened {
  readonly logits: Float64Array;
  readonly labels: readonly string[] | null;
  /** How many rows there are: the logits are the first of them. */
  readonly rows: number;
  /** What was decided that the words of the file do not state. */
  readonly notes: readonly string[];
}

/** Reads a file by the ending of its name. */
export function openFile(name: string, bytes: Uint8Array): Opened {
  const ending = /\.[^.]*$/.exec(name.toLowerCase())?.[0] ?? "";
  if (!ENDINGS.some((known) => known === ending)) throw new ReadError(texts.ending(ENDINGS));
  if (bytes.length === 0) throw new ReadError(texts.empty);
  if (bytes.length > LARGEST) throw new ReadError(texts.large(count(LARGEST / 2 ** 20)));
  return ending === ".npy" ? logitsOf(readNpy(bytes)) : openText(decoded(bytes), ending);
}

/** Reads the text of a file, or one without a name. */
export function openText(text: string, ending = ""): Opened {
  const isTable = ending === ".csv" || ending === ".tsv";
  const isJson = ending === ".json" || (!isTable && mayBeJson(text));
  return logitsOf(isJson ? readJson(text) : readTable(text, ending));
}

/** Reads a text that was pasted. A column of decimal commas would be rows of two numbers in a file. */
export function openPasted(text: string): Opened {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  if (lines.length > 1 && lines.every((line) => DECIMAL_COMMA.test(line))) {
    throw new ReadError(texts.commas(lines[0]!.trim()));
  }
  return openText(text);
}

function decoded(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new ReadError(texts.notUtf8);
  }
}

/** Which part of the content the logits are, by the rules of `thermoscope/data/roles.py`. */
function logitsOf(content: Content): Opened {
  if (content instanceof Archive) return ofArchive(content);
  return "names" in content ? ofTable(content) : ofArray(content);
}

function ofArray({ of, row, shape, words }: NumberArray, notes: readonly string[] = []): Opened {
  if (of === "text" || of === "other") throw new ReadError(texts.notReal(texts.texts));
  if (shape.length === 0) throw new ReadError(texts.oneNumber);
  if (row.length === 0) throw new ReadError(texts.noNumbers);
  const rows = shape.slice(0, -1).reduce((product, length) => product * length, 1);
  const told = shape.length > 2 ? [texts.shape(shape)] : [];
  return { logits: row, labels: words, rows, notes: [...notes, ...told] };
}

function ofArchive({ arrays }: Archive): Opened {
  const ofKind = (kind: NumberArray["of"]) =>
    [...arrays].filter(([, { of, shape }]) => of === kind && !shape.includes(0));
  const [fractions, whole, words] = [ofKind("fractions"), ofKind("whole"), ofKind("text")];
  const named = (some: typeof fractions) => some.map(([name]) => name);
  if (fractions.length === 1 && whole.length > 0) {
    throw new ReadError(texts.logitsOrTargets(named(fractions)[0]!, named(whole)));
  }
  const meant = fractions.length > 0 ? fractions : whole;
  if (meant.length === 0) throw new ReadError(texts.noNumbers);
  if (meant.length > 1) throw new ReadError(texts.choose(named(meant)));
  const [[, array]] = meant as [(typeof meant)[0]];
  const [[name, labels] = ["", null], ...others] = words;
  if (labels === null || others.length > 0 || String(labels.shape) !== String(array.shape)) {
    return ofArray(array);
  }
  if (array.shape.length > 1) throw new ReadError(texts.choose([name]));
  return ofArray({ ...array, words: labels.words }, [texts.holdsLabels(name)]);
}

function ofTable(table: Table): Opened {
  const { index, kinds, names } = table;
  const notes = [...table.notes];
  const ofKind = (kind: string) =>
    [...kinds.keys()].filter((at) => kinds[at] === kind && !index.includes(at));
  const [lists, floats, whole, words] = ["list", "float", "integer", "text"].map(ofKind) as [
    number[],
    number[],
    number[],
    number[],
  ];
  const named = (columns: readonly number[]) => columns.map((at) => names[at]!);
  if (lists.length > 1 || (lists.length > 0 && floats.length > 0)) {
    throw new ReadError(texts.choose(named([...lists, ...floats])));
  }
  if (floats.length > 0 && whole.length > 0) throw new ReadError(texts.wholeBeside(named(whole)));
  const chosen = [lists, floats, whole].find((columns) => columns.length > 0);
  if (chosen === undefined) throw new ReadError(texts.noNumbers);
  if (table.rows === 0) throw new ReadError(texts.noRows);
  const isRows = lists.length > 0 || chosen.length > 1;
  const left = [...(lists.length > 0 ? whole : []), ...(isRows ? words : [])];
  const told = [
    ...(left.length > 0 ? [texts.noLogits(named(left))] : []),
    ...(index.length > 0 ? [texts.isIndex(names[0]!)] : []),
  ];
  if (chosen.length > 1 && told.length > 0) {
    told.unshift(
      texts.classes(count(chosen.length), named(chosen.slice(0, SHOWN)), chosen.length > SHOWN),
    );
  }
  notes.push(...told);
  const [first] = chosen as [number];
  if (lists.length > 0) return ofArray(table.list(first), notes);
  if (!isRows) {
    // One row, written downwards.
    const labels = words.length === 1 ? table.words(words[0]!) : null;
    return { logits: table.numbers(first), labels, rows: 1, notes };
  }
  return {
    logits: Float64Array.from(chosen, (at) => table.numbers(at)[0]!),
    labels: table.isNamed ? named(chosen) : null,
    rows: table.rows,
    notes,
  };
}
