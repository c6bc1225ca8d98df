import type { Model } from "../en/model";
import { count, tokens as countedTokens, plural, quoted } from "./words";

export const model: Model = {
  file: {
    none: "keine Datei eines Sprachmodells.",
    damaged: "keine vollständige Datei eines Sprachmodells, sondern abgeschnitten oder beschädigt.",
    format: (known: string, got: unknown) =>
      `das Format eines Sprachmodells muss ${quoted(known)} sein, gefunden: ${got === undefined ? "keines" : quoted(String(got))}.`,
    size: (name: string, least: number, most: number, multiple: number, got: unknown) =>
      `${name} muss eine ganze Zahl von ${least} bis ${most}${multiple === 1 ? "" : ` und ein Vielfaches von ${multiple}`} sein, gefunden: ${got}.`,
    number: (name: string, got: unknown) => `${name} muss eine Zahl über 0 sein, gefunden: ${got}.`,
    length: (wanted: number, got: number) =>
      `die Zahlen eines Sprachmodells müssen ${wanted} Bytes haben, gefunden: ${got}.`,
    merge: (at: number, got: number) =>
      `Merge ${at} des Tokenizers muss aus früheren Tokens bestehen, gefunden: ${got}.`,
  },
  temperatures: {
    name: "Drei Temperaturen",
    note: "Was das Modell nach dem Prompt bei drei Temperaturen schreibt, mit dem Seed und dem Sampler dieser Seite.",
    write: "Schreiben",
    stop: "Stoppen",
    tokens: "Tokens je Text",
    column: (number: number) => `Text ${number} von 3`,
    temperature: "T",
    keep: "Als Zweig behalten",
    written: (tokens: number, different: number) =>
      `${countedTokens(tokens)}, ${count(different)} ${plural(different, { one: "verschiedenes", other: "verschiedene" })}`,
    done: (tokens: number) => `Drei Texte aus je ${countedTokens(tokens)} sind geschrieben.`,
    stopped: "Gestoppt.",
  },
};
