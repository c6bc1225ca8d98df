/** The words that several tables of this language share. */
import { grammar } from "../grammar";

export const { count } = grammar("zh-Hans");

export const quoted = (text: string) => `“${text}”`;

/** A number of tokens. */
export const tokenCount = (tokens: number) => `${count(tokens)} 个词元`;

const isHan = (sign: string | undefined) => /[\u3400-\u9fff]/.test(sign ?? "");
/** What stands apart from Chinese characters; marks of punctuation do not. */
const isLatin = (sign: string | undefined) => /[\w.%∞<>≤≥−[\])\u0370-\u03ff]/.test(sign ?? "");

/** One text of several, with a space where Chinese and Latin letters or digits meet. */
export function flow(...texts: readonly string[]): string {
  return texts.reduce((before, after) => {
    const [end, start] = [before.at(-1), after[0]];
    const isMixed = (isHan(end) && isLatin(start)) || (isLatin(end) && isHan(start));
    return `${before}${isMixed ? " " : ""}${after}`;
  }, "");
}

/** Some texts, with a word before the last of them. */
const list = (word: string) => (texts: readonly string[]) => {
  const last = texts.at(-1) ?? "";
  return texts.length < 2 ? last : flow(texts.slice(0, -1).join("、"), word, last);
};
export const and = list("和");
export const or = list("或");

export const got = (typed: string) => (typed === "" ? "空" : quoted(typed));

/** Names for one line of a message. */
export const listed = (names: readonly string[]) =>
  names.slice(0, 10).map(quoted).join("、") + (names.length > 10 ? " …" : "");

/** What is right has a verb: 是…, or 省略. */
export const mustBe = (name: string, right: string, typed: string) =>
  `${flow(name, "必须", right)}，实际为${got(typed)}。`;

export const temperatureIs = (temperature: string) => `T = ${temperature}`;
