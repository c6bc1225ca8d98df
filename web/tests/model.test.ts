/** A text that the page writes with a model of its own, here one with random weights. */
import { expect, test } from "vitest";
import type { LanguageModel } from "../src/data/weights";
import { ModelTexts, type WrittenTexts } from "../src/hosts/model";
import { joined, textOf } from "../src/hosts/positions";
import { Tokenizer } from "../src/math/tokenizer";
import { LAYER_MATRICES, type Matrix, shapeOf, Transformer } from "../src/math/transformer";
import type {
  Action,
  Continuation,
  WritingStatus,
  WrittenChunk,
  WrittenRow,
} from "../src/model/rows";
import { readNumbers } from "../src/model/state";

const sizes = { vocabulary: 258, width: 8, layers: 1, heads: 2, feedForward: 6, context: 8 };
const SAMPLING = { temperature: 1, truncation: {} } as const;
const HI: WrittenTexts = {
  branches: [{ name: "1", prompt: "Hi ab", seed: 7, tokens: [], from: null, shared: 0 }],
  branch: "1",
  draw: 0,
};

function language(): LanguageModel {
  let at = 0;
  const matrix = (rows: number, columns: number): Matrix => ({
    rows,
    columns,
    scales: new Float32Array(rows).fill(0.01),
    entries: Int8Array.from({ length: rows * columns }, () => ((++at * at) % 251) - 125),
  });
  const ones = new Float32Array(8).fill(1);
  const named = LAYER_MATRICES.map((name) => [name, matrix(...shapeOf(name, sizes))]);
  const transformer = new Transformer({
    sizes,
    ropeBase: 10,
    epsilon: 1e-5,
    embedding: matrix(258, 8),
    layers: [{ ...Object.fromEntries(named), attention: ones, forward: ones }],
    last: ones,
  });
  // "ab" and "ca".
  const tokenizer = new Tokenizer(Uint16Array.of(97, 98, 99, 97));
  return { title: "small", sizes, tokenizer, session: () => transformer.session() };
}

const MODEL = language();

async function opened(written = HI) {
  const texts = await ModelTexts.open(MODEL, written, SAMPLING);
  const rows = texts.rows();
  let { version } = texts.status();
  const act = async (action: Action) => {
    const found = (await rows.ask({ write: { ...action, version } })) as WritingStatus;
    ({ version } = found);
    return found;
  };
  const steps = async (count: number) => {
    for (let k = 0; k < count; k++) await act({ do: "step", ...SAMPLING });
    return tokens();
  };
  const tokens = () => {
    const { branches, branch } = texts.written();
    return branches.find(({ name }) => name === branch)!.tokens;
  };
  const logits = async (place: number) => {
    const row = (await rows.ask({ order: "given", place })) as WrittenRow;
    return readNumbers(row.logits);
  };
  return { texts, rows, act, steps, tokens, logits };
}

test("a seed draws the same text again, also after a cut", async () => {
  const one = await opened();
  const first = await one.steps(12);
  expect(await (await opened()).steps(12)).toEqual(first);
  expect((await opened({ ...HI, draw: 12 })).tokens()).toEqual(first);
  await one.act({ do: "cut", position: 5 });
  expect(await one.steps(7)).toEqual(first);
  await one.act({ do: "cut", position: 0 });
  await one.act({ do: "reseed", seed: 8 });
  expect(await one.steps(12)).not.toEqual(first);
});

test("several texts go on with the prompt at once, and one is kept as a branch", async () => {
  const one = await opened();
  const first = await one.steps(12);
  const { prompt } = one.texts.status();
  const settings = [SAMPLING, { temperature: 0, truncation: {} }] as const;
  const streams = settings.map((sampling) => one.rows.inPage!.goOn(sampling));
  const found: Continuation[] = [];
  for (let k = 0; k < 12; k++) {
    // Another branch changes nothing of what has begun.
    if (k === 4) await one.act({ do: "start", prompt: "cab" });
    for (const [at, stream] of streams.entries()) found[at] = (await stream.next()).value;
  }
  expect(found[0]!.tokens).toEqual(first);
  expect(found[0]!.prompt).toBe(prompt);
  const bytes = first.flatMap((token) => [...MODEL.tokenizer.bytes[token]!]);
  expect(found[0]!.text).toBe(textOf(Uint8Array.from(bytes)));

  const { prompt: kept, tokens } = found[1]!;
  const { branch, told } = await one.act({ do: "start", prompt: kept, tokens });
  expect(told).toEqual([["kept", "3", 12]]);
  expect(branch).toBe("3");
  expect(one.tokens()).toEqual(tokens);
  const coldest = await opened();
  for (let k = 0; k < 12; k++) await coldest.act({ do: "step", temperature: 0, truncation: {} });
  expect(coldest.tokens()).toEqual(tokens);
});

test("a row has the logits of the text before it, also where the window has moved", async () => {
  const { steps, logits } = await opened();
  const written = await steps(20);
  const start = MODEL.tokenizer.encode("Hi ab");
  for (const place of [0, 3, 4, 11, 20]) {
    const found = await logits(place);
    expect(found).toEqual(MODEL.session().append([...start, ...written.slice(0, place)]));
  }
});

test("a step draws what the sampler keeps of the logits", async () => {
  const { act, tokens, logits } = await opened();
  const highest = (found: Float64Array) => found.indexOf(Math.max(...found));
  await act({ do: "step", temperature: 0, truncation: {} });
  expect(tokens()).toEqual([highest(await logits(0))]);
  await act({ do: "step", temperature: "inf", truncation: { top_k: 1 } });
  expect(tokens()[1]).toBe(highest(await logits(1)));
});

test("another token at an earlier place is another branch, and nothing is lost", async () => {
  const { act, steps, tokens } = await opened();
  const first = await steps(4);
  const taken = await act({ do: "take", position: 2, item: 256 });
  expect(taken.told).toEqual([["taken", "2", "ab", "1"]]);
  expect(taken).toMatchObject({ branch: "2", count: 4, changed: 2, version: 5, canRestore: false });
  expect(tokens()).toEqual([...first.slice(0, 2), 256]);
  const [, second] = taken.branches;
  expect(second).toMatchObject({ name: "2", length: 3, from: "1", shared: 2 });

  const cut = await act({ do: "cut", position: 1 });
  expect(cut).toMatchObject({ count: 2, canRestore: true });
  expect(cut.told).toEqual([["cut", 2]]);
  expect(await act({ do: "restore" })).toMatchObject({ count: 4, canRestore: false });

  await act({ do: "rename", name: "1", to: "first" });
  await expect(act({ do: "rename", name: "2", to: "first" })).rejects.toThrow("name must be new");
  const gone = await act({ do: "delete", name: "2" });
  expect(gone.branch).toBe("first");
  expect(tokens()).toEqual(first);
  await expect(act({ do: "delete", name: "first" })).rejects.toThrow("the only branch");
  expect(await act({ do: "restore" })).toMatchObject({ branch: "2", count: 4 });

  const branched = await act({ do: "branch", position: 3 });
  expect(branched).toMatchObject({ branch: "3", count: 4, changed: 4 });
});

test("a text is edited as far as its tokens are others", async () => {
  const { act, tokens } = await opened();
  await act({ do: "edit", text: " cab" });
  expect(tokens()).toEqual([32, 99, 256]);
  const edited = await act({ do: "edit", text: " cat" });
  expect(edited).toMatchObject({ count: 4, changed: 1, canRestore: true });
  expect(tokens()).toEqual([32, 257, 116]);
  await act({ do: "start", prompt: "c" });
  // "ca" is one token.
  await expect(act({ do: "edit", text: "ab" })).resolves.toMatchObject({ count: 2 });
  await act({ do: "start", prompt: "a" });
  await expect(act({ do: "edit", text: "b" })).rejects.toThrow("joins the last token");
  await expect(act({ do: "start", prompt: "" })).rejects.toThrow("the prompt is empty");
});

test("what is cancelled leaves the text as it was", async () => {
  const { act, tokens } = await opened();
  const long = act({ do: "edit", text: "x".repeat(20_000) });
  await expect(act({ do: "step", ...SAMPLING })).rejects.toThrow("still under way");
  await act({ do: "cancel" });
  expect(await long).toMatchObject({ count: 1, told: [["cancelled"]] });
  expect(tokens()).toEqual([]);
});

test("a file has all branches, and goes on as the page", async () => {
  const one = await opened();
  await one.steps(3);
  await one.act({ do: "branch", position: 1 });
  await one.act({ do: "reseed", seed: 9 });
  const written = JSON.parse(JSON.stringify(one.rows.inPage!.kept()));
  const other = await opened(written);
  expect(other.texts.written()).toEqual(written);
  expect(await other.steps(3)).toEqual(await one.steps(3));
});

test("a chunk has the likeliest tokens, the drawn one and the sum of the others", async () => {
  const { rows, act, logits } = await opened();
  const all = await logits(0);
  const least = all.indexOf(Math.min(...all));
  await act({ do: "take", position: 0, item: least });
  const chunk = (await rows.ask({ sequence: 0 })) as WrittenChunk;
  expect(chunk).toMatchObject({ start: 0, width: 256, sizes: [256, 256], drawn: [least, -1] });
  expect(chunk.places).toEqual([255, -1]);
  const weights = Array.from(all, Math.exp).sort((a, b) => b - a);
  const sum = weights.reduce((total, weight) => total + weight);
  expect(Math.exp(readNumbers(chunk.rest)[0]!)).toBeCloseTo((weights[255]! + weights[256]!) / sum);
  expect(readNumbers(chunk.deltas)[0]).toBeGreaterThan(0);
});

test("tokens that only together are a character have its text", () => {
  const bytes = (...list: number[]) => Uint8Array.from(list);
  const parts = [bytes(32, 0xc3), bytes(0xa9), bytes(0xff, 65), null, bytes(0xe2), bytes(66)];
  expect(joined(parts)).toEqual([
    { text: " é", part: 0 },
    { text: " é", part: 1 },
    { text: "\\xffA", part: 0 },
    { text: "", part: 0 },
    { text: "\\xe2", part: 0 },
    { text: "B", part: 0 },
  ]);
  expect(textOf(bytes(0xc3, 0xa9, 0xe2, 0x80))).toBe("é\\xe2\\x80");
});

test("between two tokens the page can do what waits", async () => {
  const { act } = await opened();
  let isDone = false;
  setTimeout(() => {
    isDone = true;
  });
  await act({ do: "step", ...SAMPLING });
  expect(isDone).toBe(true);
});
