import type { Writing } from "../en/writing";
import { tokens as countedTokens, mustBe, plural, quoted, temperatureIs } from "./words";

export const writing: Writing = {
  name: "Schreiben",
  prompt: "Prompt",
  next: "nächstes Token",
  step: "Schritt",
  play: "Abspielen",
  pause: "Anhalten",
  tokens: "Tokens",
  tokensRefused: (most: string, typed: string) =>
    mustBe("Die Anzahl der Tokens", `eine ganze Zahl von 1 bis ${most}`, typed),
  take: (label: string) => `${quoted(label)} nehmen`,
  cut: "Hier abschneiden",
  restore: "Wiederherstellen",
  cancel: "Abbrechen",
  asking: "Das Modell wird gefragt …",
  elsewhere: "Nicht ausgeführt: Der Text wurde in einer anderen Ansicht geändert.",
  playing: (left: string) => `noch ${countedTokens(left)} …`,
  played: (written: string) => `${countedTokens(written)} geschrieben.`,
  ended: "Der Text ist zu Ende. Zum Fortsetzen etwas abschneiden oder ein anderes Token nehmen.",
  tools: "Zweige und Dateien",
  branch: "Zweig",
  branchOf: (name: string, tokens: string, text: string) =>
    [name, countedTokens(tokens), ...(text === "" ? [] : [text])].join(" · "),
  branchName: "Name des Zweigs",
  branchHere: "Neuer Zweig ab hier",
  deleteBranch: "Zweig löschen",
  newSeed: "Neuer Seed",
  edit: "Prompt und Text",
  text: "Bisheriger Text",
  textOf: "Text",
  start: "Mit diesem Prompt beginnen",
  replace: "Text ersetzen",
  unwritten:
    "Der Prompt dieses Textes ist kein reiner Text. Ein hier eingegebener Prompt beginnt einen neuen Zweig.",
  compare: "An diesem Text vergleichen",
  with: "Zweig zum Vergleich",
  compareBranches: "Zweige vergleichen",
  alone:
    "Es gibt nur einen Zweig. Zum Vergleichen an einer früheren Stelle ein anderes Token nehmen oder hier einen neuen Zweig beginnen.",
  shared: (tokens: string) =>
    tokens === "0"
      ? "Sie trennen sich beim ersten Token."
      : `Gemeinsam ${plural(tokens, { one: "ist das erste Token", other: `sind die ersten ${tokens} Tokens` })}.`,
  columns: "Ab der Trennung",
  length: "Tokens",
  surprisal: "nat je Token, T = 1",
  sampled: "Log-Wahrscheinlichkeit der Ziehung",
  never: "nicht zu ziehen",
  first: "Erstes Token hatte",
  unknown: "unbekannt",
  compareSettings: (a: string, b: string) => `${a} mit ${b} vergleichen`,
  oneSetting: (setting: string) =>
    `Beide Einstellungen sind ${setting}: T oder einen Schritt ändern.`,
  setting: (temperature: string, steps: string) =>
    `${temperatureIs(temperature)}${steps === "" ? "" : `, ${steps}`}`,
  apart: (part: string, tokens: string, a: string, b: string) =>
    `${part} Ziehungen wären bei ${a} und bei ${b} verschieden, gemittelt über ${tokens} ${plural(tokens, { one: "Position", other: "Positionen" })}.`,
  range: (low: string, high: string) => `${low} bis ${high} von 100`,
  worst: (part: string, place: string) => `Am meisten bei Token ${place}: ${part}`,
  noPositions: "Es gibt noch keine Position, an der sich die Einstellungen vergleichen lassen.",
  saveText: "Text speichern (JSON)",
  savePage: "Seite speichern (HTML)",

  keys: [
    [
      "Schreiben",
      [
        [["s"], "das nächste Token ziehen"],
        [["p"], "abspielen oder anhalten"],
        [["t"], "den ausgewählten Eintrag nehmen"],
        [["x"], "den Text hier abschneiden"],
        [["r"], "Abgeschnittenes wiederherstellen"],
        [["b"], "ein neuer Zweig ab hier"],
      ],
    ],
  ],
};
