/** What `tests/test_novel.py` and `benchmarks/language.py` run, in Node and in a browser. */
import { ReadError } from "../src/data/content";
import { openModel } from "../src/data/weights";
import { ModelTexts } from "../src/hosts/model";
import type { Action, FoundByAction, WritingStatus } from "../src/model/rows";

type File = Uint8Array<ArrayBuffer>;

interface Step {
  /** How many tokens stay of the text before. */
  readonly kept: number;
  readonly added: readonly number[];
}

/** The tokens of each text, and the text of these. */
export async function tokens(file: File, texts: readonly string[]) {
  const { tokenizer } = await openModel(file);
  return texts.map((text) => {
    const found = tokenizer.encode(text);
    return [found, tokenizer.decode(found)];
  });
}

/** The logits after each step of one session, one row after the other. */
export async function rows(file: File, steps: readonly Step[]) {
  const session = (await openModel(file)).session();
  const found = steps.map(({ added, kept }) => {
    session.cut(kept);
    return Array.from(session.append(added));
  });
  return Float64Array.from(found.flat());
}

/** What a page answers to each of some actions on a text that begins with a prompt, files as text. */
export async function answers(file: File, [prompt, actions]: readonly [string, readonly Action[]]) {
  const branches = [{ name: "1", prompt, seed: 7, tokens: [], from: null, shared: 0 }];
  const sampling = { temperature: 1, truncation: {} };
  const written = { branches, branch: "1", draw: 0 };
  const texts = await ModelTexts.open(await openModel(file), written, sampling);
  const found: object[] = [];
  for (const action of actions) {
    const answer: WritingStatus & Partial<FoundByAction> = await texts.act(action);
    const { json } = answer;
    found.push({ ...answer, ...(json && { json: await new Blob([json]).text() }) });
  }
  return found;
}

/** Why each file, in base64, is not read; nothing if it is. */
export function refusals(_: File, files: readonly string[]): Promise<string[]> {
  return Promise.all(
    files.map(async (file) => {
      try {
        await openModel(Uint8Array.from(atob(file), (character) => character.charCodeAt(0)));
        return "";
      } catch (error) {
        if (error instanceof ReadError) return error.message;
        throw error;
      }
    }),
  );
}

/** Milliseconds to open the file, to read 64 tokens, and for each of `count` that it then writes. */
export async function times(file: File, count: number) {
  const began = performance.now();
  const model = await openModel(file);
  const opened = performance.now();
  const session = model.session();
  let logits = session.append(Array.from({ length: 64 }, (_, at) => 32 + at));
  const read = performance.now();
  for (let at = 0; at < count; at++) {
    const likeliest = logits.reduce(
      (best, logit, item) => (logit > logits[best]! ? item : best),
      0,
    );
    logits = session.append([likeliest]);
  }
  return {
    open: opened - began,
    read: read - opened,
    token: (performance.now() - read) / count,
  };
}
