/** What a host has the page say, in the language of the page: it sends the name of a text and what it is about. */
import { brief, percent } from "./format";
import { strings } from "./strings";

/** A part of a whole, or a number that is not whole: the page writes it as it writes all of them. */
type Shortened = { readonly percent: number } | { readonly number: number };

type Texts = Readonly<Record<string, (...about: never[]) => string>>;
type Sent<T> = { readonly [K in keyof T]: T[K] extends string ? string | Shortened : T[K] };

/** The name of one of some texts and what it is about; or words that are a server's or a library's. */
export type Message<T extends Texts> =
  | readonly ["words", string]
  | { [Name in keyof T]: readonly [Name, ...Sent<Parameters<T[Name]>>] }[keyof T];

export function say<T extends Texts>(texts: T, [name, ...about]: Message<T>): string {
  if (name === "words") return String(about[0]);
  const text = texts[name] as (...about: unknown[]) => string;
  return text(...about.map((each) => (isShortened(each) ? shortened(each) : each)));
}

/** Some messages, each of which is a sentence. */
export function sayAll<T extends Texts>(texts: T, messages: readonly Message<T>[]): string {
  return messages.map((message) => say(texts, message)).join(strings.joins.sentences);
}

function isShortened(value: unknown): value is Shortened {
  return typeof value === "object";
}

function shortened(value: Shortened): string {
  return "percent" in value ? percent(value.percent, false) : brief(value.number);
}
