import type { Rows } from "../en/rows";
import {
  count,
  rows as countedRows,
  tokens as countedTokens,
  mustBe,
  plural,
  quoted,
  temperatureIs,
} from "./words";

export const rows: Rows = {
  bar: {
    name: "Zeilen",
    row: "Zeile",
    of: (count: string) => `von ${count}`,
    refused: (last: string, typed: string) =>
      mustBe("Die Zeile", `eine ganze Zahl von 0 bis ${last}`, typed),
    previous: "Vorige Zeile",
    next: "Nächste Zeile",
    order: "Reihenfolge",
    orders: { given: "Wie gegeben", uncertain: "Unsicherste zuerst", wrong: "Falsche zuerst" },
    sorting: (done: string) => `wird sortiert … ${done}`,
    place: (place: string) => `Platz ${place} in dieser Reihenfolge`,
    placeOf: (place: string, size: string) => `Platz ${place} von ${countedRows(size)}`,
  },

  reported: {
    tail: (probability: string, tokens: string | null) =>
      tokens === null
        ? `nicht gemeldet: ${probability}, verteilt auf unbekannt viele Tokens`
        : `nicht gemeldet: ${probability}, verteilt auf ${countedTokens(tokens)}`,
    outline: (temperature: string) => `Umriss: wie gemeldet, ${temperatureIs(temperature)}`,
    hatched: "; schraffiert: unbekannt",
    others: (count: string) => `${count} weitere und nicht gemeldete`,
    notReported: "nicht gemeldet",
    logits: "Der Server hat diese Logits gemeldet; sie stehen fest.",
    needsAll: (part: string) =>
      `Für ${quoted(part)} muss die Wahrscheinlichkeit jedes Tokens bekannt sein; einige sind nicht gemeldet.`,
    unwritten: "Nicht kopiert: Einige Tokens sind nicht gemeldet. Stattdessen HTML herunterladen.",
    wanted: (name: string, low: string, high: string) =>
      `${name}: Dieser Wert ist von T = ${low} bis ${high} möglich; T liegt dazwischen.`,
    kept: (kept: string, undecided: string, dropped: string) =>
      `von den gemeldeten Tokens ${kept} behalten, ${undecided} unentschieden, ${dropped} verworfen`,
    fates: { kept: "behalten", undecided: "unentschieden", dropped: "verworfen" },
    low: "Mindestens",
    high: "Höchstens",
    asReported: "Wie gemeldet",
    sum: "Gemeldet",
  },

  strip: {
    name: "Text",
    tokens: "Tokens",
    colour: "Farbe",
    colours: {
      surprisal: "Informationsgehalt, bit",
      entropy: "Entropie, bit",
      rank: "Rang",
      sampler: "mit dem Sampler möglich",
    },
    below: (most: string) => `< ${most}`,
    between: (least: string, most: string) => `${least} … ${most}`,
    from: (least: string) => `≥ ${least}`,
    fates: { kept: "ja", undecided: "unentschieden", dropped: "nein" },
    passages: {
      prompt: "Prompt",
      reasoning: "Gedankengang",
      answer: "Antwort",
      refusal: "Ablehnung",
    },
    processed:
      "Der Server meldet die Wahrscheinlichkeiten nach seinem eigenen Sampler. Ein Token, das dieser verworfen hat, hat bei jeder Temperatur 0.",
    token: (place: string, count: string, label: string, known: readonly string[]) =>
      [`Token ${place} von ${count}`, label, ...known].join(", "),
    text: quoted,
    part: (label: string) => `der Rest von ${quoted(label)}`,
    rank: (rank: string) => `Rang ${rank}`,
    bits: (surprisal: string) => `${surprisal} bit`,
    entropy: (entropy: string) => `Entropie ${entropy} bit`,
    range: (low: string, high: string) => `${low} bis ${high}`,
    atLeast: (low: string) => `mindestens ${low}`,
    fate: {
      kept: "mit dem Sampler möglich",
      undecided: "unentschieden, ob mit dem Sampler möglich",
      dropped: "mit dem Sampler nicht möglich",
    },
    fateOf: (label: string, fate: string) => `${quoted(label)}: ${fate}`,
    unreadable: "nicht gemeldet",
    verdict: (dropped: string, known: string, undecided: string | null) =>
      `Mit diesen Einstellungen ${dropped === "0" ? "" : "nicht "}möglich: ${known === "1" ? "dieses" : dropped === "0" ? "alle" : `${dropped} von`} ${known === "1" ? "Token" : countedTokens(known)}${undecided === null ? "" : `; nach den gemeldeten Daten unentschieden: ${undecided}`}.`,
    counting: "wird gezählt …",
    line: (most: string) => `Linie: Informationsgehalt, Punkte: Entropie, bis ${most} bit`,
  },

  reliability: {
    name: "Zuverlässigkeit",
    rows: countedRows,
    at: (temperature: string) => `bei ${temperatureIs(temperature)}, der nächsten bekannten`,
    measuring: (done: string) => `wird gemessen … ${done}`,
    bin: (name: string, count: string) => `${name}: ${countedRows(count)}`,
    order: (bin: string, temperature: string) =>
      `Konfidenz ${bin} bei ${temperatureIs(temperature)}`,
    bins: "Bins der Konfidenz",
    scores: (nll: string, ece: string) => `NLL ${nll} nat, ECE ${ece}`,
    ifCalibrated: (mean: string, upper: string) => ` (falls kalibriert ${mean}, bis ${upper})`,
    columns: ["Konfidenz", "Zeilen", "Mittlere Konfidenz", "Genauigkeit", "Falls kalibriert"],
    cell: (name: string, value: string) => `${name}: ${value}`,
    range: (low: string, high: string) => `${low} bis ${high} %`,
    accuracy: "Genauigkeit (außerhalb des Kastens markiert)",
    confidence: "mittlere Konfidenz",
    band: "Kasten: Genauigkeit, falls kalibriert, 95 %",
    nll: (most: string) => `NLL (bis ${most})`,
    ece: (most: string) => `ECE (bis ${most})`,
    fit: (temperature: string) => `Angepasst: ${temperatureIs(temperature)}`,
    interval: (low: string, high: string) => `95-%-Intervall ${low} bis ${high}`,
    reasons: {
      highest: () =>
        "jedes Ziel liegt beim größten Logit seiner Zeile, sodass kein T zu niedrig ist",
      noLarger: () =>
        "die Logits der Ziele sind im Mittel nicht größer als alle Logits, sodass kein T zu hoch ist: prüfen, ob die Ziele in der Reihenfolge der Zeilen stehen",
      random: () =>
        "die Daten bestimmen T nicht: gleiche Wahrscheinlichkeiten erklären die Ziele fast ebenso gut, als wären sie zufällig; prüfen, ob die Ziele in der Reihenfolge der Zeilen stehen",
      weights: (rows, weight) =>
        `die Daten bestimmen T nicht: die Gewichte von ${count(rows)} Zeilen zählen wie ${weight} Zeilen`,
      few: (missed, rows) =>
        `die Daten bestimmen T nicht: nur ${count(missed)} von ${count(rows)} Zielen ${plural(missed, { one: "liegt", other: "liegen" })} unter dem größten Logit ihrer Zeile`,
    },
  },

  keys: [
    [
      "Text",
      [
        [["ArrowLeft"], "das Token davor"],
        [["ArrowRight"], "das Token danach"],
        [["ArrowUp"], "die Zeile darüber"],
        [["ArrowDown"], "die Zeile darunter"],
        [["PageUp"], "ein Fenster von Zeilen nach oben"],
        [["PageDown"], "ein Fenster von Zeilen nach unten"],
        [["Home"], "das erste Token"],
        [["End"], "das letzte Token"],
      ],
    ],
    [
      "Zuverlässigkeit",
      [
        [["ArrowLeft"], "der Bin davor"],
        [["ArrowRight"], "der Bin danach"],
        [["Home"], "der erste Bin"],
        [["End"], "der letzte Bin"],
        [["Enter"], "die Zeilen des Bins"],
      ],
    ],
  ],
};
