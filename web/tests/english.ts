/** The page of the tests speaks English: under Vitest, and in what is built for Node with this injected. */
import { activity } from "../src/text/en/activity";
import { base } from "../src/text/en/base";
import { model } from "../src/text/en/model";
import { rows } from "../src/text/en/rows";
import { writing } from "../src/text/en/writing";

export const thermoscopeTexts = { en: { base, rows, writing, model, activity } };

Object.assign(globalThis, { thermoscopeTexts });
