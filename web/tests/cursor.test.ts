import { beforeEach, describe, expect, test, vi } from "vitest";
import { Instrument } from "../src/model/instrument";
import type { Query, Rows } from "../src/model/rows";
import { logitsToBytes, type WrittenState } from "../src/model/state";
import { memoryHost } from "./memory";
import { stateOf } from "./states";

/** The logit of each row is its number; row 7 can't be read, and all orders but one go backwards. */
const COUNT = 10;
const LABELS = ["cat", "dog"];

function written(row: number): Omit<WrittenState, "labels"> & { row: number } {
  const bytes = new Uint8Array(logitsToBytes(Float64Array.of(row, 0)).buffer);
  const logits = btoa(String.fromCharCode(...bytes));
  return { version: 1, logits, temperature: 1, source: "pets", row, target: 1 };
}

/** A server which answers when it is told to. */
class Server implements Rows {
  readonly count = COUNT;
  readonly orders = ["given", "uncertain", "wrong"] as const;
  readonly asked: Query[] = [];
  private readonly waiting: (() => void)[] = [];
  done = COUNT;
  /** How many rows a bin has: the last ones. */
  readonly size = 2;
  broken = false;

  ask(query: Query): Promise<unknown> {
    this.asked.push(query);
    return new Promise((resolve, reject) => {
      this.waiting.push(() => {
        if (!("place" in query || "row" in query)) {
          if (this.broken) return reject(new Error("many.npy: gone"));
          const isBin = "order" in query && query.order.startsWith("bin:");
          return resolve({ done: this.done, ...(isBin && { size: this.size }) });
        }
        const backwards = (n: number) => (query.order === "given" ? n : COUNT - 1 - n);
        const row = "row" in query ? query.row : backwards(query.place);
        if (row === 7) return reject(new Error("many.npy: cut short"));
        const labels = query.labels === "all" ? { labels: LABELS } : {};
        resolve({ ...written(row), ...labels, place: backwards(row) });
      });
    });
  }
  /** Answers all open requests, `times` times: an answer may lead to new requests. */
  async answer(times = 1): Promise<void> {
    for (; times > 0; times--) {
      for (const go of this.waiting.splice(0)) go();
      for (let i = 0; i < 10; i++) await Promise.resolve();
    }
  }
  get open(): number {
    return this.waiting.length;
  }
}

let server: Server;
let instrument: Instrument;
function begin(row: number | null = 0): void {
  server = new Server();
  const labels = row === null ? null : LABELS;
  const state = stateOf([row ?? 0.5, 0], { labels, temperature: 0.5, source: "pets", row });
  instrument = new Instrument(memoryHost(state, server));
}
beforeEach(() => begin());

const cursor = () => instrument.cursor!;
const shown = () => instrument.items.value.row;

test("without rows there is no cursor", () => {
  expect(new Instrument(memoryHost(stateOf([1]))).cursor).toBeNull();
});

test("a step brings the next row, with its target, and keeps temperature and labels", async () => {
  cursor().step(1);
  expect(shown()).toBe(0);
  await server.answer();
  const { logits, labels, row, target } = instrument.items.value;
  expect({ logits, row, target }).toEqual({ logits: Float64Array.of(1, 0), row: 1, target: 1 });
  expect(labels).toBe(LABELS);
  expect(instrument.temperature.value).toBe(0.5);
  expect(instrument.rows.value.map((item) => item.className.value)).toEqual([
    "row",
    "row pointed target",
  ]);
});

test("the neighbours come ahead, so that the next step needs no request", async () => {
  cursor().step(1);
  await server.answer(2);
  expect(server.asked).toEqual([1, 2, 0].map((place) => ({ order: "given", place })));
  cursor().step(1);
  await Promise.resolve().then(() => Promise.resolve());
  expect(shown()).toBe(2);
  await server.answer(2);
  cursor().step(-1);
  cursor().step(-1);
  for (let i = 0; i < 10; i++) await Promise.resolve();
  expect(shown()).toBe(0);
  expect(server.asked.length).toBe(4); // row 3, and none twice
});

test("steps do not pile up: of those made while one is under way the last counts", async () => {
  for (let i = 0; i < 6; i++) cursor().step(1);
  expect(server.open).toBe(1);
  await server.answer();
  expect(server.asked.slice(0, 2)).toEqual([1, 6].map((place) => ({ order: "given", place })));
  await server.answer();
  expect(shown()).toBe(6);
});

test("steps end at the first and the last row", async () => {
  cursor().step(-1);
  expect(server.asked).toEqual([]);
  for (let i = 0; i < 20; i++) cursor().step(1);
  await server.answer(2);
  expect(server.asked[1]).toEqual({ order: "given", place: 9 });
});

test("an error is told and the last row stays, from where the steps go on", async () => {
  cursor().go("6");
  await server.answer(2);
  cursor().step(1);
  await server.answer(2);
  expect(cursor().error.value).toBe("many.npy: cut short");
  expect([shown(), cursor().place.value]).toEqual([6, 6]);
  cursor().step(-1);
  await server.answer();
  expect([shown(), cursor().error.value]).toEqual([5, ""]);
});

test("a row which could not be read is asked for again", async () => {
  cursor().go("7");
  await server.answer(2);
  cursor().go("7");
  await server.answer(2);
  expect(server.asked.length).toBe(2);
});

describe("what was typed", () => {
  test.each(["3", " 3 ", "0,003"])("as %j is row 3", async (text) => {
    expect(cursor().go(text)).toBe(true);
    await server.answer();
    expect(shown()).toBe(3);
  });
  test.each([
    ["", "nothing"],
    ["10", "“10”"],
    ["-1", "“-1”"],
    ["1.5", "“1.5”"],
    ["x", "“x”"],
  ])("as %j is no row", (text, got) => {
    expect(cursor().go(text)).toBe(false);
    expect(cursor().error.value).toBe(`Row must be 0 to 9, got ${got}.`);
    expect(server.asked).toEqual([]);
  });
});

describe("an order", () => {
  test("is gone through once it is there; till then the rows can be stepped through", async () => {
    vi.useFakeTimers();
    server.done = 4;
    cursor().choose("uncertain");
    await server.answer();
    expect(cursor().note()).toBe("sorting … 40 %");
    cursor().step(1);
    await server.answer(2);
    expect(shown()).toBe(1);
    server.done = 10;
    await vi.advanceTimersByTimeAsync(1000);
    vi.useRealTimers();
    await server.answer(3);
    expect([cursor().order.value, cursor().place.value, shown()]).toEqual(["uncertain", 0, 9]);
    expect(cursor().note()).toBe("1st in this order");
    cursor().step(1);
    await server.answer();
    expect(shown()).toBe(8);
  });

  test("is kept by going to a row, whose place in it is told", async () => {
    cursor().choose("wrong");
    await server.answer(2);
    cursor().go("6");
    await server.answer();
    expect(shown()).toBe(6);
    expect(cursor().note()).toBe("4th in this order");
    cursor().step(1);
    await server.answer(2);
    expect(shown()).toBe(5);
  });

  test("which can't be had is told, and the one before stays", async () => {
    server.broken = true;
    cursor().choose("wrong");
    await server.answer();
    expect(cursor().error.value).toBe("many.npy: gone");
    expect([cursor().chosen.value, shown()]).toEqual(["given", 0]);
  });

  test("given stays at the row", async () => {
    cursor().go("4");
    await server.answer(2);
    cursor().choose("wrong");
    cursor().choose("given");
    await server.answer(3);
    expect([cursor().order.value, cursor().chosen.value, shown()]).toEqual(["given", "given", 4]);
    expect(cursor().note()).toBe("");
  });
});

describe("a bin", () => {
  beforeEach(async () => {
    cursor().choose("bin:2:0.5", "Confidence 20 to 30 %");
    await server.answer(2);
  });

  test("is an order of some rows, where steps end at the last", async () => {
    expect(cursor().names.get(cursor().chosen.value)).toBe("Confidence 20 to 30 %");
    expect([shown(), cursor().size.value, cursor().note()]).toEqual([9, 2, "1st of 2 rows"]);
    await server.answer();
    for (let i = 0; i < 5; i++) cursor().step(1);
    await server.answer(3);
    expect([shown(), cursor().note()]).toEqual([8, "2nd of 2 rows"]);
  });

  test("is left for a row that is typed, and for another order", async () => {
    cursor().go("3");
    await server.answer(2);
    const { order, chosen, size } = cursor();
    expect([shown(), order.value, chosen.value]).toEqual([3, "given", "given"]);
    expect([size.value, cursor().note()]).toEqual([10, ""]);
    cursor().choose("wrong");
    await server.answer(3);
    expect([shown(), size.value, cursor().note()]).toEqual([9, 10, "1st in this order"]);
  });
});

describe("logits from elsewhere", () => {
  test("are not overwritten by a row that is late", async () => {
    cursor().step(1);
    instrument.draw(3);
    await server.answer(2);
    expect(instrument.count.value).toBe(3);
    expect(shown()).toBeNull();
    cursor().step(1);
    await server.answer(2);
    expect(shown()).toBe(1);
    expect(instrument.items.value.labels).toEqual(LABELS);
    expect(instrument.items.value.seed).toBeNull();
  });

  test("of another row move the cursor there", async () => {
    cursor().step(1);
    instrument.change({ logits: Float64Array.of(5, 0), row: 5 });
    await server.answer(2);
    expect([shown(), cursor().place.value]).toEqual([5, 5]);
    cursor().step(1);
    await server.answer();
    expect(shown()).toBe(6);
  });

  test("which were there first leave the labels to be asked for", async () => {
    begin(null);
    cursor().step(1);
    expect(server.asked).toEqual([{ order: "given", place: 1, labels: "all" }]);
    await server.answer();
    expect(instrument.items.value.labels).toEqual(LABELS);
  });
});

test("a closed cursor shows nothing more", async () => {
  const unfollow = instrument.follow();
  cursor().step(1);
  unfollow();
  await server.answer(2);
  expect(shown()).toBe(0);
});
