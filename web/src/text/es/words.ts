/** The words that several tables of this language share. */
import { grammar } from "../grammar";

export const { and, count, or, plural } = grammar("es");

export const quoted = (text: string) => `«${text}»`;

/** What was typed instead; goes on after what must be. */
export const butGot = (typed: string) =>
  typed === "" ? " y no hay nada" : `, no ${quoted(typed)}`;

/** Names for one line of a message. */
export const listed = (names: readonly string[]) =>
  names.slice(0, 10).map(quoted).join(", ") + (names.length > 10 ? " …" : "");

/** What is right begins with an infinitive. */
export const mustBe = (name: string, right: string, typed: string) =>
  `${name} debe ${right}${butGot(typed)}.`;

export const temperatureIs = (temperature: string) => `T = ${temperature}`;

/** A number of things, whose noun depends on it. */
export const counted = (number: number | string, one: string, other: string) =>
  `${typeof number === "number" ? count(number) : number} ${plural(number, { one, other })}`;
