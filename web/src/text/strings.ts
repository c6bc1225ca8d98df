import { en, enRows, type RowStrings, type Strings } from "./en";

/** The texts of the page, in the language that it speaks. */
export const strings: Strings = en;

/** Those of a page of rows, which other pages leave out. */
export const rowStrings: RowStrings = enRows;
