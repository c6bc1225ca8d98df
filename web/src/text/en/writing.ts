import type { Keys } from "../grammar";
import { count, mustBe, quoted, temperatureIs, tokenCount } from "./words";

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
  first: "Its first token had, T = 1",
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

  /** What a host has the page tell of the text, of an action and of its model: `text/messages.ts`. */
  messages: {
    inPage: (title: string) => `A small language model of “${title}”, in this page`,
    sees: (vocabulary: number, context: number) =>
      `${count(vocabulary)} tokens in its vocabulary; it sees the last ${context} at most`,
    busy: () => "the action before is still under way: wait for it, or cancel it",
    cancelled: () => "Cancelled: the text is as it was.",
    nothingToRestore: () => "there is nothing to restore: nothing was cut or deleted",
    restored: () => "Restored.",
    branch: (name: string) => `Branch ${name}.`,
    seed: (seed: number) => `The seed is ${seed}.`,
    noAction: (name: string) => `there is no action ${quoted(name)}`,
    position: (last: number, got: number) => `position must be 0 to ${last}, got ${got}`,
    taken: (name: string, token: string, current: string) =>
      `Branch ${name} takes “${token}” here; branch ${current} is as it was.`,
    nothingToCut: () => "there is nothing to cut here",
    cut: (tokens: number) => `Cut ${tokenCount(tokens)}; Restore brings them back.`,
    branched: (name: string, shared: number, origin: string) =>
      `Branch ${name} shares ${tokenCount(shared)} with branch ${origin}.`,
    name: (most: number) => `the name must have 1 to ${most} characters`,
    known: (name: string) => `the name must be new, and there is a branch ${quoted(name)}`,
    renamed: (name: string, to: string) => `Branch ${name} is now ${to}.`,
    only: () => "the only branch can't be deleted",
    deleted: (name: string) => `Branch ${name} is deleted; Restore brings it back.`,
    started: (name: string) => `Branch ${name} has the new prompt.`,
    kept: (name: string, tokens: number) => `Branch ${name} has these ${tokenCount(tokens)}.`,
    joins: () => "the text joins the last token of the prompt: start from a prompt that has it",
    unknownToken: (token: string, at: number) =>
      `the server reports no probability for ${quoted(token)}, token ${count(at)} of the text`,
    edited: (tokens: number) =>
      `The text has ${tokenCount(tokens)}; Restore brings back the one before.`,
    empty: () => "the prompt is empty: type a text",
    changed: () => "the text has changed since: this is how it is now",
    fixedText: () =>
      "the text can't be replaced: that needs a prompt that is a text, and a server that takes the numbers of tokens",
    otherPrompt: () => "the branches must have the same prompt",
    noText: () => "there is no text yet: draw a token first",
    allBranches: () => "The file has all branches.",
    textOf: (empty: string, name: string) =>
      `Branch ${empty} has no token yet: the text is that of branch ${name}.`,
    opened: (file: string, branches: number) =>
      `${file} is open, with ${branches === 1 ? "1 branch" : `${count(branches)} branches`}.`,
    unread: (name: string) => `${name} could not be read back.`,
    otherModel: (wrote: string, goesOn: string) =>
      `${wrote} has written it, and ${goesOn} goes on: their tokens may differ.`,
    allTokens: (tokens: number) => `all ${tokenCount(tokens)}`,
    likeliest: (tokens: number) => `the likeliest ${count(tokens)}`,
    notReported: (share: string) => `${share} not reported`,
    anyVocabulary: () => "the size of its vocabulary is not known",
    needed: (tokens: number) => `ask for ${count(tokens)} to know the entropy to 0.1 nat`,
    startedWith: (option: string) => `start it with ${option}`,
    openKey: () => "the key goes over http, which others on the network can read: use https",
    firstAlone: () =>
      "this server does not tell the template of its chats: only the first token of an answer has a distribution, and no text can go on after it",
  },

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
