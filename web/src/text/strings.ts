import { en, type Strings } from "./en";

/** The texts of the page, in the language that it speaks. */
export const strings: Strings = en;
