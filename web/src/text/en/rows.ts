import type { Keys } from "../grammar";
import { count, mustBe, ordinal, quoted, temperatureIs } from "./words";

/** What only a page of rows has to say. */
export const rows = {
  /** Stepping through them. */
  bar: {
    name: "Rows",
    row: "Row",
    of: (count: string) => `of ${count}`,
    refused: (last: string, typed: string) => mustBe("Row", `0 to ${last}`, typed),
    previous: "Previous row",
    next: "Next row",
    order: "Order",
    orders: { given: "As given", uncertain: "Most uncertain first", wrong: "Wrong first" },
    sorting: (done: string) => `sorting … ${done}`,
    place: (place: string) => `${ordinal(place)} in this order`,
    placeOf: (place: string, size: string) => `${ordinal(place)} of ${size} rows`,
  },

  /** Where a server reported some tokens, and of the others only their sum. */
  reported: {
    /** Below the bars. */
    tail: (probability: string, tokens: string | null) =>
      `not reported: ${probability} among ${tokens ?? "an unknown number of"} tokens`,
    outline: (temperature: string) => `outline: as reported, ${temperatureIs(temperature)}`,
    hatched: "; hatched: unknown",
    others: (count: string) => `other ${count} and not reported`,
    notReported: "not reported",
    logits: "The server reported these logits; they are fixed.",
    needsAll: (part: string) =>
      `${part} needs the probability of each token: some are not reported.`,
    unwritten: "Not copied: some tokens are not reported. Download HTML instead.",
    wanted: (name: string, low: string, high: string) =>
      `${name} can have that value from T = ${low} to ${high}; T is between.`,
    kept: (kept: string, undecided: string, dropped: string) =>
      `of the reported tokens ${kept} kept, ${undecided} undecided, ${dropped} dropped`,
    fates: { kept: "kept", undecided: "undecided", dropped: "dropped" },
    low: "At least",
    high: "At most",
    asReported: "As reported",
    sum: "Reported",
  },

  /** A text as its tokens. */
  strip: {
    name: "Text",
    tokens: "Tokens",
    colour: "Colour",
    colours: {
      surprisal: "surprisal, bits",
      entropy: "entropy, bits",
      rank: "rank",
      sampler: "could the sampler write it",
    },
    below: (most: string) => `< ${most}`,
    between: (least: string, most: string) => `${least} … ${most}`,
    from: (least: string) => `≥ ${least}`,
    fates: { kept: "yes", undecided: "can't be told", dropped: "no" },
    passages: { prompt: "Prompt", reasoning: "Reasoning", answer: "Answer", refusal: "Refusal" },
    processed:
      "The server reports probabilities after its own sampler. A token that it dropped has 0 at every temperature.",
    /** Read for a token. */
    token: (place: string, count: string, label: string, known: readonly string[]) =>
      [`token ${place} of ${count}`, label, ...known].join(", "),
    text: quoted,
    /** Of a token that is a character only together with the one before it. */
    part: (label: string) => `the rest of ${quoted(label)}`,
    rank: (rank: string) => `rank ${rank}`,
    bits: (surprisal: string) => `${surprisal} bits`,
    entropy: (entropy: string) => `entropy ${entropy} bits`,
    range: (low: string, high: string) => `${low} to ${high}`,
    atLeast: (low: string) => `at least ${low}`,
    fate: {
      kept: "the sampler could write it",
      undecided: "can't be told whether the sampler could write it",
      dropped: "the sampler could not write it",
    },
    fateOf: (label: string, fate: string) => `${quoted(label)}: ${fate}`,
    unreadable: "not reported",
    /** What the sampler makes of the text, once all positions are counted. */
    verdict: (dropped: string, known: string, undecided: string | null) =>
      `At these settings ${known === "1" ? `this token could${dropped === "0" ? "" : " not"}` : dropped === "0" ? `all of these ${known} tokens could` : `${dropped} of these ${known} tokens could not`} have been written${undecided === null ? "" : `; of ${undecided} it can't be told from what was reported`}.`,
    counting: "counting …",
    line: (most: string) => `line: surprisal, dots: entropy, up to ${most} bits`,
  },

  reliability: {
    name: "Reliability",
    rows: (count: string) => `${count} rows`,
    at: (temperature: string) => `at ${temperatureIs(temperature)}, the nearest that is known`,
    measuring: (done: string) => `measuring … ${done}`,
    bin: (name: string, count: string) => `${name}: ${count} rows`,
    /** The order of the rows of a bin. */
    order: (bin: string, temperature: string) =>
      `Confidence ${bin} at ${temperatureIs(temperature)}`,
    bins: "Bins of confidence",
    scores: (nll: string, ece: string) => `NLL ${nll} nats, ECE ${ece}`,
    ifCalibrated: (mean: string, upper: string) => ` (if calibrated ${mean}, up to ${upper})`,
    columns: ["Confidence", "Rows", "Mean confidence", "Accuracy", "If calibrated"],
    cell: (name: string, value: string) => `${name}: ${value}`,
    range: (low: string, high: string) => `${low} to ${high} %`,
    accuracy: "accuracy (marked outside the box)",
    confidence: "mean confidence",
    band: "box: accuracy if calibrated, 95 %",
    nll: (most: string) => `NLL (up to ${most})`,
    ece: (most: string) => `ECE (up to ${most})`,
    fit: (temperature: string) => `Fitted: ${temperatureIs(temperature)}`,
    interval: (low: string, high: string) => `95 % interval ${low} to ${high}`,
    /** Why there is no temperature, or none that is known. */
    reasons: {
      highest: () => "every target is at its row's largest logit, so that no T is too low",
      noLarger: () =>
        "the targets' logits are no larger than all logits in the mean, so no T is too high: check that the targets are in the order of the rows",
      random: () =>
        "the data do not determine T: equal probabilities explain the targets nearly as well, as if these were random; check that the targets are in the order of the rows",
      weights: (rows: number, weight: string) =>
        `the data do not determine T: the weights of ${count(rows)} rows count as ${weight} rows`,
      few: (missed: number, rows: number) =>
        `the data do not determine T: only ${count(missed)} of ${count(rows)} targets ${missed === 1 ? "is" : "are"} below their row's largest logit`,
    },
  },

  /** What keys do there. */
  keys: [
    [
      "Text",
      [
        [["ArrowLeft"], "the token before"],
        [["ArrowRight"], "the token after"],
        [["ArrowUp"], "the line above"],
        [["ArrowDown"], "the line below"],
        [["PageUp"], "a window of lines up"],
        [["PageDown"], "a window of lines down"],
        [["Home"], "the first token"],
        [["End"], "the last token"],
      ],
    ],
    [
      "Reliability",
      [
        [["ArrowLeft"], "the bin before"],
        [["ArrowRight"], "the bin after"],
        [["Home"], "the first bin"],
        [["End"], "the last bin"],
        [["Enter"], "the rows of the bin"],
      ],
    ],
  ] as readonly Keys[],
};

export type Rows = typeof rows;
