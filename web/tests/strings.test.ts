/** The texts that depend on their arguments. */
import { describe, expect, test } from "vitest";
import { base as en } from "../src/text/en/base";
import { rows } from "../src/text/en/rows";
import { writing } from "../src/text/en/writing";
import { count } from "../src/text/format";
import { documented } from "./documented";

test.each([
  [1, "1st"],
  [2, "2nd"],
  [3, "3rd"],
  [4, "4th"],
  [11, "11th"],
  [13, "13th"],
  [21, "21st"],
  [112, "112th"],
  [1202, "1,202nd"],
])("place %d is %s", (place, text) => {
  expect(rows.bar.place(count(place))).toBe(`${text} in this order`);
});

describe("the sentence", () => {
  const { status } = en;
  const at = { side: "sharper", label: "cat", ties: null } as const;

  test.each([
    [
      status.leads({ ...at, probability: "61.0 %", choices: "2.9" }),
      "sharper than plain softmax: “cat” leads with 61.0 %, as uncertain as 2.9 equal choices",
    ],
    [
      status.leads({ ...at, side: "plain", probability: "> 99.99 %", choices: null }),
      "plain softmax: “cat” leads with more than 99.99 %, next to certain",
    ],
    [
      status.leads({ ...at, side: "flatter", ties: "2", probability: "50.00 %", choices: "2.0" }),
      "flatter than plain softmax: 2 tied items lead, each with 50.00 %, as uncertain as 2.0 equal choices",
    ],
    [status.highest(false, "cat"), "the highest item, “cat”, has all of the probability"],
    [
      status.tied(true, "2", "50.00 %"),
      "with +∞ among the logits, the 2 tied highest items share equally, 50.00 % each",
    ],
    [status.uniform("3", true, "33.33 %"), "uniform: all 3 items share equally, 33.33 % each"],
    [
      status.uniform("3", false, "33.33 %"),
      "uniform: the 3 items above −∞ share equally, 33.33 % each",
    ],
    [status.target("dog", "2", "5.00 %", false), "; target: “dog”, 2nd, 5.00 %: wrong"],
    [status.announced("0.5", "plain softmax"), "T = 0.5: plain softmax."],
  ])("says %s", (text, expected) => expect(text).toBe(expected));
});

test("a measure that no temperature gives", () => {
  expect(en.readings.entropy.refused("0.69315", "1.6094", "3")).toBe(
    "Entropy must be 0.69315 to 1.6094 nats here, got “3”.",
  );
  expect(en.readings.top.refused("20.00 %", "100 %", "")).toBe(
    "Top probability must be 20.00 % to 100 % here, got nothing.",
  );
  expect(en.readings.perplexity.fixed("1")).toBe("Effective choices: 1 at every temperature here.");
});

test("the documentation lists every key", () => {
  const lines = documented("Keys")
    .match(/^\|.*\|$/gm)!
    .slice(2);
  const { shown } = en.keys;
  const list = [...en.keys.list, ...rows.keys, ...writing.keys];
  expect(lines).toEqual(
    list.flatMap(([place, does]) =>
      does.map(([keys, action]) => `| ${place} | ${keys.map(shown).join(", ")} | ${action} |`),
    ),
  );
});
