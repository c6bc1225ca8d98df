/** The texts of the page, in the language that it speaks. */
import type { Activity } from "./en/activity";
import type { Base } from "./en/base";
import type { Model } from "./en/model";
import type { Rows } from "./en/rows";
import type { Writing } from "./en/writing";
import { languageOf } from "./language";

/** The texts in one language; a page has those that it needs. */
export interface Texts {
  readonly base: Base;
  readonly rows: Rows;
  readonly writing: Writing;
  readonly activity: Activity;
  readonly model: Model;
}

/** Of each language that this page has. Its scripts stand before this one; build.js makes them. */
declare const thermoscopeTexts: Readonly<Record<string, Texts>>;

const texts = thermoscopeTexts[languageOf(Object.keys(thermoscopeTexts))]!;

export const {
  base: strings,
  rows: rowStrings,
  writing: writingStrings,
  activity: activityStrings,
  model: modelStrings,
} = texts;
