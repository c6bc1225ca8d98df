/** The texts of `en/base.ts` in German. */
import type { Base } from "../en/base";
import {
  and,
  items as countedItems,
  rows as countedRows,
  got,
  listed,
  mustBe,
  ofItems,
  or,
  otherItems,
  others,
  plural,
  quoted,
  temperatureIs,
} from "./words";

const temperatures = "eine Zahl ≥ 0 oder „inf“";
const logits = "eine Zahl, „inf“, „-inf“ oder „nan“";
const infinitely = (infinite: boolean) => (infinite ? "+∞ unter den Logits: " : "");

const rules = {
  temperature: "Temperatur",
  top_k: "top-k",
  top_p: "top-p",
  min_p: "min-p",
  typical_p: "typical-p",
  epsilon: "epsilon",
  eta: "eta",
  top_n_sigma: "top-nσ",
};

/** A number that can be typed, and what is said if no temperature gives it. */
function reading(name: string, unit = "") {
  return {
    name,
    fixed: (value: string) => `${name}: hier bei jeder Temperatur ${value}.`,
    refused: (least: string, most: string, typed: string) =>
      `${name}: hier sind ${least} bis ${most}${unit} möglich, nicht ${got(typed)}.`,
  };
}

const keyNames: Readonly<Record<string, string>> = {
  ArrowLeft: "←",
  ArrowRight: "→",
  ArrowUp: "↑",
  ArrowDown: "↓",
  PageUp: "Bild↑",
  PageDown: "Bild↓",
  Home: "Pos1",
  End: "Ende",
  Delete: "Entf",
  Control: "Strg",
  Shift: "Umschalt",
  Escape: "Esc",
};

export const base: Base = {
  language: "de",
  direction: "ltr",
  numbers: { locale: "de", decimal: ",", group: "." },
  joins: { sentences: " ", parts: "; ", list: "; " },
  title: "Softmax-Temperatur",
  pageTitle: (source: string | null) =>
    `${source === null ? "" : `${source} · `}Softmax mit Temperatur`,
  withKey: (button: string, key: string) => `${button}: ${key}`,

  interval: {
    range: (low: string, high: string, unit: string) => `${low} bis ${high}${unit}`,
    upTo: (high: string, unit: string) => `bis ${high}${unit}`,
    atLeast: (low: string, unit: string) => `mindestens ${low}${unit}`,
  },

  items: {
    total: "Einträge gesamt",
    drawNew: "Neue Zufallslogits",
    given: (count: string, source: string | null) => `${count} · ${source ?? "gegeben"}`,
    others: otherItems,
    unlock: "zum Scrollen tippen",
    othersHold: (count: string) => `${otherItems(count)} =`,
  },

  share: {
    name: "Teilen",
    link: "Link kopieren",
    python: "Python kopieren",
    command: "Kommandozeile kopieren",
    download: (kind: string) => `${kind} herunterladen`,
    copied: {
      link: "Link kopiert.",
      python: "Python kopiert.",
      command: "Kommandozeile kopiert.",
    },
    byHand:
      "Diese Seite darf die Zwischenablage nicht benutzen. Der Text ist markiert und kann von Hand kopiert werden.",
    text: "Text zum Kopieren",
    onThisComputer: "Er funktioniert auf diesem Computer, auf dem diese Datei liegt.",
    whileServed: "Er funktioniert auf diesem Computer, solange „thermoscope explore“ läuft.",
    withoutAddress:
      'Er ist der Teil nach „#“: an die Adresse einer exportierten Seite anhängen oder in Python verwenden, explore(state="…").',
    tooLong: (most: string) =>
      `Diese Einträge brauchen einen Link von mehr als ${most} Zeichen. Stattdessen HTML herunterladen, das sie alle enthält.`,
    readsFile: (file: string) =>
      `Für eine Zeile sind es zu viele Logits, deshalb liest sie ${quoted(file)}. CSV herunterladen und die Zeile dort ausführen, wo die Datei liegt.`,
    saved: (file: string) => `${quoted(file)} wird gespeichert.`,
    framed:
      "Falls nicht, steht diese Seite in einem Frame, der nichts speichern darf: die Seite selbst öffnen.",
    noPicture:
      "Dieser Browser kann das Bild nicht in PNG umwandeln. Stattdessen SVG herunterladen.",
    noHtml: (reason: string) =>
      `Die Seite kann von hier aus nicht gespeichert werden${reason === "" ? "" : ` (${reason})`}. In Python schreibt explore(state="…").to_html("page.html") sie, mit dem Link, der hier kopiert wird.`,
  },

  picture: {
    title: (temperature: string, steps: string) =>
      `Softmax bei ${temperatureIs(temperature)}${steps === "" ? "" : `; Sampler: ${steps}`}`,
    truncated: "Nach Trunkierung",
    before: "Umriss: Softmax davor",
  },

  edit: {
    logit: (label: string) => `Logit von ${label}`,
    value: (logit: string) => `${logit}, Wert`,
    keys: "Ziehen oder ← bzw. → drücken. Enter: Wert eingeben. ?: alle Tasten.",
    refused: (typed: string) => mustBe("Ein Logit", logits, typed),
    name: "Ausgewählter Eintrag",
    label: "Eintrag",
    copyButton: "Duplizieren",
    copy: (label: string) => `${label} (Kopie)`,
    remove: "Entfernen",
    up: "Nach oben",
    down: "Nach unten",
    add: "Eintrag hinzufügen",
    titles: { remove: "Entfernen: Entf", up: "Nach oben: Alt+↑", down: "Nach unten: Alt+↓" },
    added: (label: string) => `${quoted(label)} hinzugefügt.`,
    removed: (label: string) => `${quoted(label)} entfernt.`,
    moved: (label: string, place: string, count: string) =>
      `${quoted(label)} steht jetzt auf Platz ${place} von ${count}.`,
  },

  data: {
    open: "Datei öffnen …",
    hint: "Dateien können hier abgelegt, Zahlen oder Zeilen der Form „Label,Logit“ eingefügt werden.",
    read: (source: string, size: string, labels: readonly string[] | null, isMore: boolean) =>
      `${source}: ${countedItems(size)}${labels === null ? "" : `, ${labels.join(", ")}${isMore ? " …" : ""}`}.`,
    firstOf: (rows: string) => `Gezeigt wird die erste von ${countedRows(rows)}.`,
    notes: (notes: readonly string[]) => `${notes.join("; ")}.`,
    refused: (source: string, reason: string) => `${source} wurde nicht gelesen: ${reason}`,
    pasted: "Eingefügter Text",
    unreadable: "für den Browser nicht lesbar.",
    several: "Immer nur eine Datei auf einmal ablegen.",
    ending: (endings: readonly string[]) => `der Name muss auf ${or(endings)} enden.`,
    empty: "kein Inhalt.",
    large: (mebibytes: string) =>
      `größer als ${mebibytes} MiB. „thermoscope explore“ zeigt eine Zeile daraus.`,
    notUtf8: "kein UTF-8-Text.",
    noNumbers: "keine Zahlen gefunden.",
    noRows: "keine Zeilen gefunden.",
    oneNumber: "Logits müssen eine Achse mit Einträgen haben, gefunden: eine einzelne Zahl.",
    notReal: (got: string) => `Logits müssen reelle Zahlen sein, gefunden: ${got}.`,
    texts: "Texte",
    records: "Datensätze",
    list: "eine Liste",
    object: "ein Objekt",
    pickle:
      "enthält mit pickle gespeicherte Python-Objekte, die nie geladen werden. Stattdessen ein Array von Zahlen speichern.",
    notNpy: "keine .npy-Datei.",
    cut: "keine vollständige .npy-Datei, sondern abgeschnitten oder beschädigt.",
    answer:
      "die Antwort eines Servers für Sprachmodelle. „thermoscope explore FILE“ zeigt ihre Tokens.",
    notJson: (line: number) => `Textzeile ${line} ist kein JSON.`,
    tooDeep: "zu tief verschachtelt.",
    noRow: (got: string) =>
      `erwartet wird eine Liste von Zahlen, Zeilen daraus oder ein Objekt mit Label: Logit, gefunden: ${got}.`,
    notNumber: (name: string, got: string) =>
      `${name} muss eine Zahl sein, gefunden: ${quoted(got)}.`,
    itemAt: (where: string, at: number) => `${where === "" ? "" : `${where}: `}Eintrag ${at}`,
    rowAt: (at: number) => `Zeile ${at}`,
    rowIn: (where: string, at: number) => `${where === "" ? "" : `${where}: `}Zeile ${at}`,
    lineAt: (at: number) => `Textzeile ${at + 1}`,
    rowLength: (where: string, length: number, got: string) =>
      `${where} muss so viele Zahlen haben wie die erste Zeile, also ${length}, gefunden: ${got}.`,
    rowShape: (where: string) => `${where} muss die Form der ersten Zeile haben.`,
    noObject: (where: string, got: string) =>
      `${where} muss wie die erste ein Objekt sein, gefunden: ${got}.`,
    keys: (where: string) => `${where} muss die Schlüssel des ersten Objekts haben.`,
    scores: (where: string, got: string) =>
      `${where} muss eine Liste von {label, score} sein, gefunden: ${got}.`,
    scoreLabels: (where: string) =>
      `${where} muss jedes Label der ersten Zeile genau einmal haben.`,
    width: (line: number, width: number, got: number) =>
      `Textzeile ${line} muss ${width} ${plural(width, { one: "Spalte", other: "Spalten" })} haben, gefunden: ${got}.`,
    cell: (line: number, column: string, got: string, remedy: string) =>
      `Textzeile ${line}: Spalte ${quoted(column)} muss aus Zahlen bestehen, gefunden: ${got === "" ? "eine leere Zelle" : quoted(got)}${remedy}.`,
    mixed: (line: number, got: string, remedy: string) =>
      `Textzeile ${line} muss ganz aus Namen oder ganz aus Zahlen bestehen, gefunden: ${quoted(got)}${remedy}.`,
    remedy: {
      thousands: (number: string) => `; ${number} schreiben, ohne Tausendertrennzeichen`,
      comma: (number: string) => `; ${number} schreiben oder die Spalten durch Semikolons trennen`,
      missing: "; die Zeile weglassen oder nan schreiben",
    },
    openQuote: (line: number) =>
      `Textzeile ${line}: Eine Zelle in Anführungszeichen ist nicht abgeschlossen.`,
    afterQuote: (line: number) =>
      `Textzeile ${line}: Nach dem schließenden Anführungszeichen muss die Zelle enden.`,
    loneReturn: (line: number) =>
      `Textzeile ${line}: Ein einzelner Wagenrücklauf beendet keine Zeile.`,
    commas: (line: string) =>
      `${quoted(line)} kann eine Zahl mit Dezimalkomma sein oder zwei Zahlen. Einen Punkt schreiben oder die Zahlen durch Semikolons trennen.`,
    choose: (names: readonly string[]) =>
      `nicht eindeutig, wo die Logits stehen: ${listed(names)}. Nur eines davon stehen lassen.`,
    logitsOrTargets: (logits: string, whole: readonly string[]) =>
      `${quoted(logits)} kann die Logits enthalten und ${listed(whole)} die Zielklassen. Nur eines davon stehen lassen.`,
    wholeBeside: (names: readonly string[]) =>
      `ganze Zahlen neben Spalten mit Kommazahlen, in ${listed(names)}, können Klassen oder Zielklassen sein. Die Zielklassen weglassen.`,
    decimalCommas: "Zahlen mit Dezimalkomma",
    counted: "die erste Textzeile nummeriert die Spalten",
    byLabel: "Label und Score, Zeile für Zeile: nach Label geordnet",
    holdsLabels: (name: string) => `${quoted(name)} enthält die Labels`,
    noLogits: (names: readonly string[]) => `keine Logits: ${listed(names)}`,
    isIndex: (name: string) => `${name === "" ? "die erste Spalte" : quoted(name)} ist ein Index`,
    classes: (count: string, names: readonly string[], isMore: boolean) =>
      `${count} ${plural(count, { one: "Klasse", other: "Klassen" })}: ${names.join(", ")}${isMore ? " …" : ""}`,
    shape: (shape: readonly number[]) => `Form (${shape.join(", ")})`,
  },

  history: { name: "Verlauf", undo: "Rückgängig", redo: "Wiederholen" },

  temperature: {
    name: "Temperatur",
    value: "Wert der Temperatur",
    is: temperatureIs,
    sharp: "scharf",
    flat: "flach",
    scale: "Temperaturskala",
    scales: { full: "ganzer Bereich", "0-2": "0 … 2" },
    refused: (typed: string) => mustBe("T", temperatures, typed),
  },

  ambiguous: (typed: string, decimal: string, whole: string) =>
    `${quoted(typed)} kann ${decimal} oder ${whole} bedeuten: eines davon eingeben.`,

  link: {
    partly: (errors: readonly string[]) =>
      `Ein Teil des Links wird nicht verwendet. ${errors.join(" ")}`,
    ignored: (part: string) => `${quoted(part)} hat hier keine Bedeutung.`,
    refused: mustBe,
    oneOf: (texts: readonly string[]) => or(texts.map(quoted)),
    rule(interval: string | null, isWhole: boolean, engine: string | null): string {
      const number = isWhole ? "eine ganze Zahl" : "eine Zahl";
      const needed = interval === null ? "weggelassen" : `${number} in ${interval}`;
      return engine === null ? needed : `bei ${engine} ${needed}`;
    },
    whole: (least: string, most: string) => `eine ganze Zahl von ${least} bis ${most}`,
    temperature: temperatures,
    logit: logits,
    labels: (logits: string) => `eine Liste mit ${ofItems(logits)} (einem je Logit)`,
  },

  element: {
    partly: (errors: readonly string[]) =>
      `Nicht alles, was diese Seite hier einstellt, wird verwendet. ${errors.join(" ")}`,
    logits: "eine nicht leere Liste von Zahlen",
  },

  search: {
    name: "Labels suchen",
    previous: "Voriger Treffer",
    next: "Nächster Treffer",
    running: "wird gesucht …",
    nothing: "kein Treffer",
    match: (place: string, count: string) => `${place} von ${count}`,
  },

  label: {
    empty: "(leer)",
    space: "(Leerzeichen)",
    target: "Zielklasse: ",
    drawn: "gezogen: ",
  },

  figures: {
    logits: "Logits",
    softmax: "Softmax",
    barsFrom: (logit: string) => `Balken ab ${logit}`,
    outline: (temperature: string) => `Umriss: ${temperatureIs(temperature)}`,
    outlineOfA: (temperature: string) => `Umriss: A, ${temperatureIs(temperature)}`,
    grown: "; hell: nach Trunkierung",
    after: (probability: string) => `→ ${probability}`,
    keptOutside: (count: string) => `${count} davon behalten`,
  },

  curves: {
    name: "Alle Temperaturen",
    cursor: "Cursor bei T",
    others: (count: string) => others(count),
    entropy: (most: string) => `Entropie (bis ${most} nat)`,
    nucleus: (p: string, most: string) => `behalten von top-p ${p} (log., bis ${most})`,
  },

  sampler: {
    name: "Sampler",
    steps: "Schritte des Samplers",
    rules,
    move: (step: string) => `${step} verschieben`,
    moveBy: "ziehen oder mit den Pfeiltasten",
    remove: (step: string) => `${step} entfernen`,
    add: (step: string) => `${step} hinzufügen`,
    more: "Mehr Schritte",
    engine: "Engine",
    papers: "keine (Fachartikel)",
    versioned: (engine: string, version: string) => `${engine} ${version}`,
    ties: "Gleichstand bei top-k",
    tiesOf: { all: "alle bleiben", k: "nur k bleiben" },
    useDefaults: (engine: string) => `Standardwerte von ${engine}`,
    kept: (count: string, total: string, mass: string) =>
      `${count} von ${total} behalten, ${mass} der Masse`,
    keptAll: (total: string) =>
      `alle ${total} behalten: Außer der Temperatur gibt es keinen Schritt`,
    takesTemperature: (engine: string, temperature: string, taken: string) =>
      `${engine} rechnet bei ${temperatureIs(temperature)} mit ${taken}`,
    set: (step: string, value: string) => `${step} ${value}`,
    added: (step: string, place: string, steps: string) =>
      `${step} hinzugefügt, Schritt ${place} von ${steps}`,
    removed: (step: string) => `${step} entfernt`,
    movedTo: (step: string, place: string, steps: string) =>
      `${step} ist Schritt ${place} von ${steps}`,
    chosen: (engine: string | null) =>
      `Die Reihenfolge ist die ${engine === null ? "der Fachartikel" : `von ${engine}`}.`,
    otherwise: (engine: string, differences: readonly string[]) =>
      `Was ${engine} anders macht als die Fachartikel: ${differences.join("; ")}.`,
    missing: (engine: string, steps: readonly string[]) =>
      `${engine} kennt kein ${or(steps)}: weggelassen.`,
    refused: (step: string, right: string, typed: string) =>
      `${mustBe(step, right, typed)} Der Schritt entfällt.`,
    defaulted: (engine: string, settings: readonly string[]) =>
      settings.length === 0
        ? `${engine} verwirft standardmäßig nichts.`
        : `Das sind die Standardwerte von ${engine}: ${and(settings)}.`,
    defaultTemperature: (engine: string, temperature: string) =>
      `Der Standardwert von ${engine} ist ${temperatureIs(temperature)}; T bleibt, wie es ist.`,
    fate: {
      kept: (after: string) => `behalten: ${after} nach Trunkierung`,
      dropped: "verworfen",
    },
  },

  engines: {
    name: "Dieselben Einstellungen mit jeder Engine",
    idea: "Dieselben Parameter in der Reihenfolge und nach den Regeln jeder Engine, bei dieser Temperatur. Die Ziehungen werden mit denen der ersten Zeile verglichen.",
    engine: "Engine",
    kept: "Behalten",
    which: "Welche",
    mass: "Masse",
    differ: "Abweichende Ziehungen",
    otherwise: "Unterschiede",
    chosen: "gewählt",
    keptOf: (count: string, total: string) => `${count} von ${total}`,
    items: (labels: readonly string[], rest: string | null) =>
      [...labels.map(quoted), ...(rest === null ? [] : [others(rest)])].join(", "),
    none: "keine",
    undefined: "kein Eintrag hat eine Wahrscheinlichkeit",
    missing: (steps: readonly string[]) => `kennt kein ${or(steps)}`,
    refused: (steps: readonly string[]) => `nimmt diesen Wert von ${or(steps)} nicht an`,
    few: (steps: readonly string[]) =>
      `${and(steps)}: bei Gleichstand nur so viele Einträge wie nötig`,
    beyond: (steps: readonly string[]) => `${and(steps)}: bis zu einer Summe > p statt ≥ p`,
    joint: "top-p sieht alle Einträge, nicht nur die von top-k",
    leastTemperature: (least: string) => `rechnet bei T über 0 mit mindestens ${least}`,
    greedyBelow: (temperature: string) => `rechnet bei T unter ${temperature} mit 0`,
  },

  readings: {
    entropy: reading("Entropie", " nat"),
    perplexity: reading("Effektive Anzahl"),
    top: reading("Höchste Wahrscheinlichkeit"),
    inBits: (entropy: string) => `nat = ${entropy} bit`,
    count: (count: string) => `von ${count}`,
  },

  status: {
    allMinusInfinity: "alle Logits sind −∞: Dafür gibt es keine Softmax",
    nan: "ein Logit ist NaN, und damit auch jede Wahrscheinlichkeit",
    highest: (infinite: boolean, label: string) =>
      `${infinitely(infinite)}${quoted(label)}, mit dem höchsten Logit, hat die ganze Wahrscheinlichkeit`,
    tied: (infinite: boolean, ties: string, probability: string) =>
      `${infinitely(infinite)}die ${ties} Einträge mit dem höchsten Logit haben je ${probability}`,
    uniform: (count: string, all: boolean, probability: string) =>
      `gleichverteilt: ${all ? `alle ${count} Einträge` : `die ${count} Einträge über −∞`} haben je ${probability}`,
    leads({ side, label, ties, probability, choices }): string {
      const sides = {
        sharper: "schärfer als die gewöhnliche Softmax",
        plain: "gewöhnliche Softmax",
        flatter: "flacher als die gewöhnliche Softmax",
      };
      const lead =
        ties === null ? `${quoted(label)} führt mit` : `${ties} Einträge führen gleichauf mit je`;
      const led = probability.replace("> ", "mehr als ");
      const uncertainty =
        choices === null
          ? "fast sicher"
          : `so unsicher wie ${choices} gleich wahrscheinliche Möglichkeiten`;
      return `${sides[side]}: ${lead} ${led}, ${uncertainty}`;
    },
    alone: (label: string, probability: string, tail: string) =>
      `${quoted(label)} hat ${probability}; ${tail} sind nicht gemeldet, darunter vielleicht ein wahrscheinlicheres Token`,
    unreported: (probability: string) => `; ${probability} sind nicht gemeldet`,
    target: (label: string, rank: string, probability: string, right: boolean) =>
      `; Zielklasse: ${quoted(label)}, Rang ${rank}, ${probability}: ${right ? "richtig" : "falsch"}`,
    announced: (temperature: string, sentence: string, kept = "") =>
      `${temperatureIs(temperature)}: ${sentence}${kept && `; ${kept}`}.`,
  },

  panels: {
    why: "Warum",
    draws: "Ziehungen",
    compare: "Vergleich",
    engines: "Engines",
    lesson: "Lektion",
    values: "Werte",
  },

  draws: {
    name: "Ziehungen",
    draw: (count: string) => `${count} ziehen`,
    seed: "Seed",
    seedRefused: (most: string, typed: string) =>
      mustBe("Der Seed", `eine ganze Zahl von 0 bis ${most}`, typed),
    again: "Andere Ziehungen",
    clear: "Leeren",
    idea: "Einträge nach ihren Wahrscheinlichkeiten ziehen. Marken auf den Balken zeigen, wie oft jeder gezogen wurde; derselbe Seed ergibt dieselben Ziehungen.",
    nothing: "Es gibt nichts zu ziehen: Kein Eintrag hat eine Wahrscheinlichkeit.",
    sequence: "In dieser Reihenfolge",
    item: "Eintrag",
    drawn: "Gezogen",
    expected: "Erwartet",
    one: (label: string, probability: string, isTop: boolean) =>
      isTop
        ? `Gezogen wurde ${quoted(label)}. Kein Eintrag ist wahrscheinlicher: Die Wahrscheinlichkeit ist ${probability}.`
        : `Gezogen wurde ${quoted(label)}, nicht der wahrscheinlichste Eintrag. Das ist richtig so: Die Wahrscheinlichkeit ist ${probability}, und nur bei T = 0 wird immer der wahrscheinlichste Eintrag gezogen.`,
    all: (label: string, probability: string) =>
      `Immer wurde ${quoted(label)} gezogen: Die Wahrscheinlichkeit ist ${probability}.`,
    some: (label: string, times: string, draws: string, probability: string, others: string) =>
      `${quoted(label)}, der wahrscheinlichste Eintrag, wurde in ${draws} Ziehungen ${times}-mal gezogen: Die Wahrscheinlichkeit ist ${probability}. ${plural(others, { one: `Auch die ${others} andere Ziehung ist`, other: `Auch die ${others} anderen Ziehungen sind` })} richtig: Nur bei T = 0 wird immer der wahrscheinlichste Eintrag gezogen.`,
    equal: (count: string, probability: string) =>
      `Kein Eintrag liegt vorn: ${count} Einträge haben gemeinsam die höchste Wahrscheinlichkeit, ${probability}.`,
  },

  compare: {
    name: "Vergleich",
    idea: "Das Gezeigte als A anheften und dann etwas ändern: Die Umrisse zeigen A.",
    pin: "Als A anheften",
    pinAgain: "Dies als A anheften",
    pinned: "Als A angeheftet: Die Umrisse zeigen es.",
    goBack: "Zurück zu A",
    unpin: "A lösen",
    a: "A",
    now: "Jetzt",
    temperature: "Temperatur",
    sampler: "Sampler",
    items: "Einträge",
    unsampled: "keiner",
    same: "Die Ziehungen folgen denselben Wahrscheinlichkeiten wie die von A.",
    differ: (part: string, variation: string) =>
      `${part} Ziehungen wären anders als bei A: Die Totalvariation ist ${variation}.`,
    few: "Weniger als 1 von 100",
    some: (draws: string) => `${draws} von 100`,
    most: "Mehr als 99 von 100",
    all: "Alle",
    incomparable:
      "Diese Einträge lassen sich denen von A nicht zuordnen: Nur eine der beiden Seiten hat Labels, oder ein Label kommt zweimal vor.",
    undefined: "Es gibt nichts zu vergleichen: Kein Eintrag hat eine Wahrscheinlichkeit.",
    change: (label: string, before: string, now: string) => `${quoted(label)}: ${before} → ${now}`,
    absent: "nicht dabei",
  },

  formula: {
    name: "Formel mit Zahlen",
    steps: "Schritte",
    item: <Piece>(label: Piece) => ["Eintrag ", label],
    ranked: <Piece>(label: Piece, rank: string, count: string) => [
      "Eintrag ",
      label,
      `, Rang ${rank} von ${count}`,
    ],
    nan: "hat keine Wahrscheinlichkeit: Sie ist NaN.",
    highest: "das höchste Logit; Einträge, die es gemeinsam haben, bekommen gleich viel",
    notHighest: "nicht das höchste Logit, das alles bekommt",
    uniform: "jedes Logit über −∞ zählt gleich viel",
  },

  overflow: {
    name: "Ohne Abzug des Maximums, in",
    overflows: "Beide laufen über (Overflow): ∞ / ∞ ist keine Zahl.",
    vanishes: "Jede Potenz wird auf 0 gerundet, und 0 / 0 ist keine Zahl.",
    onlySum: "Die Summe läuft über (Overflow): Eine Zahl durch ∞ ist 0.",
    wrong: "Das Runden hat das Ergebnis verändert.",
    holds: "Hier geht es gut: Diese Logits sind, durch T geteilt, klein genug.",
  },

  explanation: {
    name: "Softmax mit Temperatur",
    softmax: <Piece>(logits: Piece) => [
      "Softmax macht aus Logits ",
      logits,
      ", beliebigen Zahlen, Wahrscheinlichkeiten mit der Summe 1:",
    ],
    temperature: <Piece>(temperature: Piece) => [
      "Zuerst werden die Logits durch eine Temperatur ",
      temperature,
      " geteilt:",
    ],
    infinite:
      "Unterschiede zwischen den Logits verschwinden: Alle Einträge nähern sich derselben Wahrscheinlichkeit. Bei ∞ ist die Softmax eine Gleichverteilung.",
    zero: "Unterschiede wachsen: Das höchste Logit bekommt alles. Bei 0 ist Softmax argmax; Einträge mit demselben höchsten Logit bekommen gleich viel.",
    one: "Gewöhnliche Softmax: die Logits, wie sie sind.",
    differences:
      "Nur Differenzen zählen, geteilt durch T: Zu allen Logits dieselbe Zahl zu addieren, ändert nichts.",
    overflow:
      "Deshalb wird zuerst das höchste Logit abgezogen. Die größte Potenz ist dann e⁰ = 1, und keine läuft über.",
  },

  values: {
    name: "Werte",
    item: "Eintrag",
    logit: "Logit",
    probability: "Wahrscheinlichkeit",
    after: "Nach Trunkierung",
    atOne: "Bei T = 1",
    ofA: "A",
    sum: "Summe",
  },

  keys: {
    name: "Tasten",
    close: "Schließen",
    shown: (key: string) => key.replace(/\w+/g, (name) => keyNames[name] ?? name),
    list: [
      [
        "Temperatur, Cursor bei T",
        [
          [["ArrowLeft", "ArrowDown"], "einen Schritt niedriger"],
          [["ArrowRight", "ArrowUp"], "einen Schritt höher"],
          [["PageDown"], "mehrere Schritte niedriger"],
          [["PageUp"], "mehrere Schritte höher"],
          [["Home"], "T = 0"],
          [["End"], "das höchste T der Skala"],
        ],
      ],
      [
        "Logits",
        [
          [["ArrowLeft"], "einen Schritt niedriger"],
          [["ArrowRight"], "einen Schritt höher"],
          [["PageDown", "Shift+ArrowLeft"], "zehn Schritte niedriger"],
          [["PageUp", "Shift+ArrowRight"], "zehn Schritte höher"],
          [["ArrowUp"], "der Eintrag darüber"],
          [["ArrowDown"], "der Eintrag darunter"],
          [["Home"], "der erste Eintrag"],
          [["End"], "der letzte Eintrag"],
          [["Enter"], "den Wert eingeben"],
          [["F2"], "den Eintrag umbenennen"],
          [["Delete"], "den Eintrag entfernen"],
          [["Alt+ArrowUp"], "den Eintrag nach oben"],
          [["Alt+ArrowDown"], "den Eintrag nach unten"],
          [["Escape"], "das Ziehen abbrechen"],
        ],
      ],
      [
        "Softmax",
        [
          [["ArrowUp"], "der Eintrag darüber"],
          [["ArrowDown"], "der Eintrag darunter"],
          [["PageUp"], "ein Fenster von Einträgen nach oben"],
          [["PageDown"], "ein Fenster von Einträgen nach unten"],
          [["Home"], "der erste Eintrag"],
          [["End"], "der letzte Eintrag"],
        ],
      ],
      [
        "Labels suchen",
        [
          [["Enter"], "der nächste Treffer"],
          [["Shift+Enter"], "der vorige Treffer"],
          [["Escape"], "keine Suche"],
        ],
      ],
      [
        "Sampler: verschieben",
        [
          [["ArrowLeft", "ArrowUp"], "den Schritt nach vorn"],
          [["ArrowRight", "ArrowDown"], "den Schritt nach hinten"],
          [["Home"], "den Schritt an den Anfang"],
          [["End"], "den Schritt ans Ende"],
        ],
      ],
      [
        "Sampler: ein Feld",
        [
          [["Alt+ArrowLeft"], "den Schritt nach vorn"],
          [["Alt+ArrowRight"], "den Schritt nach hinten"],
        ],
      ],
      [
        "Zahlenfelder",
        [
          [["Enter"], "fertig: Das Feld ändert sich wieder mit"],
          [["Escape"], "verwerfen, was nicht angenommen wird"],
        ],
      ],
      [
        "außerhalb von Textfeldern",
        [
          [["["], "die vorige von mehreren Zeilen"],
          [["]"], "die nächste von mehreren Zeilen"],
          [["Control+Z"], "rückgängig"],
          [["Control+Shift+Z", "Control+Y"], "wiederholen"],
          [["?"], "diese Tasten"],
        ],
      ],
      [
        "innerhalb einer anderen Seite",
        [[["Escape"], "verlassen: Die Tasten gehören wieder der Seite"]],
      ],
    ],
  },

  errors: {
    unavailable: (reason: string) => `Der Explorer kann nicht gezeigt werden: ${reason}`,
    noKernel: "keine Antwort vom Kernel",
    noServer: "keine Antwort: „thermoscope explore“ ist vielleicht beendet",
    closed: "geschlossen",
    version: (known: number, version: unknown) =>
      `die Version des Zustands muss ${known} sein, gefunden: ${version}`,
    temperature: (value: unknown) =>
      `temperature muss eine Zahl >= 0 oder "inf" sein, gefunden: ${value}`,
    logits: (bytes: number) => `logits müssen ganze float64-Zahlen sein, gefunden: ${bytes} Bytes`,
    labels: (logits: number, labels: number) =>
      `labels müssen ${logits} sein, eins je Logit, gefunden: ${labels}`,
    target: (last: number, target: number) => `target muss 0 bis ${last} sein, gefunden: ${target}`,
    order: (order: unknown) => `order muss temperature nennen, gefunden: ${order}`,
    scale: (known: readonly string[], scale: unknown) =>
      `scale muss eines von ${known} sein, gefunden: ${scale}`,
    seed: (seed: unknown) => `seed muss eine ganze Zahl in [0, 2**53) sein, gefunden: ${seed}`,
  },
};
