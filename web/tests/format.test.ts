import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import {
  aligned,
  ambiguous,
  brief,
  decimalsFor,
  digits,
  measure,
  measureText,
  parsePercent,
  parseTemperature,
  parseTyped,
  parseWhole,
  percent,
  pieces,
  plain,
  spoken,
  temperatureShort,
  temperatureText,
} from "../src/text/format";

test.each([
  [0, "0 %"],
  [5e-324, "4.9e−322 %"],
  [1.2e-9, "1.2e−7 %"],
  [0.0000123, "0.00123 %"],
  [0.00984, "0.984 %"],
  [0.00999999, "1.00 %"],
  [0.5612, "56.12 %"],
  [0.9999, "99.99 %"],
  [0.99991, "> 99.99 %"],
  [1 - 2 ** -53, "> 99.99 %"],
  [1, "100 %"],
  [NaN, "NaN"],
])("percent(%d) is %s", (probability, text) => expect(percent(probability)).toBe(text));

test("a probability that only rounds to 0 or 1 is not said to be it", () => {
  expect(percent(0, false)).toBe("< 1e−321 %");
  expect(percent(1, false)).toBe("> 99.99 %");
});

test.each([
  [0, "0"],
  [1, "1"],
  [0.1578424561, "0.1578424561"],
  [0.25, "0.2500000000"],
  [0.00012345678912, "1.234567891e-4"],
  [1 - 2 ** -53, "0.9999999999999999"],
  [NaN, "NaN"],
])("digits(%d) is %s", (value, text) => expect(digits(value)).toBe(text));

test.each([
  [2, "2"],
  [-135.9131622314453, "-135.9131622"],
  [1e-9, "1e-9"],
  [-Infinity, "-inf"],
  [NaN, "NaN"],
])("plain(%d) is %s", (value, text) => expect(plain(value)).toBe(text));

test.each([
  [0, "0"],
  [-0, "0"],
  [4.9333, "4.9333"],
  [2.7e-32, "2.700e−32"],
  [50257, "50,257"],
  [NaN, "NaN"],
])("measure(%d) is %s", (value, text) => expect(measure(value)).toBe(text));

test.each([
  [0.73, 4, "0.7300"],
  [-135.91, 2, "−135.91"],
  [0, 4, "0.0000"],
  [1e-9, 4, "1.00e−9"],
  [1e300, 0, "1.00e+300"],
  [-Infinity, 4, "−∞"],
])("aligned(%d, %d) is %s", (value, decimals, text) => expect(aligned(value, decimals)).toBe(text));

test.each([
  [0.9, 4],
  [9, 4],
  [180, 2],
  [1e9, 0],
  [0, 4],
])("numbers up to %d get %d decimals", (largest, decimals) =>
  expect(decimalsFor(largest)).toBe(decimals),
);

test("a number in a sentence is short", () => {
  expect([0.30000000000000004, Infinity, 0].map(brief)).toEqual(["0.3", "∞", "0"]);
});

describe("a typed temperature", () => {
  test.each([
    ["1", 1],
    [" 0.5 ", 0.5],
    [".5", 0.5],
    ["5.", 5],
    ["1e-4", 1e-4],
    ["+2", 2],
    ["0", 0],
    ["-0", 0],
    ["inf", Infinity],
    ["Infinity", Infinity],
    ["∞", Infinity],
    ["1e999", Infinity],
    ["1,5", 1.5],
  ])("%s is taken", (text, temperature) => expect(parseTemperature(text)).toBe(temperature));

  test.each(["", " ", "nan", "-1", "abc", "0x10", "1,5,0", "1,5.0", "-inf", "1e", "1 2"])(
    "%s is refused, and it is said why",
    (text) =>
      expect(parseTemperature(text)).toEqual({
        error: expect.stringContaining(text.trim() === "" ? "nothing" : text),
      }),
  );

  test.each([0, 1, 1e-4, 0.1 + 0.2, 1e300, Infinity])("%d is shown as it is typed", (temperature) =>
    expect(parseTemperature(temperatureText(temperature))).toBe(temperature),
  );
});

test.each([
  [0, "0"],
  [Infinity, "∞"],
  [0.0001259, "0.0001259"],
  [0.1 + 0.2, "0.3000…"],
  [1.23456789e-7, "1.234…e-7"],
  [12.5, "12.5"],
  [12.3456, "12.34…"],
  [12345.678, "12345.6…"],
  [1e30, "1e+30"],
])("%d is short as %s", (temperature, text) => expect(temperatureShort(temperature)).toBe(text));

describe("a comma", () => {
  test.each(["1,234", " 12,345 ", "999,000 %", "> 1,234", "-1,234"])("in %s may be two", (text) =>
    expect(ambiguous(text)).not.toBeNull(),
  );

  test.each(["1,23", "1,2345", "0,123", "1.234", "1234", "1,234e2", "1,234.5", "1234,567", ""])(
    "in %s is not",
    (text) => expect(ambiguous(text)).toBeNull(),
  );

  test("is told with both numbers", () =>
    expect(ambiguous("1,234")!.error).toBe("“1,234” may be 1.234 or 1234: write one of these."));
});

describe("a measure", () => {
  test.each([0, 1, 4.9333, 0.00012345, 2.7e-32, 50257, 1234567.8, 2e9])(
    "%d is typed as it is shown",
    (value) => {
      const shown = parseTyped(measureText(value));
      expect(Math.abs(shown - value)).toBeLessThanOrEqual(5e-4 * value);
      expect(measureText(shown)).toBe(measureText(value));
    },
  );

  test.each([
    ["61", 0.61],
    ["61.25 %", 0.6125],
    ["61,25%", 0.6125],
    [" > 99.99 % ", 0.9999],
    ["1.0e−7 %", 1e-9],
    ["0", 0],
    ["100", 1],
    ["> 100", 1],
  ])("%s percent is %d", (text, probability) =>
    expect(Math.abs(parsePercent(text) - probability)).toBeLessThanOrEqual(1e-15 * probability),
  );

  test.each(["", "%", "5 % %", "100.1", "nan", "half"])("%s is no probability", (text) =>
    expect(parsePercent(text)).toBeNaN(),
  );
});

describe("a label", () => {
  test.each([
    ["cat", [["text", "cat"]]],
    [
      " cat",
      [
        ["space", " "],
        ["text", "cat"],
      ],
    ],
    [
      "a b ",
      [
        ["text", "a b"],
        ["space", " "],
      ],
    ],
    [
      "  ",
      [
        ["space", " "],
        ["space", " "],
      ],
    ],
    [
      "\u0000a\n",
      [
        ["mark", "\\x00"],
        ["text", "a"],
        ["mark", "\\n"],
      ],
    ],
    [
      "a\u202eb",
      [
        ["text", "a"],
        ["mark", "\\u202e"],
        ["text", "b"],
      ],
    ],
    ["👨‍👩‍👧 שלום", [["text", "👨‍👩‍👧 שלום"]]],
    ["", []],
  ])("%j is cut up so that all of it can be seen", (label, expected) =>
    expect(pieces(label).map(({ kind, text }) => [kind, text])).toEqual(expected),
  );

  test("of 10,000 characters is cut, not within a character", () => {
    const [piece] = pieces(`x${"😀".repeat(5000)}`);
    expect(piece!.text.length).toBeLessThanOrEqual(201);
    expect(piece!.text).toMatch(/😀…$/u);
  });
  test("of 10,000 characters is whole where all of it is wanted", () =>
    expect(pieces("x".repeat(10_000), Infinity)).toEqual([
      { kind: "text", text: "x".repeat(10_000) },
    ]));

  test.each([
    [" visualize", "visualize"],
    ["", "(empty)"],
    ["  ", "(space)"],
    ["a\nb", "a\\nb"],
  ])("%j is %s in a sentence", (label, text) => expect(spoken(label)).toBe(text));
});

test.each([
  ["12", 12],
  [" 1,000 ", 1000],
  ["1.000", 1000],
  ["1,234,567", 1_234_567],
  ["\u0661\u0662", 12],
  ["1e3", 1000],
  ["5.0", 5],
  ["1,00", null],
  ["-1", null],
  ["1.5", null],
  ["9007199254740993", null],
  ["", null],
])("the whole number %s is %d", (text, number) => expect(parseWhole(text)).toBe(number));

describe.each(["en", "de", "es", "zh", "ar"])("what a field shows in %s", (language) => {
  let format: typeof import("../src/text/format");

  beforeAll(async () => {
    const { base } = await import(`../src/text/${language}/base.ts`);
    vi.stubGlobal("thermoscopeTexts", { [language]: { base } });
    vi.resetModules();
    format = await import("../src/text/format");
  });
  afterAll(() => {
    vi.unstubAllGlobals();
    vi.resetModules();
  });

  test.each([
    0, 1e-300, 1.5e-7, 0.001, 0.125, 1, 1.234, 12.345, 123.456, 1234.5, 50_257, 262_144.5, 1e12,
  ])("is taken back: %d", (value) => {
    const shown = [
      [format.temperatureText(value), value],
      [format.numberShown(value), value],
      [format.measureText(value), Number(value.toPrecision(5))],
    ] as const;
    for (const [text, expected] of shown) {
      expect([text, format.ambiguous(text)]).toEqual([text, null]);
      const taken = format.parseTyped(text);
      expect(Math.abs(taken - expected)).toBeLessThanOrEqual(1e-3 * expected);
    }
    expect(format.parseTyped(format.temperatureText(value))).toBe(value);
    const whole = Math.floor(value);
    if (whole < 2 ** 53) expect(format.parseWhole(format.count(whole))).toBe(whole);
  });

  test("a number that may be two is refused with both", () => {
    const group = language === "de" || language === "es" ? "." : ",";
    const decimal = group === "." ? "," : ".";
    const { error } = format.ambiguous(`1${group}234`)!;
    expect(error).toContain(`1${decimal}234`);
    expect(error).toContain("1234");
  });
});
