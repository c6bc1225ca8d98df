/** Each language has all texts, with all that is inserted, and none of them in English. */
import { describe, expect, test } from "vitest";
import { languageOf } from "../src/text/language";

/** The languages, and the words that each has from English. */
const SAME: Readonly<Record<string, readonly string[]>> = {
  ar: [],
  de: [
    "Engine",
    "Engines",
    "Logit",
    "Logits",
    "Prompt",
    "Sampler",
    "Seed",
    "Softmax",
    "Text",
    "Tokens",
  ],
  es: ["Logit", "Logits", "Prompt", "Softmax", "Tokens", "no", "tokens"],
  zh: ["Logit", "Softmax"],
};
/** Parts of the tables that are symbols, or that programs read. */
const CODE =
  /^base\.(language|direction|numbers|joins|sampler\.rules\.(?!temp))|^activity\.results\.(columns|yes|no)\b|\bkeys\.(list\.)?\d+\.1\.\d+\.0\b/;
const PARTS = ["base", "rows", "writing", "model", "activity"] as const;

type Text = string | ((...given: unknown[]) => unknown);

async function tables(language: string): Promise<Record<string, unknown>> {
  const entries = PARTS.map(async (part) => {
    const table = await import(`../src/text/${language}/${part}.ts`);
    return [part, table[part]] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}

/** All texts of a table, by their places. */
function texts(table: unknown, place = ""): Map<string, Text> {
  if (typeof table === "string" || typeof table === "function") {
    return new Map([[place, table as Text]]);
  }
  const found = Object.entries(Object(table)).flatMap(([name, inner]) => [
    ...texts(inner, place === "" ? name : `${place}.${name}`),
  ]);
  return new Map(found);
}

/** Values of each kind that a text may take, each with a mark that is found again: plurals of Arabic have it too. */
const GIVEN: readonly ((at: number) => unknown)[] = [
  (at) => `⟦${40 + at}⟧`,
  (at) => [`⟦${50 + at}⟧`, `⟦${60 + at}⟧`],
  (at) => 70 + at,
  () => null,
];

type Say = (...given: unknown[]) => unknown;

/** What texts say of the same arguments, of the first kinds that all of them take; null if there are none. */
function said(...all: readonly Say[]): unknown[] | null {
  const count = Math.max(all[0]!.length, 1);
  for (let pick = 0; pick < GIVEN.length ** count; pick++) {
    const given = Array.from({ length: count }, (_, at) => {
      const kind = Math.floor(pick / GIVEN.length ** at) % GIVEN.length;
      return GIVEN[kind]!(at);
    });
    try {
      const found = all.map((say) => say(...given));
      if (!/undefined|NaN|ليس.رقم|\[object/.test(String(found))) return found;
    } catch {
      // One of them takes arguments of another kind.
    }
  }
  return null;
}

const marks = (said: unknown) => [...new Set(String(said).match(/⟦\d+⟧|\b7\d\b/g) ?? [])].sort();

const en = texts(await tables("en"));

test("a text takes arguments that are found here", () => {
  const functions = [...en].filter(([, text]) => typeof text === "function");
  const found = functions.filter(([, text]) => said(text as Say) !== null);
  expect(functions.length).toBeGreaterThan(250);
  expect(functions.length - found.length).toBeLessThan(8);
});

describe.each(Object.keys(SAME))("in %s", async (language) => {
  const own = texts(await tables(language));

  test("there are the texts of English, and no others", () => {
    expect([...own.keys()].sort()).toEqual([...en.keys()].sort());
  });

  test("none is the English one", () => {
    const isSame = ([place, text]: [string, Text]) =>
      !CODE.test(place) && own.get(place) === text && /\p{L}{2}/u.test(String(text));
    const same = new Set([...en].filter(isSame).map(([, text]) => text));
    expect([...same].sort()).toEqual([...SAME[language]!].sort());
  });

  test("each inserts what the English one inserts", () => {
    const lost: string[] = [];
    for (const [place, text] of en) {
      const translated = own.get(place);
      if (typeof text !== "function" || typeof translated !== "function") continue;
      const both = said(text as Say, translated as Say);
      if (both === null) {
        if (said(text as Say) !== null) lost.push(`${place}: takes other arguments`);
        continue;
      }
      const [wanted, got] = both.map(marks);
      if (String(wanted) !== String(got)) lost.push(`${place}: ${wanted} but ${got}`);
    }
    expect(lost).toEqual([]);
  });

  test("a text that isn't a function in English is none here", () => {
    for (const [place, text] of en)
      expect([place, typeof own.get(place)]).toEqual([place, typeof text]);
  });
});

describe("a page of several languages", () => {
  const known = ["en", "de", "es", "zh", "ar"];
  const page = (search: string, lang: string, languages: string[]) => {
    Object.assign(globalThis, { location: { search }, document: { documentElement: { lang } } });
    Object.defineProperty(globalThis, "navigator", { value: { languages }, configurable: true });
    return languageOf(known);
  };

  test.each([
    ["?lang=ar", "de", ["es"], "ar"],
    ["?lang=xx", "de-AT", ["es"], "de"],
    ["", "", ["fr", "zh-Hans-CN", "es"], "zh"],
    ["", "", ["fr"], "en"],
    ["", "EN-us", ["de"], "en"],
  ])("address %s, document %s, browser %s: %s", (search, lang, languages, expected) => {
    expect(page(search, lang, languages)).toBe(expected);
  });

  test("has one to choose from: that one", () => {
    expect(languageOf(["de"])).toBe("de");
  });
});
