/** The words that several tables of this language share. */
import { grammar } from "../grammar";

export const { and, count, or, plural } = grammar("de");

export const quoted = (text: string) => `„${text}“`;
/** What was typed, after "nicht". */
export const got = (typed: string) => (typed === "" ? "leer" : quoted(typed));

/** Names for one line of a message. */
export const listed = (names: readonly string[]) =>
  names.slice(0, 10).map(quoted).join(", ") + (names.length > 10 ? " …" : "");

export const mustBe = (name: string, right: string, typed: string) =>
  `${name} muss ${right} sein, nicht ${got(typed)}.`;

export const temperatureIs = (temperature: string) => `T = ${temperature}`;

/** A number, which may be text with separators, and what it counts. */
const counted = (one: string, other: string) => (number: number | string) =>
  `${typeof number === "number" ? count(number) : number} ${plural(number, { one, other })}`;

export const items = counted("Eintrag", "Einträge");
/** After a preposition that takes the dative. */
export const ofItems = counted("Eintrag", "Einträgen");
export const otherItems = counted("weiterer Eintrag", "weitere Einträge");
export const others = counted("weiterer", "weitere");
export const tokens = counted("Token", "Tokens");
export const rows = counted("Zeile", "Zeilen");
