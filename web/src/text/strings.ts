import { en, enRows, enWriting, type RowStrings, type Strings, type WritingStrings } from "./en";

/** The texts of the page, in the language that it speaks. */
export const strings: Strings = en;

/** Those of a page of rows, which other pages leave out. */
export const rowStrings: RowStrings = enRows;

/** Those of a page that writes a text. */
export const writingStrings: WritingStrings = enWriting;
