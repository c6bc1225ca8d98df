import { count } from "./words";

function tokenCount(tokens: number): string {
  return tokens === 1 ? "1 token" : `${count(tokens)} tokens`;
}

/** What only a page with a language model in it has to say. */
export const model = {
  file: {
    none: "it is no file of a language model.",
    damaged: "it is no whole file of a language model: cut short or damaged.",
    format: (known: string, got: unknown) =>
      `the format of a language model must be “${known}”, got ${got === undefined ? "none" : `“${got}”`}.`,
    size: (name: string, least: number, most: number, multiple: number, got: unknown) =>
      `${name} must be a whole number from ${least} to ${most}${multiple === 1 ? "" : `, a multiple of ${multiple}`}, got ${got}.`,
    number: (name: string, got: unknown) => `${name} must be a number above 0, got ${got}.`,
    length: (wanted: number, got: number) =>
      `the numbers of a language model must be ${wanted} bytes, got ${got}.`,
    merge: (at: number, got: number) =>
      `merge ${at} of the tokenizer must be of earlier tokens, got ${got}.`,
  },
  /** What the page tells of a text, as `thermoscope/explorer/writing.py` tells it. */
  page: {
    about: (title: string) => `A small language model of “${title}”, in this page`,
    sizes: (vocabulary: number, context: number) =>
      `${count(vocabulary)} tokens in its vocabulary; it sees the last ${context} at most`,
    busy: "the action before is still under way: wait for it, or cancel it",
    cancelled: "Cancelled: the text is as it was.",
    nothingToRestore: "restore must come after something was cut or deleted",
    restored: "Restored.",
    branch: (name: string) => `Branch ${name}.`,
    seed: (seed: number) => `The seed is ${seed}.`,
    noAction: (name: string) => `there is no action '${name}'`,
    position: (last: number, got: number) => `position must be 0 to ${last}, got ${got}`,
    taken: (name: string, token: string, current: string) =>
      `Branch ${name} takes “${token}” here; branch ${current} is as it was.`,
    nothingToCut: "position must be that of a token: nothing stands here to be cut",
    cut: (tokens: number) => `Cut ${tokenCount(tokens)}; Restore brings them back.`,
    branched: (name: string, shared: number, origin: string) =>
      `Branch ${name} shares ${tokenCount(shared)} with branch ${origin}.`,
    name: (most: number) => `name must have 1 to ${most} characters`,
    known: (name: string) => `name must be new, and there is a branch '${name}'`,
    renamed: (name: string, to: string) => `Branch ${name} is now ${to}.`,
    only: "name must not be that of the only branch",
    deleted: (name: string) => `Branch ${name} is deleted; Restore brings it back.`,
    started: (name: string) => `Branch ${name} has the new prompt.`,
    kept: (name: string, tokens: number) => `Branch ${name} has these ${tokenCount(tokens)}.`,
    joins: "text joins the last token of the prompt: start from a prompt that has it",
    edited: (tokens: number) =>
      `The text has ${tokenCount(tokens)}; Restore brings back the one before.`,
    empty: "prompt must be a text",
  },
  /** The prompt, gone on with at three temperatures. */
  temperatures: {
    name: "Three temperatures",
    note: "What the model writes after the prompt at three temperatures, with the seed and the sampler of this page.",
    write: "Write",
    stop: "Stop",
    tokens: "tokens each",
    column: (number: number) => `Text ${number} of 3`,
    temperature: "T",
    keep: "Keep as a branch",
    written: (tokens: number, different: number) =>
      `${tokenCount(tokens)}, ${count(different)} different`,
    done: (tokens: number) => `Three texts of ${tokenCount(tokens)} are written.`,
    stopped: "Stopped.",
  },
};

export type Model = typeof model;
