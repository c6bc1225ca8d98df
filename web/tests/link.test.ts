/** Links: what is written is read back, and what people write is read as they mean it. */
import ts from "typescript";
import { describe, expect, test } from "vitest";
import { randomLogits } from "../src/math/random";
import { DEFAULTS, parseLink, type Settings, type Step, writeLink } from "../src/model/link";
import type { State } from "../src/model/state";

const PLAIN = { labels: null, temperature: 1, source: "given", row: null, target: null };

function given(logits: number[], change: Partial<State> = {}): State {
  return { ...PLAIN, logits: Float64Array.from(logits), seed: null, ...change };
}

function drawn(n: number, seed: number, change: Partial<State> = {}): State {
  return { ...PLAIN, logits: randomLogits(n, seed), source: null, seed, ...change };
}

describe("a link that people write", () => {
  test.each<[string, Partial<State>, Partial<Settings>]>([
    ["", {}, {}],
    ["#", {}, {}],
    ["#n=5&seed=7&T=0.5", drawn(5, 7, { temperature: 0.5 }), {}],
    ["n=5&seed=7", drawn(5, 7), {}],
    ["#seed=7", drawn(5, 7), {}],
    ["#n=2", drawn(2, 0), {}],
    ["#seed=9007199254740991&n=1", drawn(1, 2 ** 53 - 1), {}],
    ["#labels=cat,dog", drawn(2, 0, { labels: ["cat", "dog"] }), {}],
    [
      "#logits=2,1,0.1&labels=cat,dog,eel&top_p=0.9",
      given([2, 1, 0.1], { labels: ["cat", "dog", "eel"] }),
      { order: ["T", "top_p"], rules: { top_p: 0.9 } },
    ],
    ["#T=0.7", { temperature: 0.7 }, {}],
    ["#T=inf", { temperature: Infinity }, {}],
    ["#T=∞", { temperature: Infinity }, {}],
    ["#T=-0", { temperature: 0 }, {}],
    ["#T=1e+21", { temperature: 1e21 }, {}],
    ["#logits=inf,-inf,nan,+Infinity", given([Infinity, -Infinity, NaN, Infinity]), {}],
    ["#logits=+2,+-1,.5,1e%2B2, 3", given([2, -1, 0.5, 100, 3]), {}],
    // A program may encode the whole link.
    [
      "#logits=2%2C1&labels=salt%5C%2C%20pepper%2C",
      given([2, 1], { labels: ["salt, pepper", ""] }),
      {},
    ],
    ["#logits=2,1&labels=100%,a%b", given([2, 1], { labels: ["100%", "a%b"] }), {}],
    ["#logits=1&labels", given([1], { labels: [""] }), {}],
    ["#logits=1&labels=a\\", given([1], { labels: ["a\\"] }), {}],
    ["#logits=1,2&labels=a\\\\,b", given([1, 2], { labels: ["a\\", "b"] }), {}],
    ["#logits=1,2&labels=same,same", given([1, 2], { labels: ["same", "same"] }), {}],
    ["#logits=1&labels=New+York", given([1], { labels: ["New York"] }), {}],
    ["#logits=1&labels=C%2B%2B", given([1], { labels: ["C++"] }), {}],
    ["#logits=1,2&labels=😀,猫", given([1, 2], { labels: ["😀", "猫"] }), {}],
    ["#logits=1,2&source=pets.csv&target=1", given([1, 2], { source: "pets.csv", target: 1 }), {}],
    [
      "#top_k=40&top_p=0.95&T=0.7",
      { temperature: 0.7 },
      { order: ["top_k", "top_p", "T"], rules: { top_k: 40, top_p: 0.95 } },
    ],
    ["#min_p=0.05", {}, { order: ["T", "min_p"], rules: { min_p: 0.05 } }],
    [
      "#T=2&engine=ollama%3C0.30&top_k=-1",
      { temperature: 2 },
      { engine: "ollama<0.30", order: ["T", "top_k"], rules: { top_k: -1 } },
    ],
    ["#scale=0-2", {}, { scale: "0-2" }],
    [
      "#hide=notes,values&lock=logits&embed",
      {},
      { hide: "notes,values", lock: "logits", embed: "" },
    ],
  ])("%s", (hash, state, settings) => {
    expect(parseLink(hash)).toEqual({ state, settings: { ...DEFAULTS, ...settings }, errors: [] });
  });

  const TEMPERATURE = "T must be a number ≥ 0 or “inf”";
  const LOGIT = "must be a number, “inf”, “-inf” or “nan”";
  test.each<[string, Partial<State>, Partial<Settings>, string[]]>([
    ["#t=0.5&T=2", { temperature: 2 }, {}, ["“t=0.5” has no use here."]],
    ["#T=1&T=2", { temperature: 1 }, {}, ["“T=2” has no use here."]],
    ["#T=hot&scale=0-2", {}, { scale: "0-2" }, [`${TEMPERATURE}, got “hot”.`]],
    ["#n=2&T=-1", drawn(2, 0), {}, [`${TEMPERATURE}, got “-1”.`]],
    ["#T=nan", {}, {}, [`${TEMPERATURE}, got “nan”.`]],
    ["#T", {}, {}, [`${TEMPERATURE}, got “(empty)”.`]],
    // Nothing that can't be seen gets into the sentence.
    ["#T=%E2%80%AE5", {}, {}, [`${TEMPERATURE}, got “\\u202e5”.`]],
    ["#n=0&seed=7", drawn(5, 7), {}, ["n must be a whole number from 1 to 262,144, got “0”."]],
    ["#n=2.5", drawn(5, 0), {}, ["n must be a whole number from 1 to 262,144, got “2.5”."]],
    ["#n=262145", drawn(5, 0), {}, ["n must be a whole number from 1 to 262,144, got “262145”."]],
    [
      "#n=3&seed=9007199254740992",
      drawn(3, 0),
      {},
      ["seed must be a whole number from 0 to 9,007,199,254,740,991, got “9007199254740992”."],
    ],
    [
      "#n=3&labels=a,b&T=2",
      drawn(3, 0, { temperature: 2 }),
      {},
      ["labels must be 3, one for each logit, got “a,b”."],
    ],
    ["#logits=1,x,2&labels=a,b,c&T=2", { temperature: 2 }, {}, [`logits[1] ${LOGIT}, got “x”.`]],
    ["#logits=1,,2", {}, {}, [`logits[1] ${LOGIT}, got “(empty)”.`]],
    [
      "#logits=1,2&seed=7&n=2",
      given([1, 2]),
      {},
      ["“seed=7” has no use here.", "“n=2” has no use here."],
    ],
    ["#target=1", {}, {}, ["“target=1” has no use here."]],
    [
      "#logits=1,2&target=2",
      given([1, 2]),
      {},
      ["target must be a whole number from 0 to 1, got “2”."],
    ],
    [
      "#top_p=most&top_k=inf&min_p=0.1",
      {},
      { order: ["T", "min_p"], rules: { min_p: 0.1 } },
      ["top_p must be a number, got “most”.", "top_k must be a number, got “inf”."],
    ],
    [
      "#scale=0-3&embed=no",
      {},
      {},
      ["“scale=0-3” has no use here.", "“embed=no” has no use here."],
    ],
    [
      "#__proto__=1&toString=2",
      {},
      {},
      ["“__proto__=1” has no use here.", "“toString=2” has no use here."],
    ],
  ])("%s, of which a part is wrong", (hash, state, settings, errors) => {
    expect(parseLink(hash)).toEqual({ state, settings: { ...DEFAULTS, ...settings }, errors });
  });
});

describe("a link that is written", () => {
  test.each<[string, State, Partial<Settings>]>([
    ["n=5&seed=7&T=0.5", drawn(5, 7, { temperature: 0.5 }), {}],
    ["n=5&seed=0&T=0", drawn(5, 0, { temperature: 0 }), {}],
    ["n=262144&seed=7&T=inf", drawn(262_144, 7, { temperature: Infinity }), {}],
    [
      "logits=2,1,0.1&labels=cat,dog,eel&T=1",
      given([2, 1, 0.1], { labels: ["cat", "dog", "eel"] }),
      {},
    ],
    [
      "logits=inf,-inf,nan,-0,5e-324,1e21&T=1e-7",
      given([Infinity, -Infinity, NaN, -0, 5e-324, 1e21], { temperature: 1e-7 }),
      {},
    ],
    [
      "logits=1,2&labels=salt%5C,+pepper,a%26b%3D%23%25&T=1",
      given([1, 2], { labels: ["salt, pepper", "a&b=#%"] }),
      {},
    ],
    ["logits=1&labels&T=1", given([1], { labels: [""] }), {}],
    ["logits=1&labels=%F0%9F%98%80+%EF%BF%BD&T=1", given([1], { labels: ["😀 \ud800"] }), {}],
    // A link has no other rows.
    ["logits=1&source=a.npy&target=0&T=1", given([1], { source: "a.npy", row: 3, target: 0 }), {}],
    [
      "logits=1&top_k=40&T=1&top_p=0.95&engine=llama.cpp&scale=0-2&hide=notes&lock=logits,labels&embed",
      given([1]),
      {
        order: ["top_k", "T", "top_p"],
        rules: { top_p: 0.95, top_k: 40 },
        engine: "llama.cpp",
        scale: "0-2",
        hide: "notes",
        lock: "logits,labels",
        embed: "",
      },
    ],
  ])("%s", (link, state, settings) => {
    expect(writeLink(state, { ...DEFAULTS, ...settings })).toBe(link);
  });

  test("stays as it is in an address", () => {
    for (let code = 0; code < 0x250; code++) {
      const link = writeLink(given([1], { labels: [String.fromCharCode(code)] }))!;
      expect(new URL(`#${link}`, "file:///page.html").hash).toBe(`#${link}`);
      expect(link).toMatch(/^[!-~]*$/);
    }
  });

  test("has no logits where they are the page's own", () => {
    const own = given(Array.from({ length: 5000 }, Math.sqrt));
    expect(writeLink({ ...own, temperature: 0.5 }, DEFAULTS, own)).toBe("T=0.5");
    expect(writeLink(drawn(5, 7), DEFAULTS, own)).toBe("n=5&seed=7&T=1");
    expect(writeLink({ ...own, logits: Float64Array.of(2) }, DEFAULTS, own)).toBe("logits=2&T=1");
    expect(writeLink(own)).toBeNull();
  });

  test("has at most 2,000 characters", () => {
    const label = (length: number) => given([1], { labels: ["x".repeat(length)] });
    const frame = writeLink(label(0))!.length + "=".length;
    expect(writeLink(label(2000 - frame))).toHaveLength(2000);
    expect(writeLink(label(2001 - frame))).toBeNull();
  });

  test("is not even begun for very many items", () => {
    const labels = Array.from({ length: 262_144 }, String);
    expect(writeLink(drawn(262_144, 7, { labels }))).toBeNull();
    expect(writeLink(given(Array.from({ length: 262_144 }, () => 0)))).toBeNull();
  });
});

test("the documentation has every parameter, and its examples are read", () => {
  const path = decodeURIComponent(new URL("../../docs/page.md", import.meta.url).pathname);
  const text = ts.sys.readFile(path)!;
  const named = text.match(/^\| `.*$/gm)!.flatMap((row) => row.split("|")[1]!.match(/\w+/g)!);
  const written = Array.from({ length: 100 }, (_, seed) => {
    const decide = new Decisions(seed);
    return writeLink(anyState(decide), anySettings(decide))!;
  });
  const parameters = written.flatMap((link) => [...new URLSearchParams(link).keys()]);
  expect(new Set(named)).toEqual(new Set(parameters));
  const links = text.match(/#\w+=\S*/g)!;
  expect(links).toHaveLength(3);
  for (const link of links) expect(parseLink(link).errors).toEqual([]);
});

/** Decisions from numbers that are the same in each run. */
class Decisions {
  private readonly numbers: Float64Array;
  private next = 0;
  constructor(seed: number) {
    this.numbers = randomLogits(1000, seed);
  }
  below(count: number): number {
    return Math.floor(count * this.numbers[this.next++]!);
  }
  one<Item>(...items: Item[]): Item {
    return items[this.below(items.length)]!;
  }
  many<Item>(most: number, make: () => Item): Item[] {
    return Array.from({ length: this.below(most + 1) }, make);
  }
  /** Any float64, found by its bits; most have 17 digits. */
  float(): number {
    const bits = new DataView(new ArrayBuffer(8));
    bits.setUint32(0, this.below(2 ** 32));
    bits.setUint32(4, this.below(2 ** 32));
    return this.one(bits.getFloat64(0), this.below(100) / 8, -0, Infinity, -Infinity, NaN);
  }
  text(): string {
    const pieces = [
      "a",
      "cat",
      " ",
      ",",
      "\\",
      "&",
      "=",
      "#",
      "%",
      "+",
      "%2C",
      "\n",
      "\0",
      "é",
      "猫",
      "😀",
    ];
    return this.many(4, () => this.one(...pieces)).join("");
  }
}

function anyState(decide: Decisions): State {
  const count = 1 + decide.below(6);
  const seed = decide.one(null, decide.below(2 ** 53));
  const logits =
    seed === null
      ? Float64Array.from({ length: count }, () => decide.float())
      : randomLogits(count, seed);
  return {
    logits,
    labels: decide.one(
      null,
      Array.from(logits, () => decide.text()),
    ),
    temperature: Math.abs(decide.float()) || 0,
    source: seed === null ? decide.text() : null,
    row: null,
    target: decide.one(null, decide.below(count)),
    seed,
  };
}

const RULES: Exclude<Step, "T">[] = [
  ...(["top_k", "top_p", "min_p", "typical_p"] as const),
  ...(["epsilon", "eta", "top_n_sigma"] as const),
];

function anySettings(decide: Decisions): Settings {
  const order: Step[] = [...new Set(decide.many(4, () => decide.one(...RULES)))];
  const value = () => decide.one(decide.below(100), decide.below(2 ** 53) / 2 ** 53);
  const rules = Object.fromEntries(order.map((rule) => [rule, value()]));
  order.splice(decide.below(order.length + 1), 0, "T");
  const maybe = (name: string, text: string) => decide.one({}, { [name]: text });
  return {
    order,
    rules,
    ...maybe("engine", `${decide.text()}x`),
    ...maybe("scale", "0-2"),
    ...maybe("hide", `${decide.text()}x`),
    ...maybe("lock", `${decide.text()}x`),
    ...maybe("embed", ""),
  };
}

test("what is written is read back, in 1,000 random cases", () => {
  for (let seed = 0; seed < 1000; seed++) {
    const decide = new Decisions(seed);
    const [state, settings] = [anyState(decide), anySettings(decide)];
    const link = writeLink(state, settings)!;
    const read = parseLink(`#${link}`);
    expect(read, link).toEqual({ state, settings, errors: [] });
    expect(writeLink(read.state as State, read.settings)).toBe(link);
  }
});
