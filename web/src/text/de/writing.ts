import type { Writing } from "../en/writing";
import { count, tokens as countedTokens, mustBe, plural, quoted, temperatureIs } from "./words";

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
  first: "Erstes Token hatte, T = 1",
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

  messages: {
    inPage: (title: string) => `Ein kleines Sprachmodell zu ${quoted(title)}, in dieser Seite`,
    sees: (vocabulary: number, context: number) =>
      `${countedTokens(vocabulary)} im Vokabular; es sieht höchstens die letzten ${context}`,
    busy: () => "die vorige Aktion läuft noch: abwarten oder abbrechen",
    cancelled: () => "Abgebrochen: Der Text ist wie zuvor.",
    nothingToRestore: () => "es gibt nichts Abgeschnittenes oder Gelöschtes zum Wiederherstellen",
    restored: () => "Wiederhergestellt.",
    branch: (name: string) => `Zweig ${name}.`,
    seed: (seed: number) => `Der Seed ist ${seed}.`,
    noAction: (name: string) => `die Aktion ${quoted(name)} gibt es nicht`,
    position: (last: number, got: number) => `position muss 0 bis ${last} sein, gefunden: ${got}`,
    taken: (name: string, token: string, current: string) =>
      `Zweig ${name} nimmt hier ${quoted(token)}; Zweig ${current} bleibt, wie er war.`,
    nothingToCut: () => "hier steht nichts zum Abschneiden",
    cut: (tokens: number) =>
      `${countedTokens(tokens)} abgeschnitten. „Wiederherstellen“ holt sie zurück.`,
    branched: (name: string, shared: number, origin: string) =>
      `Zweig ${name} hat ${countedTokens(shared)} mit Zweig ${origin} gemeinsam.`,
    name: (most: number) => `der Name muss 1 bis ${most} Zeichen haben`,
    known: (name: string) => `der Name muss neu sein: einen Zweig ${quoted(name)} gibt es schon`,
    renamed: (name: string, to: string) => `Zweig ${name} heißt jetzt ${to}.`,
    only: () => "der einzige Zweig kann nicht gelöscht werden",
    deleted: (name: string) => `Zweig ${name} gelöscht. „Wiederherstellen“ holt ihn zurück.`,
    started: (name: string) => `Zweig ${name} hat den neuen Prompt.`,
    kept: (name: string, tokens: number) =>
      `Zweig ${name} hat ${plural(tokens, { one: "dieses", other: "diese" })} ${countedTokens(tokens)}.`,
    joins: () =>
      "der Text verschmilzt mit dem letzten Token des Prompts: mit einem Prompt beginnen, der ihn enthält",
    unknownToken: (token: string, at: number) =>
      `der Server meldet keine Wahrscheinlichkeit für ${quoted(token)}, Token ${count(at)} des Textes`,
    edited: (tokens: number) =>
      `Der Text hat ${countedTokens(tokens)}. „Wiederherstellen“ holt den vorigen zurück.`,
    empty: () => "der Prompt ist leer: einen Text eingeben",
    changed: () => "der Text hat sich inzwischen geändert: so ist er jetzt",
    fixedText: () =>
      "der Text lässt sich nicht ersetzen: das braucht einen Prompt, der ein Text ist, und einen Server, der die Nummern von Tokens annimmt",
    otherPrompt: () => "die Zweige müssen denselben Prompt haben",
    noText: () => "es gibt noch keinen Text: zuerst ein Token ziehen",
    allBranches: () => "Die Datei hat alle Zweige.",
    textOf: (empty, name) =>
      `Zweig ${empty} hat noch kein Token: Der Text ist der von Zweig ${name}.`,
    opened: (file, branches) =>
      `${file} ist geöffnet, mit ${count(branches)} ${plural(branches, { one: "Zweig", other: "Zweigen" })}.`,
    unread: (name) => `${name} ließ sich nicht wieder einlesen.`,
    otherModel: (wrote, goesOn) =>
      `${wrote} hat den Text geschrieben, und ${goesOn} schreibt weiter: Die Tokens können sich unterscheiden.`,
    allTokens: (tokens) => `alle ${countedTokens(tokens)}`,
    likeliest: (tokens) => `die wahrscheinlichsten ${count(tokens)}`,
    notReported: (share) => `${share} nicht mitgeteilt`,
    anyVocabulary: () => "die Größe des Vokabulars ist nicht bekannt",
    needed: (tokens) => `${count(tokens)} anfordern, um die Entropie auf 0,1 nat genau zu kennen`,
    startedWith: (option) => `den Server mit ${option} starten`,
    openKey: () =>
      "der Schlüssel geht über http, was andere im Netz mitlesen können: https verwenden",
    firstAlone: () =>
      "dieser Server teilt die Vorlage seiner Chats nicht mit: nur das erste Token einer Antwort hat eine Verteilung, und danach geht kein Text weiter",
  },

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
