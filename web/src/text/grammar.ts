/** What `Intl` knows of a language. */

/** The forms of a text for the numbers in it, by the names that `Intl.PluralRules` has for them. */
export type Forms = Partial<Record<Intl.LDMLPluralRule, string>> & { readonly other: string };

/** Where keys work, and what each of them does there. */
export type Keys = readonly [
  place: string,
  does: readonly (readonly [keys: readonly string[], action: string])[],
];

/** Lists, whole numbers and plurals in a language, which `Intl` knows by this locale. */
export function grammar(locale: string) {
  const list = (type: "conjunction" | "disjunction") => (texts: readonly string[]) =>
    new Intl.ListFormat(locale, { type }).format(texts);
  const whole = new Intl.NumberFormat(locale);
  const rules = new Intl.PluralRules(locale);
  return {
    and: list("conjunction"),
    or: list("disjunction"),
    count: (number: number) => whole.format(number),
    /** The form for a whole number, which may be text with separators. */
    plural: (number: number | string, forms: Forms) =>
      forms[rules.select(Number(String(number).replace(/\D/g, "")))] ?? forms.other,
  };
}
