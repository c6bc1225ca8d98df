/** Links: what is written is read back, and what people write is read as they mean it. */
import { describe, expect, test } from "vitest";
import links from "../../tests/vectors/links.json";
import { ENGINES, ordered, PAPERS, type Settings, type Step } from "../src/math/engines";
import { randomLogits } from "../src/math/random";
import { type Frame, LOCKS, PARTS } from "../src/model/frame";
import { parseLink, writeLink } from "../src/model/link";
import type { State } from "../src/model/state";
import { documented, named } from "./documented";
import { drawn, stateOf } from "./states";

const given = (logits: number[], change: Partial<State> = {}) =>
  stateOf(logits, { source: "given", ...change });

/** The parts of a state as a vector has them. */
function partsOf({ logits, temperature, ...parts }: Record<string, unknown>): Partial<State> {
  return {
    ...parts,
    ...(logits !== undefined && {
      logits: Float64Array.from(logits as (number | string)[], floatOf),
      // No link has one.
      tail: null,
    }),
    ...(temperature !== undefined && { temperature: floatOf(temperature as number | string) }),
  } as Partial<State>;
}

function floatOf(written: number | string): number {
  return typeof written === "number" ? written : Number(written.replace("inf", "Infinity"));
}

/** A frame as Python has it: the texts of the link. */
function textsOf({ hide, lock, embed }: Frame): Record<string, string> {
  const texts = { hide: hide?.join(), lock: lock?.join(), embed: embed ? "" : undefined };
  return JSON.parse(JSON.stringify(texts));
}

function frameOf(texts: { hide?: string; lock?: string; embed?: string }): Frame {
  return parseLink(String(new URLSearchParams(texts))).frame;
}

/** The parameter that an error is about. */
function faultOf(error: string): string {
  return /^“?([^ =]+)/.exec(error)![1]!;
}

describe("a link that people write", () => {
  test.each(links.read)("“$name”, as Python reads it", ({ name, parts, frame, errors }) => {
    const link = parseLink(name);
    expect({ ...link.state }).toEqual(partsOf(parts));
    expect(textsOf(link.frame)).toEqual(frame);
    expect(link.errors.map(faultOf).sort()).toEqual([...errors].sort());
  });

  const TEMPERATURE = "T must be a number ≥ 0 or “inf”";
  const [PART, LOCK] = [PARTS, LOCKS].map((names) =>
    new Intl.ListFormat("en", { type: "disjunction" }).format(names.map((name) => `“${name}”`)),
  );
  const LOGIT = "must be a number, “inf”, “-inf” or “nan”";
  test.each<[string, string[]]>([
    ["#t=0.5&T=2", ["“t=0.5” has no use here."]],
    ["#T=1&T=2", ["“T=2” has no use here."]],
    ["#T=hot&scale=0-2", [`${TEMPERATURE}, got “hot”.`]],
    ["#T", [`${TEMPERATURE}, got “(empty)”.`]],
    // Nothing that can't be seen gets into the sentence.
    ["#T=%E2%80%AE5", [`${TEMPERATURE}, got “\\u202e5”.`]],
    ["#n=2.5", ["n must be a whole number from 1 to 262,144, got “2.5”."]],
    [
      "#n=3&seed=9007199254740992",
      ["seed must be a whole number from 0 to 9,007,199,254,740,991, got “9007199254740992”."],
    ],
    ["#n=3&labels=a,b&T=2", ["labels must be 3, one for each logit, got “a,b”."]],
    ["#logits=1,x,2&labels=a,b,c&T=2", [`logits[1] ${LOGIT}, got “x”.`]],
    ["#logits=1,,2", [`logits[1] ${LOGIT}, got “(empty)”.`]],
    ["#logits=1,2&seed=7&n=2", ["“seed=7” has no use here.", "“n=2” has no use here."]],
    ["#logits=1,2&target=2", ["target must be a whole number from 0 to 1, got “2”."]],
    [
      "#top_p=most&top_k=inf&min_p=0.1",
      [
        "top_p must be a number in [0, 1], got “most”.",
        "top_k must be a whole number in [1, inf), got “inf”.",
      ],
    ],
    [
      "#top_p=2&top_k=1.5&typical_p=0&min_p=0.1&engine=transformers",
      [
        "top_p must be a number in [0, 1] with transformers, got “2”.",
        "top_k must be a whole number in [1, inf) with transformers, got “1.5”.",
        "typical_p must be a number in (0, 1] with transformers, got “0”.",
      ],
    ],
    [
      "#eta=0.1&ties=all&engine=llama.cpp",
      ["ties must be “k”, got “all”.", "eta must be left out with llama.cpp, got “0.1”."],
    ],
    [
      "#top_k=4&engine=gpt",
      [
        "engine must be “transformers”, “vllm”, “sglang”, “mlx-lm”, “llama.cpp”, “ollama”, or “ollama<0.30”, got “gpt”.",
      ],
    ],
    [
      "#scale=0-3&embed=no",
      ["scale must be “full” or “0-2”, got “0-3”.", "“embed=no” has no use here."],
    ],
    [
      "#hide=why,notes&lock=",
      [`hide must be ${PART}, got “notes”.`, `lock must be ${LOCK}, got “(empty)”.`],
    ],
  ])("%s, in which an error is told in words", (hash, errors) => {
    expect(parseLink(hash).errors).toEqual(errors);
  });
});

describe("a link that is written", () => {
  test.each(links.written)("“$name”, as Python writes it", ({ name, state, frame }) => {
    expect(writeLink(partsOf(state) as State, frameOf(frame))).toBe(name);
  });

  test("has the seed of very many logits, and no half of a surrogate pair", () => {
    expect(writeLink(drawn(262_144, 7))).toBe("n=262144&seed=7&T=1");
    expect(writeLink(given([1], { labels: ["\ud800"] }))).toBe("logits=1&labels=%EF%BF%BD&T=1");
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
    expect(writeLink({ ...own, temperature: 0.5 }, {}, own)).toBe("T=0.5");
    expect(writeLink(drawn(5, 7), {}, own)).toBe("n=5&seed=7&T=1");
    expect(writeLink({ ...own, logits: Float64Array.of(2) }, {}, own)).toBe("logits=2&T=1");
    expect(writeLink(own)).toBeNull();
  });

  test("says what differs from the settings of the page itself", () => {
    const own = given([1, 2], { truncation: { top_k: 1 }, scale: "0-2" });
    for (const change of [{}, { truncation: {} }, { scale: "full" as const }, { temperature: 2 }]) {
      const state = { ...own, ...change };
      expect({ ...own, ...parseLink(writeLink(state, {}, own)!).state }).toEqual(state);
    }
    expect(parseLink("").state).toEqual({});
  });

  test("has at most 2,000 characters", () => {
    const label = (length: number) => given([1], { labels: ["x".repeat(length)] });
    const frame = writeLink(label(0))!.length + "=".length;
    expect(writeLink(label(2000 - frame))).toHaveLength(2000);
    expect(writeLink(label(2001 - frame))).toBeNull();
  });

  test("is longer where an activity is made, for it is kept there alone", () => {
    const activity = "x".repeat(10_000);
    expect(writeLink(given([1]), { activity })).toBeNull();
    expect(parseLink(writeLink(given([1]), { activity, edit: true })!).frame.activity).toBe(
      activity,
    );
  });

  test("is not even begun for very many items", () => {
    const labels = Array.from({ length: 262_144 }, String);
    expect(writeLink(drawn(262_144, 7, { labels }))).toBeNull();
    expect(writeLink(given(Array.from({ length: 262_144 }, () => 0)))).toBeNull();
  });
});

test("the documentation has every part and lock", () => {
  expect(named(documented("Parts"))).toEqual([...PARTS, ...LOCKS]);
});

test("the documentation has every parameter, and its examples are read", () => {
  const text = documented("Links");
  const written = Array.from({ length: 100 }, (_, seed) => {
    const decide = new Decisions(seed);
    return writeLink(anyState(decide), anyFrame(decide))!;
  });
  const parameters = written.flatMap((link) => [...new URLSearchParams(link).keys()]);
  expect(new Set(named(text))).toEqual(new Set(parameters));
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
    tail: null,
    truncation: anyTruncation(decide),
    scale: decide.one("full", "0-2"),
  };
}

function anyTruncation(decide: Decisions): Settings {
  const name = decide.one(undefined, ...Object.keys(ENGINES));
  const engine = name === undefined ? PAPERS : ENGINES[name]!;
  const rules = engine.order.filter((step) => step !== "temperature");
  const order: Step[] = [...new Set(decide.many(4, () => decide.one(...rules)))];
  const value = (step: Step) =>
    step === "top_k" ? 1 + decide.below(100) : (1 + decide.below(2 ** 52)) / 2 ** 53;
  const values = Object.fromEntries(order.map((rule) => [rule, value(rule)]));
  order.splice(decide.below(order.length + 1), 0, "temperature");
  const ties = decide.one(undefined, ...engine.ties);
  const named = { ...(name && { engine: name }), ...(ties && { ties }) };
  return ordered({ ...values, ...named }, order);
}

function anyFrame(decide: Decisions): Frame {
  function some<Name>(names: readonly Name[]): [Name, ...Name[]] {
    return [names[0]!, ...names.slice(1).filter(() => decide.one(true, false))];
  }
  return decide.one(
    {},
    { hide: some(PARTS) },
    { hide: some(PARTS), lock: some(LOCKS) },
    { lock: some(LOCKS), embed: true },
    { hide: some(PARTS), activity: "packed_-7" },
    { embed: true, edit: true, activity: "x" },
  );
}

test("what is written is read back, in 1,000 random cases", () => {
  for (let seed = 0; seed < 1000; seed++) {
    const decide = new Decisions(seed);
    const [state, frame] = [anyState(decide), anyFrame(decide)];
    const link = writeLink(state, frame)!;
    const read = parseLink(`#${link}`);
    expect(read, link).toEqual({ state, frame, errors: [] });
    expect(writeLink(read.state as State, read.frame)).toBe(link);
  }
});
