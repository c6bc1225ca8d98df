/**
 * What only a page with a language model in it has to say, in English. It is no part of `en.ts`, so that
 * other pages stay as they are.
 */
const enModel = {
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
};

export type ModelStrings = typeof enModel;

/** The texts, in the language that the page speaks. */
export const modelStrings: ModelStrings = enModel;
