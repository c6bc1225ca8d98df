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
  FoundByAction,
  Sampling,
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
    const found = await rows.ask({ write: { ...action, version } });
    ({ version } = found as WritingStatus);
    return found as WritingStatus & Partial<FoundByAction>;
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

/** The probabilities by their definition, with the `k` highest alone. */
function probabilities(logits: Float64Array, temperature: number, k = Infinity): number[] {
  const least = Array.from(logits).sort((a, b) => b - a)[Math.min(k, logits.length) - 1]!;
  const exp = Array.from(logits, (z) => (z >= least ? Math.exp(z / temperature) : 0));
  const sum = exp.reduce((total, each) => total + each);
  return exp.map((each) => each / sum);
}

const total = (numbers: readonly number[]) => numbers.reduce((sum, each) => sum + each, 0);

test("two branches are compared from the token where they part", async () => {
  const { act, steps, tokens, logits } = await opened();
  await steps(6);
  // An escape, a character of two tokens, and a part of one.
  for (const [at, item] of [10, 0xc3, 0xa9, 0xe2].entries()) {
    await act({ do: "take", position: 2 + at, item });
  }
  const sampling: Sampling = { temperature: 0.5, truncation: { top_k: 250 } };
  const before = await act({ do: "status" });
  const { comparison, ...status } = await act({ do: "compare", with: "1", ...sampling });
  expect(status).toMatchObject({ version: before.version, branch: "2", count: 7 });
  expect(comparison!.shared).toBe(2);
  expect(comparison!.branches.map(({ name, length }) => [name, length])).toEqual([
    ["2", 6],
    ["1", 6],
  ]);
  expect(comparison!.branches[0]!.text).toBe("\\né\\xe2");
  for (const [column, { name, surprisal, sampled }] of comparison!.branches.entries()) {
    await act({ do: "select", name });
    const places = [2, 3, 4, 5];
    const rows = await Promise.all(places.map(logits));
    const of = (temperature: number, k?: number) =>
      rows.map((row, at) => probabilities(row, temperature, k)[tokens()[places[at]!]!]!);
    expect(comparison!.next[column]).toBeCloseTo(of(1)[0]!, 12);
    expect(surprisal).toBeCloseTo(-total(of(1).map(Math.log)) / 4, 12);
    const logarithm = total(of(0.5, 250).map(Math.log));
    if (logarithm > -Infinity) expect(sampled).toBeCloseTo(logarithm, 10);
    else expect(sampled).toBe("-inf");
  }
  await act({ do: "select", name: "1" });
  const coldest: Sampling = { temperature: 0, truncation: {} };
  const { comparison: never } = await act({ do: "compare", with: "2", ...coldest });
  expect(never!.branches[1]!.sampled).toBe("-inf");

  // One that is a beginning of the other has nothing of its own.
  await act({ do: "branch", position: 2 });
  const { comparison: short } = await act({ do: "compare", with: "1", ...sampling });
  expect(short!.branches[0]).toMatchObject({ length: 2, surprisal: null, sampled: 0, text: "" });
  expect(short!.next[0]).toBeNull();
  expect(short!.next[1]).toBe(comparison!.next[1]);
  await act({ do: "start", prompt: "other" });
  await expect(act({ do: "compare", with: "1", ...sampling })).rejects.toThrow("the same prompt");
});

test("two settings are compared at all positions", async () => {
  const { act, steps, logits } = await opened();
  await steps(5);
  const { settings, version } = await act({
    do: "settings",
    a: SAMPLING,
    b: { temperature: 0.1, truncation: { top_k: 5 } },
  });
  const rows = await Promise.all([0, 1, 2, 3, 4, 5].map(logits));
  const apart = rows.map((row) => {
    const [p, q] = [probabilities(row, 1), probabilities(row, 0.1, 5)];
    return total(p.map((each, item) => Math.abs(each - q[item]!))) / 2;
  });
  const { tv, worst, positions } = settings!;
  expect([positions, version]).toEqual([6, 5]);
  const most = Math.max(...apart);
  expect(worst.position).toBe(apart.indexOf(most));
  for (const end of tv) expect(end).toBeCloseTo(total(apart) / 6, 12);
  for (const end of worst.tv) expect(end).toBeCloseTo(most, 12);
  const { settings: same } = await act({ do: "settings", a: SAMPLING, b: SAMPLING });
  expect(same).toEqual({ positions: 6, tv: [0, 0], worst: { position: 0, tv: [0, 0] } });
});

test("a text is saved with all branches, and with all tokens of each position", async () => {
  const { act, steps, logits } = await opened();
  await expect(act({ do: "save" })).rejects.toThrow("no text yet");
  const first = await steps(3);
  await act({ do: "take", position: 1, item: 256 });
  const truncation = { top_k: 3, order: ["top_k", "temperature"] } as const;
  await act({ do: "step", temperature: "inf", truncation });
  await act({ do: "branch", position: 0 });
  const { json, name } = await act({ do: "save" });
  expect(name).toBe("text.json");
  const { model, choices, thermoscope } = JSON.parse(await new Blob([json!]).text());
  expect(model).toBe("small");
  expect(thermoscope).toMatchObject({
    vocabulary: 258,
    typed: "Hi ab",
    prompt: MODEL.tokenizer.encode("Hi ab"),
    seed: 7,
    branch: "3",
    temperature: "inf",
    settings: { top_k: "3", order: '["top_k","temperature"]' },
    bounds: [null, null, null],
  });
  // In place of an empty branch the answer has the text of the one that it left, as far as it has one.
  const numbers = (content: readonly { token_id: number }[]) =>
    content.map(({ token_id }) => token_id);
  const [{ message, logprobs }] = choices;
  expect(numbers(logprobs.content).slice(0, 2)).toEqual([first[0], 256]);
  expect(message.content).toBe(
    logprobs.content.map(({ token }: { token: string }) => token).join(""),
  );
  interface Kept {
    readonly name: string;
    readonly from: string | null;
    readonly shared: number;
    readonly content: readonly unknown[];
    readonly bounds: readonly unknown[];
  }
  const kept = thermoscope.branches.map(({ name, from, shared, content, bounds }: Kept) => [
    name,
    from,
    shared,
    content.length,
    bounds.length,
  ]);
  expect(kept).toEqual([
    ["1", null, 0, 3, 3],
    ["2", "1", 1, 2, 2],
    ["3", "2", 0, 0, 0],
  ]);
  await act({ do: "select", name: "1" });
  for (const [place, position] of thermoscope.branches[0].content.entries()) {
    const wanted = probabilities(await logits(place), 1);
    expect(numbers(position.top_logprobs)).toEqual(wanted.map((_, item) => item));
    for (const [item, { logprob }] of position.top_logprobs.entries()) {
      expect(Math.exp(logprob)).toBeCloseTo(wanted[item]!, 14);
    }
    expect(position).toMatchObject(position.top_logprobs[first[place]!]);
  }
});

test("a comparison and a file can be cancelled", async () => {
  const { act } = await opened();
  await act({ do: "edit", text: "x".repeat(2000) });
  for (const action of [
    { do: "settings", a: SAMPLING, b: { temperature: 2, truncation: {} } },
    { do: "save" },
  ] as const) {
    const long = act(action);
    await act({ do: "cancel" });
    const found = await long;
    expect(found).toMatchObject({ cancelled: true, count: 2001 });
    expect(found.settings ?? found.json).toBeUndefined();
  }
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
