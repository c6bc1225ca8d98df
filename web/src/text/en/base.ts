/**
 * Every text of a page of one distribution, in English: what it shows, and what a screen reader reads.
 * The files beside this one have what other pages have to say too.
 *
 * Numbers and labels arrive as text from `format.ts`. A text around an element is a list of pieces
 * with the element at its place. Another language is a folder beside this one; docs/translating.md
 * says how it is made.
 */
import type { Keys } from "../grammar";
import { and, got, listed, mustBe, or, ordinal, quoted, temperatureIs } from "./words";

/** What a temperature must be. */
const temperatures = "a number ≥ 0 or “inf”";
/** What a logit may be. */
const logits = "a number, “inf”, “-inf” or “nan”";
/** Why the highest items have it all, if not because T is 0. */
const infinitely = (infinite: boolean) => (infinite ? "with +∞ among the logits, " : "");

/** The steps of a sampler. */
const rules = {
  temperature: "temperature",
  top_k: "top-k",
  top_p: "top-p",
  min_p: "min-p",
  typical_p: "typical-p",
  epsilon: "epsilon",
  eta: "eta",
  top_n_sigma: "top-nσ",
};

/** The state at a temperature above 0 and below ∞, if no logit is +∞. */
interface Leads {
  /** Compared to T = 1. */
  readonly side: "sharper" | "plain" | "flatter";
  /** Of the highest item, the first of them if they tie. */
  readonly label: string;
  /** How many items tie, or null if one item leads. */
  readonly ties: string | null;
  readonly probability: string;
  /** How many equal choices are as uncertain, or null if the highest item is next to certain. */
  readonly choices: string | null;
}

/** A number that can be typed, and what is said if no temperature gives it. */
function reading(name: string, unit = "") {
  return {
    name,
    fixed: (value: string) => `${name}: ${value} at every temperature here.`,
    refused: (least: string, most: string, typed: string) =>
      `${name} must be ${least} to ${most}${unit} here, got ${got(typed)}.`,
  };
}

/** Keys that a list shows by another name than `KeyboardEvent.key` has for them. */
const keyNames: Readonly<Record<string, string>> = {
  ArrowLeft: "←",
  ArrowRight: "→",
  ArrowUp: "↑",
  ArrowDown: "↓",
  PageUp: "Page Up",
  PageDown: "Page Down",
  Control: "Ctrl",
  Escape: "Esc",
};

export const base = {
  /** The language of all texts, as HTML has it, and where its lines begin. */
  language: "en",
  direction: "ltr",
  /** How numbers are written: the locale of `Intl`, and the signs that it has in them. */
  numbers: { locale: "en", decimal: ".", group: "," },
  /** What stands between sentences, between parts of one, and in a list. */
  joins: { sentences: " ", parts: "; ", list: ", " },
  title: "Softmax temperature",
  /** The title of an exported page, as Python writes it. */
  pageTitle: (source: string | null) =>
    `${source === null ? "" : `${source} · `}Softmax with temperature`,
  /** The title of a button that has a key. */
  withKey: (button: string, key: string) => `${button}: ${key}`,

  /** Of a number, the least and the highest value that it may have. */
  interval: {
    range: (low: string, high: string, unit: string) => `${low} to ${high}${unit}`,
    upTo: (high: string, unit: string) => `up to ${high}${unit}`,
    atLeast: (low: string, unit: string) => `at least ${low}${unit}`,
  },

  items: {
    total: "Total items",
    drawNew: "New random logits",
    given: (count: string, source: string | null) => `${count} · ${source ?? "given"}`,
    others: (count: string) => `other ${count} items`,
    /** On a touch screen, where a swipe scrolls the page until then. */
    unlock: "tap to scroll",
    othersHold: (count: string) => `other ${count} items =`,
  },

  share: {
    name: "Share",
    link: "Copy link",
    python: "Copy Python",
    command: "Copy command line",
    download: (kind: string) => `Download ${kind}`,
    copied: { link: "Link copied.", python: "Python copied.", command: "Command line copied." },
    byHand: "This page may not use the clipboard. The text is selected: copy it by hand.",
    text: "Text to copy",
    /** Where a link works, if not everywhere. */
    onThisComputer: "It works on this computer, where this file is.",
    whileServed: "It works on this computer, while “thermoscope explore” runs.",
    withoutAddress:
      'It is what stands after “#”: add it to the address of an exported page, or use it in Python, explore(state="…").',
    tooLong: (most: string) =>
      `These items need a link of more than ${most} characters. Download HTML instead: that page has them all.`,
    readsFile: (file: string) =>
      `The logits are too many for a line: it reads ${quoted(file)}. Download CSV, and run it where that file is.`,
    saved: (file: string) => `${quoted(file)} is being saved.`,
    framed: "If it is not, this page is in a frame that may save nothing: open the page itself.",
    noPicture: "This browser can't turn the picture into a PNG. Download SVG instead.",
    noHtml: (reason: string) =>
      `The page can't be saved from here${reason === "" ? "" : ` (${reason})`}. In Python, explore(state="…").to_html("page.html") writes it, with the link that is copied here.`,
  },

  /** The picture that is downloaded. */
  picture: {
    title: (temperature: string, steps: string) =>
      `softmax at ${temperatureIs(temperature)}${steps === "" ? "" : `; sampler: ${steps}`}`,
    truncated: "After truncation",
    before: "outline: softmax before it",
  },

  edit: {
    logit: (label: string) => `Logit of ${label}`,
    value: (logit: string) => `${logit}, value`,
    keys: "Drag it, or press ← or →. Enter: type a value. ?: all keys.",
    refused: (typed: string) => mustBe("A logit", logits, typed),
    name: "Selected item",
    label: "Item",
    copyButton: "Duplicate",
    copy: (label: string) => `${label} (copy)`,
    remove: "Remove",
    up: "Move up",
    down: "Move down",
    add: "Add item",
    titles: { remove: "Remove: Delete", up: "Move up: Alt+↑", down: "Move down: Alt+↓" },
    added: (label: string) => `${quoted(label)} is added.`,
    removed: (label: string) => `${quoted(label)} is removed.`,
    moved: (label: string, place: string, count: string) =>
      `${quoted(label)} is now ${ordinal(place)} of ${count}.`,
  },

  /** What is read from files and texts, and why some can't be. */
  data: {
    open: "Open file…",
    hint: "Files can be dropped here, and numbers or lines of “label,logit” pasted.",
    read: (source: string, size: string, labels: readonly string[] | null, isMore: boolean) =>
      `${source}: ${size} ${size === "1" ? "item" : "items"}${labels === null ? "" : `, ${labels.join(", ")}${isMore ? " …" : ""}`}.`,
    firstOf: (rows: string) => `The first of ${rows} rows is shown.`,
    notes: (notes: readonly string[]) => `${notes.join("; ")}.`,
    refused: (source: string, reason: string) => `${source} is not read: ${reason}`,
    pasted: "Pasted text",
    unreadable: "the browser can't read it.",
    several: "Drop one file at a time.",
    ending: (endings: readonly string[]) => `its name must end in ${or(endings)}.`,
    empty: "it is empty.",
    large: (mebibytes: string) =>
      `it is larger than ${mebibytes} MiB. “thermoscope explore” shows a row of it.`,
    notUtf8: "it is not UTF-8 text.",
    noNumbers: "there are no numbers in it.",
    noRows: "there are no rows in it.",
    oneNumber: "logits must have an axis of entries, got one number.",
    notReal: (got: string) => `logits must be real numbers, got ${got}.`,
    texts: "texts",
    records: "records",
    list: "a list",
    object: "an object",
    pickle: "it holds pickled Python objects, which are never loaded. Save an array of numbers.",
    notNpy: "it is no .npy file.",
    cut: "it is no whole .npy file: cut short or damaged.",
    answer:
      "it is the answer of a server of a language model. “thermoscope explore FILE” shows its tokens.",
    notJson: (line: number) => `line ${line} is not JSON.`,
    tooDeep: "it is nested too deeply.",
    noRow: (got: string) =>
      `it must be a list of numbers, rows of them, or an object of label: logit, got ${got}.`,
    notNumber: (name: string, got: string) => `${name} must be a number, got ${quoted(got)}.`,
    itemAt: (where: string, at: number) => `${where === "" ? "" : `${where}: `}item ${at}`,
    rowAt: (at: number) => `row ${at}`,
    rowIn: (where: string, at: number) => `${where === "" ? "" : `${where}: `}row ${at}`,
    lineAt: (at: number) => `line ${at + 1}`,
    rowLength: (where: string, length: number, got: string) =>
      `${where} must have ${length} numbers, as the first row has, got ${got}.`,
    rowShape: (where: string) => `${where} must have the shape of the first row.`,
    noObject: (where: string, got: string) =>
      `${where} must be an object, as the first is, got ${got}.`,
    keys: (where: string) => `${where} must have the keys of the first object.`,
    scores: (where: string, got: string) =>
      `${where} must be a list of {label, score}, got ${got}.`,
    scoreLabels: (where: string) => `${where} must have each label of the first row once.`,
    width: (line: number, width: number, got: number) =>
      `line ${line} must have ${width} columns, got ${got}.`,
    cell: (line: number, column: string, got: string, remedy: string) =>
      `line ${line}: column ${quoted(column)} must be of numbers, got ${got === "" ? "an empty cell" : quoted(got)}${remedy}.`,
    mixed: (line: number, got: string, remedy: string) =>
      `line ${line} must be all names or all numbers, got ${quoted(got)}${remedy}.`,
    remedy: {
      thousands: (number: string) => `: write ${number}, without separators of thousands`,
      comma: (number: string) => `: write ${number}, or put semicolons between the columns`,
      missing: ": leave the row out, or write nan",
    },
    openQuote: (line: number) => `line ${line}: a quoted cell does not end.`,
    afterQuote: (line: number) => `line ${line}: a quote must end its cell.`,
    loneReturn: (line: number) => `line ${line}: a lone carriage return ends no line.`,
    commas: (line: string) =>
      `${quoted(line)} may be one number with a decimal comma or two numbers. Write a point, or put semicolons between numbers.`,
    choose: (names: readonly string[]) =>
      `the logits may be any of ${listed(names)}. Leave one of them in it.`,
    logitsOrTargets: (logits: string, whole: readonly string[]) =>
      `${quoted(logits)} may be the logits and ${listed(whole)} the targets. Leave one of them in it.`,
    wholeBeside: (names: readonly string[]) =>
      `whole numbers beside columns of fractions, in ${listed(names)}, may be classes or targets. Leave the targets out.`,
    // What was decided.
    decimalCommas: "numbers with decimal commas",
    counted: "the first line counts the columns",
    byLabel: "label and score, row by row: ordered by label",
    holdsLabels: (name: string) => `${quoted(name)} holds the labels`,
    noLogits: (names: readonly string[]) => `no logits: ${listed(names)}`,
    isIndex: (name: string) => `${name === "" ? "the first column" : quoted(name)} is an index`,
    classes: (count: string, names: readonly string[], isMore: boolean) =>
      `${count} classes: ${names.join(", ")}${isMore ? " …" : ""}`,
    shape: (shape: readonly number[]) => `shape (${shape.join(", ")})`,
  },

  history: { name: "History", undo: "Undo", redo: "Redo" },

  temperature: {
    name: "Temperature",
    value: "Temperature value",
    is: temperatureIs,
    sharp: "sharp",
    flat: "flat",
    scale: "Temperature scale",
    scales: { full: "full range", "0-2": "0 … 2" },
    refused: (typed: string) => mustBe("T", temperatures, typed),
  },

  ambiguous: (typed: string, decimal: string, whole: string) =>
    `${quoted(typed)} may be ${decimal} or ${whole}: write one of these.`,

  link: {
    partly: (errors: readonly string[]) => `Part of the link is not used. ${errors.join(" ")}`,
    ignored: (part: string) => `${quoted(part)} has no use here.`,
    refused: mustBe,
    oneOf: (texts: readonly string[]) => or(texts.map(quoted)),
    /** What a parameter of the sampler must be, for an engine if one is named. */
    rule(interval: string | null, isWhole: boolean, engine: string | null): string {
      const number = isWhole ? "a whole number" : "a number";
      const needed = interval === null ? "left out" : `${number} in ${interval}`;
      return engine === null ? needed : `${needed} with ${engine}`;
    },
    whole: (least: string, most: string) => `a whole number from ${least} to ${most}`,
    temperature: temperatures,
    logit: logits,
    labels: (logits: string) => `${logits}, one for each logit`,
  },

  /** What is told of the attributes and properties of an element. */
  element: {
    partly: (errors: readonly string[]) =>
      `Not all of what this page sets here is used. ${errors.join(" ")}`,
    logits: "numbers, at least one",
  },

  search: {
    name: "Search labels",
    previous: "Previous match",
    next: "Next match",
    running: "searching …",
    nothing: "no match",
    match: (place: string, count: string) => `${place} of ${count}`,
  },

  label: {
    empty: "(empty)",
    space: "(space)",
    /** Read before the label of the true class. */
    target: "target: ",
    /** Read before the label of the token that was drawn. */
    drawn: "drawn: ",
  },

  figures: {
    logits: "Logits",
    softmax: "Softmax",
    barsFrom: (logit: string) => `bars from ${logit}`,
    outline: (temperature: string) => `outline: ${temperatureIs(temperature)}`,
    outlineOfA: (temperature: string) => `outline: A, ${temperatureIs(temperature)}`,
    /** Goes on after the outline. */
    grown: "; light: after truncation",
    after: (probability: string) => `→ ${probability}`,
    keptOutside: (count: string) => `${count} of them kept`,
  },

  curves: {
    name: "Every temperature",
    cursor: "Cursor at T",
    others: (count: string) => `other ${count}`,
    entropy: (most: string) => `entropy (up to ${most} nats)`,
    nucleus: (p: string, most: string) => `kept by top-p ${p} (log, up to ${most})`,
  },

  sampler: {
    name: "Sampler",
    steps: "Steps of the sampler",
    rules,
    move: (step: string) => `Move ${step}`,
    moveBy: "drag, or use the arrow keys",
    remove: (step: string) => `Remove ${step}`,
    add: (step: string) => `Add ${step}`,
    more: "More steps",
    engine: "Engine",
    papers: "no engine (papers)",
    versioned: (engine: string, version: string) => `${engine} ${version}`,
    ties: "Ties in top-k",
    tiesOf: { all: "all stay", k: "only k stay" },
    useDefaults: (engine: string) => `Use the defaults of ${engine}`,
    kept: (count: string, total: string, mass: string) =>
      `kept ${count} of ${total}, ${mass} of the mass`,
    keptAll: (total: string) => `keeps all ${total}: there is no step besides the temperature`,
    takesTemperature: (engine: string, temperature: string, taken: string) =>
      `${engine} takes ${temperatureIs(temperature)} as ${taken}`,
    set: (step: string, value: string) => `${step} ${value}`,
    added: (step: string, place: string, steps: string) =>
      `${step} added, step ${place} of ${steps}`,
    removed: (step: string) => `${step} removed`,
    movedTo: (step: string, place: string, steps: string) => `${step} is step ${place} of ${steps}`,
    /** What an engine makes of the settings when it is chosen. */
    chosen: (engine: string | null) => `The order is that of ${engine ?? "the papers"}.`,
    otherwise: (engine: string, differences: readonly string[]) =>
      `What ${engine} does otherwise than the papers: ${differences.join("; ")}.`,
    missing: (engine: string, steps: readonly string[]) =>
      `${engine} has no ${or(steps)}: left out.`,
    refused: (step: string, right: string, typed: string) =>
      `${mustBe(step, right, typed)} It is left out.`,
    defaulted: (engine: string, settings: readonly string[]) =>
      settings.length === 0
        ? `By default ${engine} truncates nothing.`
        : `These are the defaults of ${engine}: ${and(settings)}.`,
    defaultTemperature: (engine: string, temperature: string) =>
      `The default of ${engine} is ${temperatureIs(temperature)}; T stays as it is.`,
    /** Read after the number of a row. */
    fate: {
      kept: (after: string) => `kept: ${after} after truncation`,
      dropped: "dropped",
    },
  },

  engines: {
    name: "The same settings under each engine",
    idea: "The same parameters in the order and by the rules of each engine, at this temperature. Draws are compared with those of the first line.",
    engine: "Engine",
    kept: "Kept",
    which: "Which",
    mass: "Mass",
    differ: "Draws that would differ",
    otherwise: "Otherwise",
    chosen: "chosen",
    keptOf: (count: string, total: string) => `${count} of ${total}`,
    items: (labels: readonly string[], others: string | null) =>
      [...labels.map(quoted), ...(others === null ? [] : [`${others} more`])].join(", "),
    none: "none",
    undefined: "no item has a probability",
    missing: (steps: readonly string[]) => `has no ${or(steps)}`,
    refused: (steps: readonly string[]) => `does not take this ${or(steps)}`,
    few: (steps: readonly string[]) => `${and(steps)}: of tied items, only as many as needed`,
    beyond: (steps: readonly string[]) => `${and(steps)}: up to a sum > p, not ≥ p`,
    joint: "top-p sees all items, not only those of top-k",
    leastTemperature: (least: string) => `takes T above 0 as at least ${least}`,
    greedyBelow: (temperature: string) => `takes T below ${temperature} as 0`,
  },

  readings: {
    entropy: reading("Entropy", " nats"),
    perplexity: reading("Effective choices"),
    top: reading("Top probability"),
    inBits: (entropy: string) => `nats = ${entropy} bits`,
    count: (count: string) => `of ${count}`,
  },

  /** What the figures show, in a sentence that goes on after "T = 0.7". */
  status: {
    allMinusInfinity: "every logit is −∞: there is no softmax of them",
    nan: "a logit is NaN, and so is every probability",
    highest: (infinite: boolean, label: string) =>
      `${infinitely(infinite)}the highest item, ${quoted(label)}, has all of the probability`,
    tied: (infinite: boolean, ties: string, probability: string) =>
      `${infinitely(infinite)}the ${ties} tied highest items share equally, ${probability} each`,
    uniform: (count: string, all: boolean, probability: string) =>
      `uniform: ${all ? `all ${count} items` : `the ${count} items above −∞`} share equally, ${probability} each`,
    leads({ side, label, ties, probability, choices }: Leads): string {
      const plain = side === "plain" ? "plain softmax" : `${side} than plain softmax`;
      const lead =
        ties === null ? `${quoted(label)} leads with` : `${ties} tied items lead, each with`;
      const led = probability.replace("> ", "more than ");
      const uncertainty =
        choices === null ? "next to certain" : `as uncertain as ${choices} equal choices`;
      return `${plain}: ${lead} ${led}, ${uncertainty}`;
    },
    /** Of one token, the drawn one, nothing is known of the others. */
    alone: (label: string, probability: string, tail: string) =>
      `${quoted(label)} has ${probability}; ${tail} is not reported, and may have a likelier token`,
    /** Goes on after that. */
    unreported: (probability: string) => `; ${probability} is not reported`,
    target: (label: string, rank: string, probability: string, right: boolean) =>
      `; target: ${quoted(label)}, ${ordinal(rank)}, ${probability}: ${right ? "right" : "wrong"}`,
    /** What a screen reader says when a gesture has ended. */
    announced: (temperature: string, sentence: string, kept = "") =>
      `${temperatureIs(temperature)}: ${sentence}${kept && `; ${kept}`}.`,
  },

  panels: {
    why: "Why",
    draws: "Draws",
    compare: "Compare",
    engines: "Engines",
    lesson: "Lesson",
    values: "Values",
  },

  draws: {
    name: "Draws",
    draw: (count: string) => `Draw ${count}`,
    seed: "Seed",
    seedRefused: (most: string, typed: string) =>
      mustBe("Seed", `a whole number from 0 to ${most}`, typed),
    again: "Other draws",
    clear: "Clear",
    idea: "Draw items by their probabilities. Marks on the bars show how often each one was drawn; the same seed gives the same draws.",
    nothing: "There is nothing to draw from: no item has a probability.",
    sequence: "In this order",
    item: "Item",
    drawn: "Drawn",
    expected: "Expected",
    /** What came of it, and why a draw that is not the highest item is right. */
    one: (label: string, probability: string, isTop: boolean) =>
      isTop
        ? `${quoted(label)} was drawn, which no item exceeds: its probability is ${probability}.`
        : `${quoted(label)} was drawn, which is not the highest item. That is right: its probability is ${probability}, and only at T = 0 is each draw the highest item.`,
    all: (label: string, probability: string) =>
      `Each draw is ${quoted(label)}: its probability is ${probability}.`,
    some: (label: string, times: string, draws: string, probability: string, others: string) =>
      `${quoted(label)}, the highest item, was drawn ${times} times in ${draws}: its probability is ${probability}. The other ${others} draws are right too: only at T = 0 is each draw the highest item.`,
    equal: (count: string, probability: string) =>
      `No item is ahead: ${count} items share the highest probability, ${probability}.`,
  },

  compare: {
    name: "Compare",
    idea: "Pin what is shown as A, and change anything: the outlines then show A.",
    pin: "Pin as A",
    pinAgain: "Pin this as A",
    pinned: "Pinned as A: the outlines show it.",
    goBack: "Go back to A",
    unpin: "Unpin",
    a: "A",
    now: "Now",
    temperature: "Temperature",
    sampler: "Sampler",
    items: "Items",
    unsampled: "none",
    same: "The draws follow the same probabilities as those of A.",
    differ: (part: string, variation: string) =>
      `${part} draws would differ from A: the total variation is ${variation}.`,
    few: "Fewer than 1 of 100",
    some: (draws: string) => `${draws} of 100`,
    most: "More than 99 of 100",
    all: "All",
    incomparable:
      "These items can't be matched with those of A: only one of the two has labels, or a label stands twice.",
    undefined: "There is nothing to compare: no item has a probability.",
    change: (label: string, before: string, now: string) => `${quoted(label)}: ${before} → ${now}`,
    absent: "not there",
  },

  formula: {
    name: "Formula with numbers",
    steps: "Steps",
    item: <Piece>(label: Piece) => ["Item ", label],
    ranked: <Piece>(label: Piece, rank: string, count: string) => [
      "Item ",
      label,
      `, rank ${rank} of ${count}`,
    ],
    nan: "has no probability: it is NaN.",
    highest: "the highest logit; items that tie for it share equally",
    notHighest: "not the highest logit, which takes all",
    uniform: "every logit above −∞ counts the same",
  },

  /** Softmax without subtracting the maximum first. */
  overflow: {
    name: "Without subtracting the maximum, in",
    overflows: "Both overflow: ∞ / ∞ is not a number.",
    vanishes: "Every power is rounded to 0, and 0 / 0 is not a number.",
    onlySum: "The sum overflows: a number over ∞ is 0.",
    wrong: "Rounding has changed it.",
    holds: "Here it works: these logits over T are small enough.",
  },

  explanation: {
    name: "Softmax with temperature",
    softmax: <Piece>(logits: Piece) => [
      "Softmax turns logits ",
      logits,
      ", any numbers, into probabilities which sum to 1:",
    ],
    temperature: <Piece>(temperature: Piece) => [
      "A temperature ",
      temperature,
      " divides the logits first:",
    ],
    infinite:
      "Differences between logits fade: every item comes to the same probability. At ∞ softmax is uniform.",
    zero: "Differences grow: the highest logit takes all. At 0 softmax is argmax; items that tie for it share equally.",
    one: "Plain softmax: the logits as they are.",
    differences:
      "Only differences count, divided by T: the same number added to all logits changes nothing.",
    overflow:
      "So the highest logit is subtracted first. The largest power is then e⁰ = 1, and none overflows.",
  },

  values: {
    name: "Values",
    item: "Item",
    logit: "Logit",
    probability: "Probability",
    after: "After truncation",
    atOne: "At T = 1",
    ofA: "A",
    sum: "Sum",
  },

  keys: {
    name: "Keys",
    close: "Close",
    shown: (key: string) => key.replace(/\w+/g, (name) => keyNames[name] ?? name),
    list: [
      [
        "Temperature, Cursor at T",
        [
          [["ArrowLeft", "ArrowDown"], "a step lower"],
          [["ArrowRight", "ArrowUp"], "a step higher"],
          [["PageDown"], "several steps lower"],
          [["PageUp"], "several steps higher"],
          [["Home"], "T = 0"],
          [["End"], "the highest T of the scale"],
        ],
      ],
      [
        "Logits",
        [
          [["ArrowLeft"], "a step lower"],
          [["ArrowRight"], "a step higher"],
          [["PageDown", "Shift+ArrowLeft"], "ten steps lower"],
          [["PageUp", "Shift+ArrowRight"], "ten steps higher"],
          [["ArrowUp"], "the item above"],
          [["ArrowDown"], "the item below"],
          [["Home"], "the first item"],
          [["End"], "the last item"],
          [["Enter"], "type the value"],
          [["F2"], "rename the item"],
          [["Delete"], "remove the item"],
          [["Alt+ArrowUp"], "move the item up"],
          [["Alt+ArrowDown"], "move the item down"],
          [["Escape"], "give up a drag"],
        ],
      ],
      [
        "Softmax",
        [
          [["ArrowUp"], "the item above"],
          [["ArrowDown"], "the item below"],
          [["PageUp"], "a window of items up"],
          [["PageDown"], "a window of items down"],
          [["Home"], "the first item"],
          [["End"], "the last item"],
        ],
      ],
      [
        "Search labels",
        [
          [["Enter"], "the next match"],
          [["Shift+Enter"], "the previous match"],
          [["Escape"], "no search"],
        ],
      ],
      [
        "Sampler: Move",
        [
          [["ArrowLeft", "ArrowUp"], "the step comes earlier"],
          [["ArrowRight", "ArrowDown"], "the step comes later"],
          [["Home"], "the step comes first"],
          [["End"], "the step comes last"],
        ],
      ],
      [
        "Sampler: a field",
        [
          [["Alt+ArrowLeft"], "the step comes earlier"],
          [["Alt+ArrowRight"], "the step comes later"],
        ],
      ],
      [
        "number fields",
        [
          [["Enter"], "done: the field is live again"],
          [["Escape"], "discard what is refused"],
        ],
      ],
      [
        "outside of text fields",
        [
          [["["], "the previous row of several"],
          [["]"], "the next row of several"],
          [["Control+Z"], "undo"],
          [["Control+Shift+Z", "Control+Y"], "redo"],
          [["?"], "these keys"],
        ],
      ],
      ["within another page", [[["Escape"], "leave: keys are the page's again"]]],
    ] as readonly Keys[],
  },

  errors: {
    unavailable: (reason: string) => `The explorer can't be shown: ${reason}`,
    noKernel: "no answer from the kernel",
    noServer: "no answer: “thermoscope explore” may have ended",
    closed: "closed",
    // Of a damaged file or model, where numbers are shown as they are.
    version: (known: number, version: unknown) => `state version must be ${known}, got ${version}`,
    temperature: (value: unknown) => `temperature must be a number >= 0 or "inf", got ${value}`,
    logits: (bytes: number) => `logits must be whole float64 numbers, got ${bytes} bytes`,
    labels: (logits: number, labels: number) =>
      `labels must be ${logits}, one for each logit, got ${labels}`,
    target: (last: number, target: number) => `target must be 0 to ${last}, got ${target}`,
    order: (order: unknown) => `order must name temperature, got ${order}`,
    scale: (known: readonly string[], scale: unknown) =>
      `scale must be one of ${known}, got ${scale}`,
    seed: (seed: unknown) => `seed must be a whole number in [0, 2**53), got ${seed}`,
  },
};

export type Base = typeof base;
