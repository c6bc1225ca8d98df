/** Which of the languages that there are is spoken. */

/** The first of them that is asked for by tags as HTML has them; else the first one that there is. */
export function firstOf(
  known: readonly string[],
  asked: readonly (string | null | undefined)[],
): string {
  // One of a region has the texts of all: de-AT is German.
  const found = asked.map((tag) => tag?.toLowerCase().split("-")[0] ?? "");
  return found.find((language) => known.includes(language)) ?? known[0]!;
}

/** That of a page: by `?lang=` in its address, by the document, or by the browser. */
export function languageOf(known: readonly string[]): string {
  if (known.length < 2) return known[0]!;
  const asked = new URLSearchParams(location.search).get("lang");
  return firstOf(known, [asked, document.documentElement.lang, ...navigator.languages]);
}
