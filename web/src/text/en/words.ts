/** The words that several tables of this language share. */
import { grammar } from "../grammar";

export const { and, count, or } = grammar("en");

/** A number of tokens. */
export const tokenCount = (tokens: number) =>
  tokens === 1 ? "1 token" : `${count(tokens)} tokens`;

export const quoted = (text: string) => `“${text}”`;
export const got = (typed: string) => (typed === "" ? "nothing" : quoted(typed));

/** Names for one line of a message. */
export const listed = (names: readonly string[]) =>
  names.slice(0, 10).map(quoted).join(", ") + (names.length > 10 ? " …" : "");

export const mustBe = (name: string, right: string, typed: string) =>
  `${name} must be ${right}, got ${got(typed)}.`;

export const temperatureIs = (temperature: string) => `T = ${temperature}`;

/** A place, counted from 1: 1st, 2nd, 3rd … */
export function ordinal(place: string): string {
  const endings: Readonly<Record<string, string>> = { 1: "st", 2: "nd", 3: "rd" };
  return place + ((!/1\d$/.test(place) && endings[place.at(-1)!]) || "th");
}
