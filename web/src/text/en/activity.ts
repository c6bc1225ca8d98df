import { count, quoted } from "./words";

const points = (number: number) => (number === 1 ? "1 point" : `${count(number)} points`);

/** What only a page with an activity has to say: tasks, their results, and how a teacher makes them. */
export const activity = {
  /** Why something is no activity. Python says the same. */
  refused: (part: string, must: string, got: string | null) =>
    `${part} must be ${must}, got ${got === null ? "nothing" : got.slice(0, 100)}`,
  right: {
    object: "an object with named parts",
    tasks: (most: number) => `a list of 1 to ${most} tasks`,
    oneOf: (known: readonly string[]) =>
      known.length === 1 ? known[0]! : `one of ${known.join(", ")}`,
    someOf: (known: readonly string[]) => `a list of some of ${known.join(", ")}`,
    absent: (known: readonly string[]) => `left out, for the parts are ${known.join(", ")}`,
    text: (least: number, most: number) =>
      least > 0 ? `a text of ${least} to ${most} characters` : `a text of up to ${most} characters`,
    texts: (least: number, most: number) => `a list of ${least} to ${most} texts`,
    places: (last: number) => `a list of places from 0 to ${last}`,
    number: (least: number, most: number) => {
      if (least === -Infinity) return "a finite number";
      return most === Infinity
        ? `a number ≥ ${least} or "inf"`
        : `a number from ${least} to ${most}`;
    },
    whole: (least: number, most: number) =>
      most === Number.MAX_SAFE_INTEGER
        ? `a whole number ≥ ${least}`
        : `a whole number from ${least} to ${most}`,
    link: "a link whose parameters are all right",
  },

  /** What a state that is to be reached is recognised by. */
  quantities: {
    temperature: () => "Temperature",
    entropy: () => "Entropy (nats)",
    choices: () => "Effective choices",
    top: () => "Top probability",
    probability: (label: string) => `Probability of ${quoted(label)}`,
    ties: () => "Items that tie for the highest logit",
    items: () => "Number of items",
    kept: () => "Items that the sampler keeps",
  } satisfies Record<string, (label: string) => string>,

  /** While tasks are done. */
  texts: {
    name: "Tasks",
    task: (number: number, all: number) => `Task ${number} of ${all}`,
    worth: (number: number) => points(number),
    choose: "Choose one",
    chooseAll: "Choose all that are right",
    answer: "Your answer",
    check: "Check",
    give: "Answer",
    hint: "Hint",
    reveal: "Show the answer",
    previous: "Previous",
    next: "Next",
    again: "Start over",
    finish: (open: number) => (open === 0 ? "Finish" : `Finish with ${count(open)} not answered`),
    noChoice: "Choose an answer first.",
    noNumber: (typed: string) =>
      `The answer must be a number, got ${typed === "" ? "nothing" : quoted(typed)}.`,
    noItem: "There is no such item here: nothing can be drawn.",
    tooMany: (most: number) => `A prediction can be drawn for up to ${most} items.`,
    right: "Right.",
    wrong: "Not yet.",
    wrongAtEnd: "Wrong.",
    taken: "Taken. What is right is told at the end.",
    answerIs: (answer: string) => `The answer: ${answer}.`,
    has: (label: string, probability: string) => `${label} ${probability}`,
    at: (probability: string, temperature: string) => `${probability} at T = ${temperature}`,
    reached: "Reached.",
    toReach: "The page sees when it is reached.",
    around: (number: string, tolerance: string | null) =>
      tolerance === null ? number : `${number} ± ${tolerance}`,
    range: (name: string, least: string | null, most: string | null) => {
      if (least === null) return most === null ? name : `${name} up to ${most}`;
      if (most === null) return `${name} at least ${least}`;
      return least === most ? `${name} = ${least}` : `${name} from ${least} to ${most}`;
    },
    /** Of what was drawn by hand. */
    differs: (draws: number, within: number) =>
      `${draws} of 100 draws would differ (right is up to ${within}).`,
    away: (percent: string, within: string) =>
      `On average ${percent} away from the curve (right is up to ${within}).`,
    score: (score: number, possible: number) => `Score ${count(score)} of ${count(possible)}`,
  },

  /** A prediction that is drawn by hand. */
  prediction: {
    bars: (temperature: string) => `Your prediction at T = ${temperature}`,
    curve: (label: string) => `Your prediction of ${quoted(label)}`,
    bar: (label: string) => `Prediction for ${quoted(label)}`,
    point: (temperature: string) => `Prediction at T = ${temperature}`,
    sum: (percent: string) => `Together ${percent}: as probabilities they are scaled to 100 %.`,
    truth: (percent: string) => `in truth ${percent}`,
    legend: "Filled: your prediction. Outline: the truth.",
    legendOfCurve: "Points and dashed line: your prediction. Solid line: the truth.",
  },

  results: {
    name: "Results",
    all: "All tasks are done.",
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
    code: "Your code, if you were given one",
    save: "Download the results as CSV",
    saved: (file: string) => `Saved ${quoted(file)}. Nothing is sent anywhere.`,
    state: { right: "right", wrong: "wrong", shown: "answer shown", open: "open" },
    local: "The results stay on this computer, unless you send the file to somebody.",
  },

  /** Where a teacher makes an activity. */
  editor: {
    name: "Make an activity",
    intro:
      "Set up the page below as it is to begin, write the tasks, try them, and give them out. Nothing leaves this page: all is kept in its address.",
    about: "About",
    title: "Title",
    introduction: "Introduction",
    mode: "Kind of activity",
    modes: {
      practice: "Practice: any number of tries, hints, answers on demand",
      test: "Test: one answer each, told at the end",
    },
    parts: "What is shown, what may be changed",
    hide: "Hide",
    lock: "Lock",
    partsOfTask: "Besides, in this task",
    /** The parts that may be hidden. */
    partNames: {
      title: "Title of the page",
      items: "Number of items, new random logits",
      history: "Undo and redo",
      share: "Share",
      help: "Keys",
      temperature: "Temperature",
      sentence: "The sentence",
      search: "Search",
      logits: "Logits",
      edit: "Edit items",
      softmax: "Softmax",
      curves: "Every temperature",
      readings: "Entropy, choices, top probability",
      sampler: "Sampler",
      why: "Why",
      draws: "Draws",
      compare: "Compare",
      lesson: "Lesson",
      engines: "Engines",
      values: "Values",
    } as Readonly<Record<string, string>>,
    lockNames: {
      items: "Items",
      logits: "Logits",
      sampler: "Sampler",
      temperature: "Temperature",
    } as Readonly<Record<string, string>>,
    tasks: "Tasks",
    oneTask: "at least one task",
    add: "Add a task",
    kinds: {
      choose: "Choose",
      number: "Type a number",
      predict: "Draw a prediction",
      reach: "Reach a state",
    },
    ask: "Question",
    examples: {
      choose: "Which item gets everything as T goes to 0?",
      number: "At which temperature does the likeliest item have 90 %?",
      predict: "Draw the probabilities at this temperature.",
      reach: "Make two items tie for the highest logit.",
      curve: "Draw the probability of the likeliest item at all temperatures.",
      choices: "As uncertain as how many equal choices is this?",
    },
    options: "Answers, one a line",
    rightOnes: "Right answers",
    number: "Right number",
    tolerance: "May be off by",
    unit: "Unit behind the field",
    of: "What is drawn",
    drawings: { bars: "The bars at one temperature", curve: "The curve of one item" },
    at: "At the temperature",
    item: "Item",
    within: "Right up to a total variation of",
    quantity: "What has to be",
    least: "At least",
    most: "At most",
    now: (value: string) => `Now ${value}`,
    holds: "It holds as the page is now: the task would be done at once, if it began like this.",
    start: "Begins with",
    startNone: "what the page shows after the task before",
    setStart: "Begin with what is on screen",
    clearStart: "Begin with what is there",
    points: "Points",
    hint: "Hint",
    right: "Feedback when right",
    wrong: "Feedback when wrong",
    more: "More",
    up: "Move up",
    down: "Move down",
    copy: "Duplicate",
    remove: "Delete",
    undo: "Undo",
    redo: "Redo",
    task: (number: number, kind: string) => `Task ${number}: ${kind}`,
    tryOut: "Try it",
    back: "Back to editing",
    /** What is missing before it can be given out. */
    problem: (task: number | null, field: string, must: string) =>
      `${task === null ? "" : `Task ${task}, `}${field}: ${must}`,
    problems: "Before it can be given out:",
    /** What each part of the written form is called here. */
    fields: {
      tasks: "Tasks",
      title: "Title",
      intro: "Introduction",
      ask: "Question",
      options: "Answers",
      answer: "Right answer",
      tolerance: "May be off by",
      unit: "Unit",
      at: "Temperature",
      item: "Item",
      within: "Total variation",
      quantity: "What has to be",
      least: "At least",
      most: "At most",
      points: "Points",
      hint: "Hint",
      right: "Feedback when right",
      wrong: "Feedback when wrong",
      start: "Begins with",
    } as Readonly<Record<string, string>>,
    /** What would give an answer away. */
    shows:
      "The page shows this temperature now. When the task begins it goes to another one, so that the answer is not on screen.",
    removed: (number: number) => `Task ${number} is deleted; Undo brings it back.`,
    open: "Open an activity …",
    opened: (file: string, tasks: number) =>
      `Opened ${quoted(file)}: ${tasks === 1 ? "1 task" : `${count(tasks)} tasks`}.`,
    notOpened: (file: string, why: string) => `${quoted(file)} can't be opened: ${why}.`,
    noActivity: "it has no activity",
  },

  /** The ways to give an activity out. */
  deliver: {
    name: "Give it out",
    link: "Copy link",
    file: "Download the file",
    scorm: "Download SCORM 1.2",
    json: "Download JSON",
    iframe: "Copy iframe line",
    reveal: "Copy slide for reveal.js",
    quarto: "Copy slide for Quarto",
    copied: {
      link: "The link is copied: it opens this activity.",
      iframe: "The iframe line is copied.",
      reveal: "The slide is copied.",
      quarto: "The slide is copied.",
    },
    byHand: "The clipboard is closed to this page. Copy this text:",
    text: "Text to copy",
    characters: (number: number) => `${count(number)} characters.`,
    tooLong: (most: number) =>
      `The link would have more than ${count(most)} characters, which some programs cut. Use the file.`,
    startTooLong: "What is on screen is too long for a link: the task can't begin with it.",
    needsFile: (file: string) => `It expects the file ${quoted(file)} beside the page.`,
    notYet: "Not yet: see above what is missing.",
    withoutState: "What is on screen is too long for it: the tasks are saved without.",
    saved: (file: string) => `Saved ${quoted(file)}.`,
    failed: (why: string) => `It could not be made: ${why}`,
  },

  /** Why the activity of a link can't be shown. */
  unreadable: "The activity of this link can't be read: it was cut or changed.",
};

export type Activity = typeof activity;
