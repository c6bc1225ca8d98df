import { beforeEach, describe, expect, test, vi } from "vitest";
import { SCALES } from "../src/math/scales";
import { Instrument } from "../src/model/instrument";
import { Table } from "../src/model/reliability";
import type { Query, WrittenReliability } from "../src/model/rows";
import { logitsToBytes } from "../src/model/state";
import { memoryHost } from "./memory";
import { stateOf } from "./states";

const BINS = 3;
const base64 = (numbers: readonly number[]) =>
  btoa(String.fromCharCode(...new Uint8Array(logitsToBytes(Float64Array.from(numbers)).buffer)));

/** Numbers that tell their temperature and their place. */
function written(temperatures: readonly number[], more: Partial<WrittenReliability> = {}) {
  const row = (t: number) => Array.from({ length: 4 + 5 * BINS }, (_, place) => t + place / 128);
  return {
    n: 40,
    temperatures: base64(temperatures),
    values: base64(temperatures.flatMap(row)),
    ...more,
  };
}

const STOPS = [0, 0.5, 1, 2, Infinity];

describe("a table", () => {
  const table = new Table(written(STOPS, { fit: base64([2, 1, 4]) }));

  test.each([
    [0, 0],
    [1e-9, 0.5],
    [0.5, 0.5],
    [0.7, 0.5],
    [0.71, 1],
    [1, 1],
    [1.9, 2],
    [1e300, 2],
    [Infinity, Infinity],
  ])("the nearest of %f is that of %f", (temperature, nearest) => {
    expect(table.nearest(temperature).temperature).toBe(nearest);
  });

  test("has scores and bins in their order", () => {
    const { scores, bins } = table.nearest(1);
    expect(Array.from(scores)).toEqual([0, 1, 2, 3].map((place) => 1 + place / 128));
    expect(bins[1]).toEqual({
      low: 1 / 3,
      high: 2 / 3,
      count: 1 + 5 / 128,
      confidence: 1 + 8 / 128,
      accuracy: 1 + 11 / 128,
      range: [1 + 14 / 128, 1 + 17 / 128],
    });
    expect(Array.from(table.column(1))).toEqual(STOPS.map((t) => t + 1 / 128));
    expect(Array.from(table.fit!)).toEqual([2, 1, 4]);
  });
});

/** Answers when it is told to. */
class Server {
  readonly count = 40;
  readonly orders = ["given", "uncertain", "wrong"] as const;
  readonly reliability = true;
  readonly asked: Query[] = [];
  answers: Record<string, unknown> = {};
  private waiting: (() => void)[] = [];

  ask(query: Query): Promise<unknown> {
    this.asked.push(query);
    return new Promise((resolve, reject) => {
      this.waiting.push(() => {
        const answer = this.answers["reliability" in query ? query.reliability : "rows"];
        if (answer instanceof Error) reject(answer);
        else resolve(answer);
      });
    });
  }
  async answer(): Promise<void> {
    for (const go of this.waiting.splice(0)) go();
    for (let i = 0; i < 20; i++) await Promise.resolve();
  }
}

describe("the reliability of an instrument", () => {
  let server: Server;
  let instrument: Instrument;
  const live = () => instrument.reliability!;
  const found = (...temperatures: number[]) => ({ found: written(temperatures) });
  beforeEach(() => {
    vi.useFakeTimers();
    server = new Server();
    instrument = new Instrument(memoryHost(stateOf([2, 1], { row: 0, target: 1 }), server));
  });

  test("is there only where rows have targets", () => {
    expect(new Instrument(memoryHost(stateOf([1]))).reliability).toBeNull();
    const { reliability: _, ...rows } = server;
    const without = { ...rows, ask: server.ask };
    expect(new Instrument(memoryHost(stateOf([1]), without)).reliability).toBeNull();
  });

  test("nothing is asked before it is shown, and then once", async () => {
    expect(server.asked).toEqual([]);
    expect(await live().written()).toBeUndefined();
    live().open();
    live().open();
    expect(server.asked).toEqual([{ reliability: "stops" }, { reliability: "1" }]);
  });

  test("what is measured first is shown first, with the progress of the rest", async () => {
    server.answers = { stops: { done: 10 }, 1: found(1) };
    live().open();
    expect(live().now.value).toBeNull();
    await server.answer();
    expect(live().progress.value).toBe(0.25);
    expect(live().now.value!.temperature).toBe(1);
    // A drag goes on: what is shown says of which temperature it is.
    instrument.change({ temperature: 2 }, false);
    expect(live().now.value!.temperature).toBe(1);
    server.answers = { ...server.answers, stops: found(...STOPS) };
    await vi.advanceTimersByTimeAsync(250);
    await server.answer();
    expect(live().progress.value).toBeNull();
    expect(live().now.value!.temperature).toBe(2);
    expect(await live().written()).toEqual(written(STOPS));
  });

  test("at a stop nothing is asked, between stops once the drag rests", async () => {
    server.answers = { stops: found(...STOPS), 1: found(1), 0.7: found(0.7), inf: found(Infinity) };
    live().open();
    await server.answer();
    const before = server.asked.length;
    instrument.change({ temperature: 0.5 });
    instrument.change({ temperature: Infinity });
    expect(server.asked.length).toBe(before);
    instrument.change({ temperature: 0.7 }, false);
    expect(live().now.value!.temperature).toBe(0.5);
    expect(server.asked.length).toBe(before);
    await vi.advanceTimersByTimeAsync(150);
    expect(server.asked.slice(before)).toEqual([{ reliability: "0.7" }]);
    await server.answer();
    expect(live().now.value!.scores[0]).toBe(0.7);
    expect(live().rested.value!.temperature).toBe(0.7);
  });

  test("one temperature is asked for at a time, and of those meanwhile only the last", async () => {
    server.answers = { stops: { done: 0 }, 1: found(1), 3: found(3) };
    live().open();
    for (const temperature of [2, 2.5, 3]) instrument.change({ temperature });
    await server.answer();
    await server.answer();
    expect(server.asked.map((query) => "reliability" in query && query.reliability)).toEqual([
      "stops",
      "1",
      "3",
    ]);
    expect(live().now.value!.temperature).toBe(3);
  });

  test("an error is told, and the next temperature is asked for all the same", async () => {
    server.answers = { stops: new Error("pets: row 3 is NaN"), 1: new Error("pets: gone") };
    live().open();
    await server.answer();
    expect(live().error.value).toMatch("pets");
    expect(live().progress.value).toBeNull();
    expect(await live().written()).toBeUndefined();
    server.answers = { 2: found(2) };
    instrument.change({ temperature: 2 });
    await server.answer();
    expect(live().error.value).toBe("");
    expect(live().now.value!.temperature).toBe(2);
  });

  test("a file has the nearest that it knows", () => {
    const host = { ...memoryHost(stateOf([2, 1])), reliability: written(STOPS) };
    const file = new Instrument(host);
    file.reliability!.open();
    file.change({ temperature: 1.8 });
    expect(file.reliability!.now.value!.temperature).toBe(2);
    expect(file.cursor).toBeNull();
  });

  test("nothing is asked after the end", async () => {
    server.answers = { stops: { done: 1 }, 1: { done: 1 } };
    const unfollow = instrument.follow();
    live().open();
    await server.answer();
    unfollow();
    const before = server.asked.length;
    await vi.advanceTimersByTimeAsync(1000);
    instrument.change({ temperature: 7 });
    expect(server.asked.length).toBe(before);
  });
});

test("the stops are those that Python measures", async () => {
  const stops = new Set<number>();
  for (const scale of Object.values(SCALES)) {
    const count = Math.round((scale.max - scale.min) / scale.step);
    // As a slider gives them, whose value is a decimal text.
    for (let i = 0; i <= count; i++)
      stops.add(scale.temperatureAt(Number((scale.min + i * scale.step).toFixed(2))));
  }
  const { default: known } = await import("../../tests/vectors/stops.json");
  const numbers = known.map((one) => (one === "inf" ? Infinity : (one as number)));
  expect([...stops].sort((a, b) => a - b)).toEqual(numbers);
});
