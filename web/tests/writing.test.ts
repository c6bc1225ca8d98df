/** A text that is written with a model: what the page asks for, and what it shows of the answers. */
import { beforeEach, describe, expect, test, vi } from "vitest";
import { Instrument } from "../src/model/instrument";
import type { Action, News, Query, Rows, WritingMessage, WritingStatus } from "../src/model/rows";
import { logitsToBytes, writeState } from "../src/model/state";
import { tokenText } from "../src/model/token";
import { memoryHost } from "./memory";
import { stateOf } from "./states";

const LABELS = [" a", " b", " c"];

function base64(bytes: ArrayBufferView): string {
  return btoa(String.fromCharCode(...new Uint8Array(bytes.buffer as ArrayBuffer)));
}
const doubles = (values: readonly number[]) => base64(logitsToBytes(Float64Array.from(values)));

/** A server of a text with one branch, whose tokens are the items that are taken or drawn. */
class Server implements Rows {
  readonly orders = ["given"] as const;
  readonly sequence = { temperature: 1, vocabulary: 3, passages: [[0, "answer", ""]] } as const;
  readonly asked: Query[] = [];
  items: number[] = [];
  /** The first position that each change touched. */
  readonly changes: number[] = [];
  told: readonly WritingMessage[] = [];
  error: WritingMessage | null = null;
  /** How many answers say that the action is under way. */
  slow = 0;
  /** What goes wrong with the next action; what the next draw ends the text with. */
  wrong = "";
  ends = Infinity;
  extras: object = {};
  /** What the answer with a row waits for. */
  holds: Promise<void> | null = null;
  /** The views that hear of the others. */
  readonly listeners = new Set<(news: News) => void>();

  get version(): number {
    return this.changes.length;
  }
  get count(): number {
    return this.items.length + 1;
  }
  get writing(): WritingStatus {
    return this.status(this.version);
  }
  status(known: number): WritingStatus {
    const { count, version, told, error } = this;
    const changed = Math.min(count, ...this.changes.slice(known));
    const branch = { name: "1", length: count - 1, from: null, shared: 0, text: "" };
    return {
      ...{ version, changed, count, told, error },
      ...{ branch: "1", branches: [branch], prompt: "p", prefix: "p", about: [], notes: [] },
      ...{ seed: 7, ended: count > this.ends, canRestore: false, busy: this.slow > 0 },
      ...this.extras,
    };
  }
  written(): (Action & { readonly version?: number })[] {
    return this.asked.flatMap((query) => ("write" in query ? [query.write] : []));
  }

  async ask(query: Query): Promise<unknown> {
    this.asked.push(query);
    if ("write" in query) return this.#act(query.write);
    if ("sequence" in query) return this.#chunk(query.sequence);
    if (!("place" in query)) return null;
    await this.holds;
    const { version, logits } = writeState(stateOf([query.place, 0, -1]));
    const { place } = query;
    return { version, logits, temperature: 1, source: "m", row: place, place, labels: LABELS };
  }
  readonly subscribe = (listener: (news: News) => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };
  tell(): void {
    for (const listener of this.listeners) listener(this.writing);
  }
  /** What another view does: this one hears of it. */
  change(from: number, ...items: number[]): void {
    this.#change(from, ...items);
    this.tell();
  }
  #change(from: number, ...items: number[]): void {
    this.items.splice(from, Infinity, ...items);
    this.changes.push(from);
  }
  #act(action: Action & { readonly version?: number }): WritingStatus {
    const { version: known = this.version } = action;
    if (action.do === "status") {
      this.slow = Math.max(0, this.slow - 1);
      return this.status(known);
    }
    if (known !== this.version) return { ...this.status(known), error: ["changed"] };
    this.error = this.wrong === "" ? null : ["words", this.wrong];
    this.wrong = "";
    if (this.error !== null) return this.status(known);
    if (action.do === "step") this.#change(this.items.length, 1);
    if (action.do === "take") this.#change(action.position, action.item);
    if (action.do === "cut") this.#change(action.position);
    this.told = [["words", `${action.do}.`]];
    return this.status(known);
  }
  #chunk(start: number): object {
    const drawn = [...this.items, -1].slice(start);
    const rows = drawn.flatMap(() => [0.5, 0.25, 0.25]);
    const view = new DataView(new ArrayBuffer(4 * rows.length));
    for (const [k, p] of rows.entries()) view.setFloat32(4 * k, Math.log(p), true);
    return {
      ...{ start, width: 3, sizes: drawn.map(() => 3), drawn, places: drawn },
      ...{ parts: drawn.map(() => 0), texts: drawn.map((item) => LABELS[item] ?? "") },
      logprobs: base64(view),
      rest: doubles(drawn.map(() => -Infinity)),
      deltas: doubles(drawn.map(() => 0)),
    };
  }
}

let server: Server;
let instrument: Instrument;
beforeEach(async () => {
  server = new Server();
  const change = { labels: LABELS, row: 0, temperature: 0.5, truncation: { top_k: 2 } };
  instrument = new Instrument(memoryHost(stateOf([0, 0, -1], change), server));
  await vi.waitUntil(() => !writing().isBusy.value && instrument.sequence!.loaded.value === 1, {
    interval: 1,
  });
  server.asked.length = 0;
});
const writing = () => instrument.writing!;
const shown = () => instrument.items.value.row;
const text = () => instrument.sequence!.text();

test("rows that nothing writes have no tools", () => {
  const rows: Rows = { count: 1, orders: ["given"], ask: async () => null };
  expect(new Instrument(memoryHost(stateOf([1, 2]), rows)).writing).toBeNull();
});

test("a step draws by what the page is set to, and shows the next distribution", async () => {
  await writing().step();
  const settings = { temperature: 0.5, truncation: { top_k: 2 } };
  expect(server.written()).toEqual([{ do: "step", ...settings, version: 0 }]);
  expect([shown(), text()]).toEqual([1, " b"]);
  expect(instrument.items.value.logits).toEqual(Float64Array.of(1, 0, -1));
  expect(instrument.told.value.text).toBe("step.");
  expect(instrument.cursor!.count.value).toBe(2);
  expect(instrument.sequence!.count.value).toBe(2);
  expect(tokenText(instrument.sequence!, 1)).toMatch(/^token 2 of 2, next token, entropy /);
  expect(tokenText(instrument.sequence!, 0)).toMatch(/^token 1 of 2, “ b”, rank 2, /);
  expect(instrument.sequence!.itemOf(1)).toBe(-1);
});

test("what is done to a token that was just chosen waits for its row", async () => {
  for (let k = 0; k < 3; k++) await writing().step();
  let arrives = () => {};
  server.holds = new Promise((resolve) => (arrives = resolve));
  instrument.cursor!.to(0);
  server.asked.length = 0;
  const done = writing().actHere((position) => ({ do: "cut", position }));
  await Promise.resolve();
  expect(server.written()).toEqual([]);
  expect(shown()).toBe(3);
  arrives();
  await done;
  expect(server.written()).toMatchObject([{ do: "cut", position: 0 }]);
  expect(text()).toBe("");
});

test("nothing is done to another token where the row does not come", async () => {
  for (let k = 0; k < 3; k++) await writing().step();
  server.holds = Promise.reject(new Error("no row"));
  server.holds.catch(() => undefined);
  instrument.cursor!.to(0);
  server.asked.length = 0;
  expect(await writing().actHere((position) => ({ do: "cut", position }))).toBeNull();
  expect(server.written()).toEqual([]);
  expect([instrument.cursor!.error.value, shown()]).toEqual(["no row", 3]);
});

test("∞ is written as JSON has it", async () => {
  instrument.change({ temperature: Infinity });
  await writing().step();
  expect(server.written()[0]).toMatchObject({ temperature: "inf" });
});

test("only the positions from the change on are read again", async () => {
  await writing().step();
  await writing().step();
  server.asked.length = 0;
  await writing().step();
  expect(server.asked.filter((query) => "sequence" in query)).toEqual([{ sequence: 2 }]);
  expect(text()).toBe(" b b b");
});

test("a page that has missed changes does nothing, and reads from the first of them on", async () => {
  for (let k = 0; k < 3; k++) await writing().step();
  server.listeners.clear();
  server.change(1, 2);
  server.change(2, 2);
  server.asked.length = 0;
  expect(await writing().step()).toBeNull();
  expect([writing().error.value, text()]).toEqual([
    "the text has changed since: this is how it is now",
    " b c c",
  ]);
  expect(server.asked.filter((query) => "sequence" in query)).toEqual([{ sequence: 1 }]);
  await writing().step();
  expect([writing().error.value, text()]).toEqual(["", " b c c b"]);
});

/** Waits until this view has followed the others. */
const followed = () =>
  vi.waitUntil(() => !writing().isBusy.value && writing().status.value.version === server.version, {
    interval: 1,
  });

describe("another view", () => {
  beforeEach(async () => {
    for (let k = 0; k < 3; k++) await writing().step();
    server.asked.length = 0;
  });
  test("that goes on with the text is followed by a view at its end", async () => {
    server.change(3, 0);
    await followed();
    expect([text(), shown(), instrument.cursor!.count.value]).toEqual([" b b b a", 4, 5]);
    expect(server.written()).toEqual([{ do: "status", version: 3 }]);
    expect(instrument.told.value.text).toBe("step.");
  });
  test("leaves the position that is shown elsewhere, until its token is gone", async () => {
    instrument.cursor!.to(1);
    await vi.waitUntil(() => shown() === 1);
    server.change(3, 0);
    await followed();
    expect([text(), shown()]).toEqual([" b b b a", 1]);
    server.change(2);
    await followed();
    expect([text(), shown()]).toEqual([" b b", 1]);
    server.change(1, 2);
    await followed();
    expect([text(), shown()]).toEqual([" b c", 2]);
  });
  test("does not take back the row that is on the way", async () => {
    const ask = server.ask.bind(server);
    let arrive = () => {};
    const late = vi.spyOn(server, "ask").mockImplementation(async (query) => {
      if ("place" in query && query.place === 0) await new Promise<void>((done) => (arrive = done));
      return ask(query);
    });
    instrument.cursor!.to(0);
    server.change(3, 0);
    await followed();
    expect(shown()).toBe(3);
    arrive();
    await vi.waitUntil(() => shown() === 0);
    late.mockRestore();
  });
  test("does not disturb logits that were typed here", async () => {
    instrument.draw(4);
    server.change(0);
    await followed();
    expect([text(), shown(), instrument.count.value]).toEqual(["", null, 4]);
  });
  test("is heard of when what is under way here has ended", async () => {
    const step = writing().step();
    server.tell();
    server.change(0, 2);
    server.change(1, 2);
    expect((await step)?.version).toBe(4);
    await followed();
    // Nothing was asked for in between, and once after it.
    expect(server.written().map(({ do: name }) => name)).toEqual(["step", "status"]);
    expect(text()).toBe(" c c");
  });
  test("has changed the text again before what this one has done is read", async () => {
    instrument.cursor!.to(1);
    await vi.waitUntil(() => shown() === 1);
    server.extras = { made: 4 };
    server.slow = 1;
    const step = writing().step();
    await Promise.resolve();
    server.slow = 0;
    server.listeners.clear();
    server.change(2, 2, 2, 2);
    expect((await step)?.version).toBe(5);
    expect([text(), shown()]).toEqual([" b b c c c", 1]);
  });
  test("that is at work is waited for", async () => {
    server.slow = 2;
    server.tell();
    expect(writing().isBusy.value).toBe(true);
    const step = writing().step();
    await step;
    expect(server.written().map(({ do: name }) => name)).toEqual(["status", "status", "step"]);
    expect(text()).toBe(" b b b b");
  });
  test("ends what was meant for the text before", async () => {
    server.change(0, 2, 0, 2);
    expect(await writing().act({ do: "cut", position: 2 })).toBeNull();
    expect(writing().error.value).toBe("Not done: another view has changed the text.");
    expect(text()).toBe(" c a c");
    await writing().act({ do: "cut", position: 2 });
    expect([writing().error.value, text()]).toEqual(["", " c a"]);
  });
  test("ends what is played", async () => {
    const ask = server.ask.bind(server);
    vi.spyOn(server, "ask").mockImplementation(async (query) => {
      const found = await ask(query);
      if ("write" in query && query.write.do === "step" && server.count === 6) server.change(1);
      return found;
    });
    await writing().play(9);
    await followed();
    expect([text(), writing().left.value]).toEqual([" b", 0]);
    expect(writing().error.value).toContain("another view has changed the text");
  });
  test("that fails says so there alone", async () => {
    server.error = ["words", "the server is down"];
    server.slow = 1;
    server.tell();
    await followed();
    expect(writing().error.value).toBe("");
  });
  test("hears what this one has done, which asks for nothing more", async () => {
    await writing().step();
    server.asked.length = 0;
    server.tell();
    await Promise.resolve();
    expect(server.asked).toEqual([]);
  });
  test("that is closed hears nothing", () => {
    expect(server.listeners.size).toBe(1);
    instrument.follow()();
    expect(server.listeners.size).toBe(0);
  });
  test("is followed again if its change could not be read", async () => {
    const broken = vi.spyOn(server, "ask").mockRejectedValue(new Error("no answer"));
    server.change(0);
    await vi.waitUntil(() => !writing().isBusy.value);
    expect([text(), writing().error.value]).toEqual([" b b b", ""]);
    broken.mockRestore();
    server.tell();
    await followed();
    expect(text()).toBe("");
  });
});

test("a text that becomes shorter, and one of the same length", async () => {
  for (let k = 0; k < 3; k++) await writing().step();
  await writing().act({ do: "cut", position: 1 });
  expect([shown(), text(), instrument.sequence!.loaded.value]).toEqual([1, " b", 2]);
  await writing().act({ do: "take", position: 0, item: 2 });
  expect([shown(), text()]).toEqual([1, " c"]);
  expect(instrument.sequence!.itemOf(0)).toBe(2);
});

test("the rows of another text are not those that were kept", async () => {
  await writing().step();
  await writing().step();
  instrument.cursor!.to(0);
  await vi.waitUntil(() => shown() === 0);
  await writing().act({ do: "cut", position: 1 });
  server.asked.length = 0;
  instrument.cursor!.to(0);
  await vi.waitUntil(() => shown() === 0);
  expect(server.asked).not.toContainEqual({ order: "given", place: 0 });
  await writing().act({ do: "take", position: 0, item: 0 });
  instrument.cursor!.to(0);
  await vi.waitUntil(() => shown() === 0);
  expect(server.asked).toContainEqual({ order: "given", place: 0 });
});

test("an error is told, and the text is kept", async () => {
  await writing().step();
  server.wrong = "the server is down";
  expect(await writing().step()).toBeNull();
  expect([writing().error.value, text(), shown()]).toEqual(["the server is down", " b", 1]);
  expect(writing().isBusy.value).toBe(false);
  await writing().step();
  expect([writing().error.value, text()]).toEqual(["", " b b"]);
});

test("an answer that never comes is an error too", async () => {
  vi.spyOn(server, "ask").mockRejectedValueOnce(new Error("no answer"));
  expect(await writing().step()).toBeNull();
  expect(writing().error.value).toBe("no answer");
});

test("while an action is under way the page asks again; one more waits, others are dropped", async () => {
  vi.useFakeTimers();
  try {
    server.slow = 2;
    const step = writing().step();
    const cut = writing().act({ do: "cut", position: 0 });
    expect(await writing().step()).toBeNull();
    await vi.advanceTimersByTimeAsync(200);
    expect((await step)?.version).toBe(1);
    expect((await cut)?.version).toBe(2);
    const names = server.written().map(({ do: name }) => name);
    expect(names).toEqual(["step", "status", "status", "cut"]);
  } finally {
    vi.useRealTimers();
  }
});

test("what is cancelled says so once", async () => {
  server.slow = 1;
  const step = writing().step();
  await writing().cancel();
  await step;
  expect(server.written().map(({ do: name }) => name)).toEqual(["step", "cancel", "status"]);
  await writing().cancel();
  expect(server.written()).toHaveLength(3);
});

test("what is cancelled is not done, wherever it was cancelled", async () => {
  server.extras = { cancelled: true };
  server.items = [];
  expect(await writing().act({ do: "cut", position: 0 })).toBeNull();
  expect(instrument.told.value.text).toBe("cut.");
  await writing().play(5);
  expect(instrument.told.value.text).toBe("0 tokens written.");
});

test("what has come of an action is asked for by its number, and of others never", async () => {
  server.extras = { action: 7 };
  server.slow = 1;
  await writing().step();
  expect(server.written().at(-1)).toEqual({ do: "status", version: 0, action: 7 });
  server.slow = 1;
  server.change(0);
  await followed();
  expect(server.written().at(-1)).toEqual({ do: "status", version: 1 });
});

describe("played", () => {
  test("as many tokens as asked for, told once", async () => {
    await writing().play(3);
    expect([text(), writing().left.value]).toEqual([" b b b", 0]);
    expect(instrument.told.value.text).toBe("3 tokens written.");
  });
  test("up to the end of the text", async () => {
    server.ends = 2;
    await writing().play(9);
    expect(text()).toBe(" b b");
  });
  test("up to a pause, after the token that is on the way", async () => {
    const playing = writing().play(9);
    expect(writing().left.value).toBe(9);
    writing().pause();
    await playing;
    expect([text(), instrument.told.value.text]).toEqual([" b", "1 token written."]);
  });
  test("up to an error", async () => {
    server.wrong = "gone";
    await writing().play(3);
    expect([text(), writing().error.value, writing().left.value]).toEqual(["", "gone", 0]);
    expect(instrument.told.value.text).toBe("");
  });
  test("while the user looks at another position", async () => {
    await writing().step();
    instrument.cursor!.to(0);
    await vi.waitUntil(() => shown() === 0);
    await writing().play(2);
    expect([text(), shown()]).toEqual([" b b b", 0]);
    await writing().step();
    expect(shown()).toBe(4);
  });
});

describe("compared", () => {
  const found = { positions: 1, tv: [0.1, 0.2], worst: { position: 0, tv: [0.1, 0.2] } };
  test("what is set, with T = 1 or with A", async () => {
    server.extras = { settings: found };
    await writing().compareSettings();
    const b = { temperature: 0.5, truncation: { top_k: 2 } };
    expect(writing().settings.value).toEqual({ a: { temperature: 1, truncation: {} }, b, found });
    instrument.pin();
    instrument.change({ temperature: 0 });
    await writing().compareSettings();
    expect(server.written().at(-1)).toMatchObject({ a: b, b: { ...b, temperature: 0 } });
    await writing().step();
    expect(writing().settings.value).toBeNull();
  });
  test("not a setting with itself", () => {
    const { isOneSetting } = writing();
    expect(isOneSetting.value).toBe(false);
    instrument.change({ temperature: 1, truncation: { engine: "vllm" } });
    expect(isOneSetting.value).toBe(true);
    instrument.change({ truncation: { top_k: 2, min_p: 0.5 } });
    expect(isOneSetting.value).toBe(false);
    instrument.pin();
    expect(isOneSetting.value).toBe(true);
    instrument.change({ truncation: { min_p: 0.5, top_k: 2 } });
    expect(isOneSetting.value).toBe(true);
    instrument.change({ truncation: { top_k: 3, min_p: 0.5 } });
    expect(isOneSetting.value).toBe(false);
  });
  test("two branches", async () => {
    const comparison = { shared: 0, branches: [], next: [] };
    server.extras = { comparison };
    await writing().compareBranches("2");
    expect(server.written().at(-1)).toMatchObject({ do: "compare", with: "2", temperature: 0.5 });
    expect(writing().branches.value).toEqual(comparison);
  });
});

test("a page that is there before the first distribution waits for it", async () => {
  const early = new Server();
  early.slow = 1;
  const opened = new Instrument(memoryHost(stateOf([0, 0, -1], { row: 0 }), early));
  await vi.waitUntil(() => !opened.writing!.isBusy.value);
  expect(early.written().map(({ do: name }) => name)).toEqual(["status"]);
});

test("a page that is opened again shows the text as it is now", async () => {
  const { writing: old, sequence, orders } = server;
  server.listeners.clear();
  server.change(0, 2, 0);
  const ask = server.ask.bind(server);
  const rows: Rows = { count: 1, orders, sequence, writing: old, ask };
  const opened = new Instrument(memoryHost(stateOf([0, 0, -1], { row: 0 }), rows));
  await vi.waitUntil(() => opened.items.value.row === 2);
  expect(opened.sequence!.text()).toBe(" c a");
});

test("positions that could not be read are read with the next action", async () => {
  await writing().step();
  const ask = server.ask.bind(server);
  const broken = vi.spyOn(server, "ask").mockImplementation(async (query) => {
    if ("sequence" in query) throw new Error("no answer");
    return ask(query);
  });
  expect(await writing().step()).toBeNull();
  expect([writing().error.value, text()]).toEqual(["no answer", " b"]);
  broken.mockRestore();
  await writing().act({ do: "status" });
  expect([writing().error.value, text()]).toEqual(["", " b b"]);
});

test("a page that is closed asks for nothing more", async () => {
  const close = instrument.follow();
  close();
  expect(await writing().step()).toBeNull();
  expect(server.written()).toEqual([]);
});
