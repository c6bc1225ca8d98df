/** What Python and the page both know: texts, what is shown, states and rows. */
import { describe, expect, test } from "vitest";
import protocol from "../../tests/vectors/rows.json";
import shown from "../../tests/vectors/shown.json";
import states from "../../tests/vectors/states.json";
import texts from "../../tests/vectors/texts.json";
import { Instrument } from "../src/model/instrument";
import type { Order, Query, Rows } from "../src/model/rows";
import {
  logitsFromBytes,
  logitsToBytes,
  readState,
  type WrittenState,
  writeState,
} from "../src/model/state";
import { brief, digits, measure, percent, pieces, plain, printable } from "../src/text/format";
import { strings } from "../src/text/strings";
import { memoryHost } from "./memory";
import { stateOf } from "./states";

const NAMES: Record<string, number> = { inf: Infinity, "-inf": -Infinity, nan: NaN };
const number = (written: number | string): number =>
  typeof written === "string" ? NAMES[written]! : written;

const FUNCTIONS: Record<string, (...values: never[]) => string> = {
  percent,
  digits,
  plain,
  brief,
  measure,
  printable,
  step: (name: keyof typeof strings.sampler.rules) => strings.sampler.rules[name],
};

describe("texts", () => {
  const cases = texts.filter((one) => one.function !== "invisible");
  test.each(cases)(
    "$function of $arguments is $text",
    ({ function: name, arguments: given, text }) => {
      const values =
        name === "printable" || name === "step"
          ? given
          : given!.map((value) => (typeof value === "boolean" ? value : number(value)));
      expect(FUNCTIONS[name]!(...(values as never[]))).toBe(text);
    },
  );

  test.each(cases.filter((one) => one.function === "printable"))(
    "the pieces of $arguments are its printable text",
    ({ arguments: given, text }) => {
      const found = pieces(String(given![0])).map((piece) => piece.text);
      expect(found.join("")).toBe(text);
    },
  );

  test("every invisible character is marked, and no other", () => {
    const ranges = texts.find((one) => one.function === "invisible")!.ranges!;
    const invisible = new Set<number>();
    for (const [low, high] of ranges)
      for (let code = low!; code <= high!; code++) invisible.add(code);
    const wrong: number[] = [];
    for (let code = 0; code < 0x110000; code++) {
      const marked = pieces(String.fromCodePoint(code))[0]!.kind === "mark";
      if (marked !== invisible.has(code)) wrong.push(code);
    }
    expect(wrong).toEqual([]);
  });
});

describe("what is shown", () => {
  test.each(shown)("$name", ({ logits, temperature, order, percents, rest }) => {
    const instrument = new Instrument(
      memoryHost(stateOf(logits.map(number), { temperature: number(temperature) })),
    );
    expect(order.map((_, position) => instrument.itemAt(position))).toEqual(order);
    const rows = instrument.rows.value.map((row) => row.percent.value);
    expect(rows).toEqual(percents.slice(0, rows.length));
    if (rest["15"] === undefined) expect(rows.length).toBe(order.length);
    else expect([rows.length, instrument.restText.value]).toEqual([15, rest["15"]]);
  });
});

describe("a written state", () => {
  test.each(states)("$name", ({ state, written }) => {
    const { logits, temperature, tail, ...parts } = state;
    const read = readState(written as WrittenState);
    expect(read).toEqual({
      ...parts,
      logits: Float64Array.from(logits, number),
      temperature: number(temperature),
      tail: tail && { ...tail, count: tail.count ?? Infinity },
    });
    expect(logitsFromBytes(logitsToBytes(read.logits))).toEqual(read.logits);
    expect(writeState(read)).toEqual(written);
  });

  test.each([
    ["a version to come", { version: 2 }, "version"],
    ["a negative temperature", { temperature: -1 }, "temperature"],
    ["too few labels", { labels: ["a"] }, "labels"],
    ["a target past the end", { target: 2 }, "target"],
    ["a target before the start", { target: -1 }, "target"],
    ["a seed past the end", { seed: 2 ** 53 }, "seed"],
    ["a seed before the start", { seed: -1 }, "seed"],
    ["half a number", { logits: "AAAA" }, "logits"],
  ])("with %s is refused by name", (_, change, name) => {
    const { written } = states.find((one) => one.name === "a row")!;
    expect(() => readState({ ...(written as WrittenState), ...change })).toThrow(name);
  });
});

describe("rows", () => {
  const answers = new Map(protocol.exchanges.map(({ query, answer }) => [key(query), answer]));
  function key(query: object): string {
    return JSON.stringify(Object.entries(query).sort());
  }
  const rows: Rows = {
    count: protocol.about.count,
    orders: protocol.about.orders as Rows["orders"],
    async ask(query: Query) {
      const answer = answers.get(key(query));
      if (answer === undefined) throw new Error(`not in the protocol: ${key(query)}`);
      return answer;
    },
  };
  const rest = () => new Promise((resolve) => setTimeout(resolve));

  test.each(Object.entries(protocol.orders))("in the order %s", async (order, numbers) => {
    const first = answers.get(key({ order: "given", place: 0, labels: "all" }));
    const instrument = new Instrument(memoryHost(readState(first as WrittenState), rows));
    const cursor = instrument.cursor!;
    cursor.choose(order as Order);
    await rest();
    const seen: unknown[] = [];
    for (let place = 0; place < rows.count; place++) {
      const { row, logits, labels, target } = instrument.items.value;
      seen.push(row);
      expect(logits).toEqual(Float64Array.from(protocol.logits[row!]!, number));
      expect([labels, target]).toEqual([protocol.labels, protocol.targets[row!]]);
      cursor.step(1);
      await rest();
    }
    expect(seen).toEqual(numbers);
    cursor.go("3");
    await rest();
    expect([cursor.place.value, cursor.error.value]).toEqual([numbers.indexOf(3), ""]);
  });

  test("are asked for with their labels where those are not known", async () => {
    const instrument = new Instrument(memoryHost(stateOf([1]), rows));
    instrument.cursor!.go("4");
    await rest();
    expect(instrument.cursor!.error.value).toBe("");
    expect(instrument.items.value.labels).toEqual(protocol.labels);
  });
});
