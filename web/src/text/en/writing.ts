import type { Keys } from "../grammar";
import { mustBe, quoted, temperatureIs } from "./words";

/** What only a page has to say that writes a text with a model. */
export const writing = {
  name: "Write",
  prompt: "Prompt",
  /** The place after the text. */
  next: "next token",
  step: "Step",
  play: "Play",
  pause: "Pause",
  tokens: "tokens",
  tokensRefused: (most: string, typed: string) =>
    mustBe("Tokens", `a whole number from 1 to ${most}`, typed),
  take: (label: string) => `Take ${quoted(label)}`,
  cut: "Cut here",
  restore: "Restore",
  cancel: "Cancel",
  asking: "The model is asked …",
  elsewhere: "Not done: another view has changed the text.",
  playing: (left: string) => `${left} ${left === "1" ? "token" : "tokens"} to go …`,
  played: (written: string) => `${written} ${written === "1" ? "token" : "tokens"} written.`,
  ended: "The text has ended: cut it back, or take another token, to go on.",
  tools: "Branches and files",
  branch: "Branch",
  branchOf: (name: string, tokens: string, text: string) =>
    [name, `${tokens} ${tokens === "1" ? "token" : "tokens"}`, ...(text === "" ? [] : [text])].join(
      " · ",
    ),
  branchName: "Branch name",
  branchHere: "New branch here",
  deleteBranch: "Delete branch",
  newSeed: "New seed",
  edit: "Prompt and text",
  text: "Text so far",
  textOf: "Text",
  start: "Start from this prompt",
  replace: "Replace the text",
  unwritten:
    "The prompt of this text is no plain text. A prompt that is typed here starts a new branch.",
  compare: "Compare on this text",
  with: "Branch to compare",
  compareBranches: "Compare branches",
  alone:
    "There is one branch. Take another token at an earlier place, or branch here, to compare two.",
  shared: (tokens: string) =>
    tokens === "0"
      ? "They part at the first token."
      : `They share the first ${tokens === "1" ? "token" : `${tokens} tokens`}.`,
  columns: "From where they part",
  length: "Tokens",
  surprisal: "Nats per token, T = 1",
  sampled: "Log-probability as sampled",
  never: "could not be drawn",
  first: "Its first token had",
  unknown: "not known",
  compareSettings: (a: string, b: string) => `Compare ${a} with ${b}`,
  oneSetting: (setting: string) => `Both settings are ${setting}: change T or a step.`,
  setting: (temperature: string, steps: string) =>
    `${temperatureIs(temperature)}${steps === "" ? "" : `, ${steps}`}`,
  apart: (part: string, tokens: string, a: string, b: string) =>
    `${part} draws would differ between ${a} and ${b}: the mean over ${tokens} ${tokens === "1" ? "position" : "positions"}.`,
  range: (low: string, high: string) => `${low} to ${high} of 100`,
  worst: (part: string, place: string) => `Most at token ${place}: ${part}`,
  noPositions: "There is no position yet to compare the settings at.",
  saveText: "Save text (JSON)",
  savePage: "Save page (HTML)",

  /** What keys do there. */
  keys: [
    [
      "Write",
      [
        [["s"], "draw the next token"],
        [["p"], "play, or pause"],
        [["t"], "take the selected item"],
        [["x"], "cut the text here"],
        [["r"], "restore what was cut"],
        [["b"], "a new branch here"],
      ],
    ],
  ] as readonly Keys[],
};

export type Writing = typeof writing;
