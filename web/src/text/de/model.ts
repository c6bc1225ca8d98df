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
  page: {
    about: (title: string) => `Ein kleines Sprachmodell zu ${quoted(title)}, in dieser Seite`,
    sizes: (vocabulary: number, context: number) =>
      `${countedTokens(vocabulary)} im Vokabular; es sieht höchstens die letzten ${context}`,
    busy: "die vorige Aktion läuft noch: abwarten oder abbrechen",
    cancelled: "Abgebrochen: Der Text ist wie zuvor.",
    nothingToRestore: "es gibt nichts Abgeschnittenes oder Gelöschtes zum Wiederherstellen",
    restored: "Wiederhergestellt.",
    branch: (name: string) => `Zweig ${name}.`,
    seed: (seed: number) => `Der Seed ist ${seed}.`,
    noAction: (name: string) => `die Aktion ${quoted(name)} gibt es nicht`,
    position: (last: number, got: number) => `position muss 0 bis ${last} sein, gefunden: ${got}`,
    taken: (name: string, token: string, current: string) =>
      `Zweig ${name} nimmt hier ${quoted(token)}; Zweig ${current} bleibt, wie er war.`,
    nothingToCut: "position muss die eines Tokens sein: hier steht nichts zum Abschneiden",
    cut: (tokens: number) =>
      `${countedTokens(tokens)} abgeschnitten. „Wiederherstellen“ holt sie zurück.`,
    branched: (name: string, shared: number, origin: string) =>
      `Zweig ${name} hat ${countedTokens(shared)} mit Zweig ${origin} gemeinsam.`,
    name: (most: number) => `der Name muss 1 bis ${most} Zeichen haben`,
    known: (name: string) => `der Name muss neu sein: einen Zweig ${quoted(name)} gibt es schon`,
    renamed: (name: string, to: string) => `Zweig ${name} heißt jetzt ${to}.`,
    only: "der einzige Zweig kann nicht gelöscht werden",
    deleted: (name: string) => `Zweig ${name} gelöscht. „Wiederherstellen“ holt ihn zurück.`,
    started: (name: string) => `Zweig ${name} hat den neuen Prompt.`,
    kept: (name: string, tokens: number) =>
      `Zweig ${name} hat ${plural(tokens, { one: "dieses", other: "diese" })} ${countedTokens(tokens)}.`,
    joins:
      "der Text verschmilzt mit dem letzten Token des Prompts: mit einem Prompt beginnen, der ihn enthält",
    edited: (tokens: number) =>
      `Der Text hat ${countedTokens(tokens)}. „Wiederherstellen“ holt den vorigen zurück.`,
    empty: "der Prompt darf nicht leer sein",
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
