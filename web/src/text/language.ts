/** Which of the languages that a page has it speaks. */

/**
 * The first of them that is asked for: by `?lang=` in the address, by the document, or by the browser; else
 * the first one that there is.
 */
export function languageOf(known: readonly string[]): string {
  if (known.length < 2) return known[0]!;
  const asked = [
    new URLSearchParams(location.search).get("lang") ?? "",
    document.documentElement.lang,
    ...navigator.languages,
  ];
  // One of a region has the texts of all: de-AT is German.
  const found = asked.map((tag) => tag.toLowerCase().split("-")[0]!);
  return found.find((language) => known.includes(language)) ?? known[0]!;
}
