/** The words that several tables of this language share, and the isolates that keep runs whole. */
import { grammar } from "../grammar";

export const { and, count, or, plural } = grammar("ar-u-nu-latn");

/** A formula, keys or code, which run from left to right. */
export const ltr = (text: string) => `\u2066${text}\u2069`;
/** A text with numbers or Latin words that stands where lines run from left to right, as in the figures. */
export const rtl = (text: string) => `\u2067${text}\u2069`;
/** A text of unknown direction, also a number that may have a sign, a bound or words. */
export const isolated = (text: string) => `\u2068${text}\u2069`;

export const quoted = (text: string) => `«${isolated(text)}»`;
export const got = (typed: string) => (typed === "" ? "فارغة" : quoted(typed));

/** Names for one line of a message. */
export const listed = (names: readonly string[]) =>
  names.slice(0, 10).map(quoted).join("، ") + (names.length > 10 ? " …" : "");

/** Worded so that the gender of the name does not matter. */
export const mustBe = (name: string, right: string, typed: string) =>
  `${isolated(name)}: المطلوب ${right}، والقيمة الواردة ${got(typed)}.`;

export const temperatureIs = (temperature: string) => ltr(`T = ${temperature}`);

export const minusInfinity = ltr("−∞");

/** A number with its noun: one, two, 3 to 10, 11 to 99, and 100. */
const counted =
  (one: string, two: string, few: string, many: string, other: string) =>
  (number: number | string) => {
    const text = typeof number === "number" ? count(number) : number;
    return plural(number, {
      one,
      two,
      few: `${text} ${few}`,
      many: `${text} ${many}`,
      other: `${text} ${other}`,
    });
  };

export const items = counted("عنصر واحد", "عنصران", "عناصر", "عنصرًا", "عنصر");
export const tokens = counted("رمز واحد", "رمزان", "رموز", "رمزًا", "رمز");
/** After a preposition or as an object. */
export const tokensOf = counted("رمز واحد", "رمزين", "رموز", "رمزًا", "رمز");
export const rowsOf = counted("صف واحد", "صفين", "صفوف", "صفًا", "صف");
export const classesOf = counted("صنف واحد", "صنفان", "أصناف", "صنفًا", "صنف");
export const positionsOf = counted("موضع واحد", "موضعين", "مواضع", "موضعًا", "موضع");
export const characters = counted("حرف واحد", "حرفان", "أحرف", "حرفًا", "حرف");
export const charactersOf = counted("حرف واحد", "حرفين", "أحرف", "حرفًا", "حرف");
export const tasksOf = counted("مهمة واحدة", "مهمتان", "مهام", "مهمة", "مهمة");
export const points = counted("نقطة واحدة", "نقطتان", "نقاط", "نقطة", "نقطة");
