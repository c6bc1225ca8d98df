/** The page of the tests speaks English. */
import { activity } from "../src/text/en/activity";
import { base } from "../src/text/en/base";
import { model } from "../src/text/en/model";
import { rows } from "../src/text/en/rows";
import { writing } from "../src/text/en/writing";

Object.assign(globalThis, { thermoscopeTexts: { en: { base, rows, writing, model, activity } } });
