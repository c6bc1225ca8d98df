import type { Activity } from "../en/activity";
import { count, plural, quoted } from "./words";

const points = (number: number) =>
  `${count(number)} ${plural(number, { one: "Punkt", other: "Punkte" })}`;

/** A number without separators of thousands. */
const written = (number: number) => String(number).replace(".", ",");

export const activity: Activity = {
  refused: (part: string, must: string, got: string | null) =>
    `${part}: erwartet wird ${must}, gefunden: ${got === null ? "nichts" : got.slice(0, 100)}`,
  right: {
    object: "ein Objekt mit benannten Teilen",
    tasks: (most: number) => `eine Liste von 1 bis ${most} Aufgaben`,
    oneOf: (known: readonly string[]) =>
      known.length === 1 ? known[0]! : `eines von ${known.join(", ")}`,
    someOf: (known: readonly string[]) => `eine Auswahlliste aus ${known.join(", ")}`,
    absent: (known: readonly string[]) => `nichts, denn die Teile sind ${known.join(", ")}`,
    text: (least: number, most: number) =>
      least > 0
        ? `ein Text von ${written(least)} bis ${written(most)} Zeichen`
        : `ein Text von bis zu ${written(most)} Zeichen`,
    texts: (least: number, most: number) => `eine Liste von ${least} bis ${most} Texten`,
    places: (last: number) => `eine Liste von Plätzen von 0 bis ${last}`,
    number: (least: number, most: number) => {
      if (least === -Infinity) return "eine endliche Zahl";
      return most === Infinity
        ? `eine Zahl ≥ ${written(least)} oder „inf“`
        : `eine Zahl von ${written(least)} bis ${written(most)}`;
    },
    whole: (least: number, most: number) =>
      most === Number.MAX_SAFE_INTEGER
        ? `eine ganze Zahl ≥ ${written(least)}`
        : `eine ganze Zahl von ${written(least)} bis ${written(most)}`,
    link: "ein Link, dessen Parameter alle stimmen",
  },

  quantities: {
    temperature: () => "Temperatur",
    entropy: () => "Entropie (nat)",
    choices: () => "Effektive Anzahl",
    top: () => "Höchste Wahrscheinlichkeit",
    probability: (label: string) => `Wahrscheinlichkeit von ${quoted(label)}`,
    ties: () => "Einträge mit dem höchsten Logit",
    items: () => "Anzahl der Einträge",
    kept: () => "Einträge, die der Sampler behält",
  },

  texts: {
    name: "Aufgaben",
    task: (number: number, all: number) => `Aufgabe ${number} von ${all}`,
    worth: points,
    choose: "Eine Antwort auswählen",
    chooseAll: "Alle richtigen Antworten auswählen",
    answer: "Antwort",
    check: "Prüfen",
    give: "Antworten",
    hint: "Tipp",
    reveal: "Lösung zeigen",
    previous: "Zurück",
    next: "Weiter",
    again: "Neu beginnen",
    finish: (open: number) => (open === 0 ? "Beenden" : `Beenden, ${count(open)} ohne Antwort`),
    noChoice: "Zuerst eine Antwort auswählen.",
    noNumber: (typed: string) =>
      `Die Antwort muss eine Zahl sein, nicht ${typed === "" ? "leer" : quoted(typed)}.`,
    noItem: "Diesen Eintrag gibt es hier nicht: Es lässt sich nichts zeichnen.",
    tooMany: (most: number) =>
      `Eine Vorhersage lässt sich für höchstens ${most} ${plural(most, { one: "Eintrag", other: "Einträge" })} zeichnen.`,
    right: "Richtig.",
    wrong: "Noch nicht.",
    wrongAtEnd: "Falsch.",
    taken: "Angenommen. Was richtig ist, steht am Ende.",
    answerIs: (answer: string) => `Die Lösung: ${answer}.`,
    has: (label: string, probability: string) => `${label} ${probability}`,
    at: (probability: string, temperature: string) => `${probability} bei T = ${temperature}`,
    reached: "Erreicht.",
    toReach: "Die Seite erkennt, wenn es erreicht ist.",
    around: (number: string, tolerance: string | null) =>
      tolerance === null ? number : `${number} ± ${tolerance}`,
    range: (name: string, least: string | null, most: string | null) => {
      if (least === null) return most === null ? name : `${name} bis ${most}`;
      if (most === null) return `${name} mindestens ${least}`;
      return least === most ? `${name} = ${least}` : `${name} von ${least} bis ${most}`;
    },
    differs: (draws: number, within: number) =>
      `${draws} von 100 Ziehungen wären anders (richtig ist bis ${within}).`,
    away: (percent: string, within: string) =>
      `Im Mittel ${percent} von der Kurve entfernt (richtig ist bis ${within}).`,
    score: (score: number, possible: number) =>
      `${count(score)} von ${count(possible)} ${plural(possible, { one: "Punkt", other: "Punkten" })}`,
  },

  prediction: {
    bars: (temperature: string) => `Vorhersage bei T = ${temperature}`,
    curve: (label: string) => `Vorhersage für ${quoted(label)}`,
    bar: (label: string) => `Vorhersage für ${quoted(label)}`,
    point: (temperature: string) => `Vorhersage bei T = ${temperature}`,
    sum: (percent: string) =>
      `Zusammen ${percent}: Als Wahrscheinlichkeiten werden sie auf 100 % skaliert.`,
    truth: (percent: string) => `tatsächlich ${percent}`,
    legend: "Gefüllt: die Vorhersage. Umriss: die Lösung.",
    legendOfCurve:
      "Punkte und gestrichelte Linie: die Vorhersage. Durchgezogene Linie: die Lösung.",
  },

  results: {
    name: "Ergebnisse",
    all: "Alle Aufgaben sind erledigt.",
    columns: [
      "code",
      "task",
      "kind",
      "question",
      "answer",
      "right",
      "points",
      "of",
      "checks",
      "hint",
      "shown",
    ],
    yes: "yes",
    no: "no",
    code: "Eigener Code, falls vergeben",
    save: "Ergebnisse als CSV herunterladen",
    saved: (file: string) => `${quoted(file)} gespeichert. Es wird nichts verschickt.`,
    state: { right: "richtig", wrong: "falsch", shown: "Lösung gezeigt", open: "offen" },
    local: "Die Ergebnisse bleiben auf diesem Computer, solange niemand die Datei weitergibt.",
  },

  editor: {
    name: "Aktivität erstellen",
    intro:
      "Die Seite unten so einrichten, wie sie beginnen soll, Aufgaben schreiben, ausprobieren und weitergeben. Nichts verlässt diese Seite: Alles steht in ihrer Adresse.",
    about: "Allgemeines",
    title: "Titel",
    introduction: "Einleitung",
    mode: "Art der Aktivität",
    modes: {
      practice: "Übung: beliebig viele Versuche, Tipps, Lösungen auf Wunsch",
      test: "Test: je eine Antwort, Auflösung am Ende",
    },
    parts: "Was zu sehen ist und was sich ändern lässt",
    hide: "Ausblenden",
    lock: "Sperren",
    partsOfTask: "Zusätzlich in dieser Aufgabe",
    partNames: {
      title: "Titel der Seite",
      items: "Anzahl der Einträge, neue Zufallslogits",
      history: "Rückgängig und Wiederholen",
      share: "Teilen",
      help: "Tasten",
      temperature: "Temperatur",
      sentence: "Der Satz",
      search: "Suche",
      logits: "Logits",
      edit: "Einträge bearbeiten",
      softmax: "Softmax",
      curves: "Alle Temperaturen",
      readings: "Entropie, effektive Anzahl, höchste Wahrscheinlichkeit",
      sampler: "Sampler",
      why: "Warum",
      draws: "Ziehungen",
      compare: "Vergleich",
      lesson: "Lektion",
      engines: "Engines",
      values: "Werte",
    },
    lockNames: {
      items: "Einträge",
      logits: "Logits",
      sampler: "Sampler",
      temperature: "Temperatur",
    },
    tasks: "Aufgaben",
    oneTask: "mindestens eine Aufgabe",
    add: "Aufgabe hinzufügen",
    kinds: {
      choose: "Auswählen",
      number: "Zahl eingeben",
      predict: "Vorhersage zeichnen",
      reach: "Zustand erreichen",
    },
    ask: "Frage",
    examples: {
      choose: "Welcher Eintrag bekommt alles, wenn T gegen 0 geht?",
      number: "Bei welcher Temperatur hat der wahrscheinlichste Eintrag 90 %?",
      predict: "Die Wahrscheinlichkeiten bei dieser Temperatur zeichnen.",
      reach: "Zwei Einträge so einstellen, dass sie gemeinsam das höchste Logit haben.",
      curve:
        "Die Wahrscheinlichkeit des wahrscheinlichsten Eintrags bei allen Temperaturen zeichnen.",
      choices: "So unsicher wie wie viele gleich wahrscheinliche Möglichkeiten ist das?",
    },
    options: "Antworten, je Zeile eine",
    rightOnes: "Richtige Antworten",
    number: "Richtige Zahl",
    tolerance: "Erlaubte Abweichung",
    unit: "Einheit hinter dem Feld",
    of: "Was gezeichnet wird",
    drawings: {
      bars: "Die Balken bei einer Temperatur",
      curve: "Die Kurve eines Eintrags",
    },
    at: "Bei der Temperatur",
    item: "Eintrag",
    within: "Richtig bis zu einer Totalvariation von",
    quantity: "Größe, auf die es ankommt",
    least: "Mindestens",
    most: "Höchstens",
    now: (value: string) => `Jetzt ${value}`,
    holds: "Das gilt schon jetzt: Die Aufgabe wäre sofort gelöst, wenn sie so begänne.",
    start: "Beginnt mit",
    startNone: "dem, was die Seite nach der vorigen Aufgabe zeigt",
    setStart: "Mit dem Gezeigten beginnen",
    clearStart: "Mit dem Vorhandenen beginnen",
    points: "Punkte",
    hint: "Tipp",
    right: "Rückmeldung, wenn richtig",
    wrong: "Rückmeldung, wenn falsch",
    more: "Mehr",
    up: "Nach oben",
    down: "Nach unten",
    copy: "Duplizieren",
    remove: "Löschen",
    undo: "Rückgängig",
    redo: "Wiederholen",
    task: (number: number, kind: string) => `Aufgabe ${number}: ${kind}`,
    tryOut: "Ausprobieren",
    back: "Weiter bearbeiten",
    problem: (task: number | null, field: string, must: string) =>
      `${task === null ? "" : `Aufgabe ${task}, `}${field}: ${must}`,
    problems: "Vor dem Weitergeben nötig:",
    fields: {
      tasks: "Aufgaben",
      title: "Titel",
      intro: "Einleitung",
      ask: "Frage",
      options: "Antworten",
      answer: "Richtige Antwort",
      tolerance: "Erlaubte Abweichung",
      unit: "Einheit",
      at: "Temperatur",
      item: "Eintrag",
      within: "Totalvariation",
      quantity: "Größe, auf die es ankommt",
      least: "Mindestens",
      most: "Höchstens",
      points: "Punkte",
      hint: "Tipp",
      right: "Rückmeldung, wenn richtig",
      wrong: "Rückmeldung, wenn falsch",
      start: "Beginnt mit",
    },
    shows:
      "Die Seite zeigt jetzt diese Temperatur. Zu Beginn der Aufgabe wechselt sie zu einer anderen, damit die Lösung nicht zu sehen ist.",
    removed: (number: number) => `Aufgabe ${number} gelöscht. „Rückgängig“ holt sie zurück.`,
    open: "Aktivität öffnen …",
    opened: (file: string, tasks: number) =>
      `${quoted(file)} geöffnet: ${count(tasks)} ${plural(tasks, { one: "Aufgabe", other: "Aufgaben" })}.`,
    notOpened: (file: string, why: string) => `${quoted(file)} lässt sich nicht öffnen: ${why}.`,
    noActivity: "die Datei enthält keine Aktivität",
  },

  deliver: {
    name: "Weitergeben",
    link: "Link kopieren",
    file: "Datei herunterladen",
    scorm: "SCORM 1.2 herunterladen",
    json: "JSON herunterladen",
    iframe: "iframe-Zeile kopieren",
    reveal: "Folie für reveal.js kopieren",
    quarto: "Folie für Quarto kopieren",
    copied: {
      link: "Link kopiert: Er öffnet diese Aktivität.",
      iframe: "iframe-Zeile kopiert.",
      reveal: "Folie kopiert.",
      quarto: "Folie kopiert.",
    },
    byHand: "Diese Seite darf die Zwischenablage nicht benutzen. Diesen Text kopieren:",
    text: "Text zum Kopieren",
    characters: (number: number) => `${count(number)} Zeichen.`,
    tooLong: (most: number) =>
      `Der Link hätte mehr als ${count(most)} Zeichen, und manche Programme würden ihn abschneiden. Stattdessen die Datei verwenden.`,
    startTooLong: "Das Gezeigte ist zu lang für einen Link: Die Aufgabe kann nicht damit beginnen.",
    needsFile: (file: string) => `Die Datei ${quoted(file)} muss neben der Seite liegen.`,
    notYet: "Noch nicht: Was fehlt, steht weiter oben.",
    withoutState: "Das Gezeigte ist dafür zu lang: Die Aufgaben werden ohne es gespeichert.",
    saved: (file: string) => `${quoted(file)} gespeichert.`,
    failed: (why: string) => `Es ließ sich nicht erstellen: ${why}`,
  },

  unreadable: "Die Aktivität dieses Links ist nicht lesbar: Er wurde abgeschnitten oder verändert.",
};
