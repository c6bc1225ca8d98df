import { count, tokenCount } from "./words";

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
