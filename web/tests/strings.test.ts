/** The texts that depend on their arguments. */
import { describe, expect, test } from "vitest";
import { en } from "../src/text/en";
import { count } from "../src/text/format";

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
  expect(en.rows.place(count(place))).toBe(`${text} in this order`);
});

describe("the status", () => {
  const { status } = en;
  const at = { temperature: "0.5", side: "sharper", label: "cat", ties: null } as const;

  test.each([
    [
      status.leads({ ...at, probability: "61.0 %", choices: "2.9" }),
      "T = 0.5: sharper than plain softmax. “cat” leads with 61.0 %; as uncertain as 2.9 equal choices.",
    ],
    [
      status.leads({ ...at, side: "plain", probability: "> 99.99 %", choices: null }),
      "T = 0.5: plain softmax. “cat” leads with more than 99.99 %; next to certain.",
    ],
    [
      status.leads({ ...at, side: "flatter", ties: "2", probability: "50.00 %", choices: "2" }),
      "T = 0.5: flatter than plain softmax. 2 tied items lead, each with 50.00 %; as uncertain as 2 equal choices.",
    ],
    [
      status.highest("0", false, "cat"),
      "T = 0: the highest item, “cat”, has all of the probability.",
    ],
    [
      status.tied("1", true, "2", "50.00 %"),
      "T = 1, with +∞ among the logits: the 2 tied highest items share equally, 50.00 % each.",
    ],
    [
      status.uniform("3", true, "33.33 %"),
      "T = ∞: uniform, all 3 items share equally, 33.33 % each.",
    ],
    [
      status.uniform("3", false, "33.33 %"),
      "T = ∞: uniform, the 3 items above −∞ share equally, 33.33 % each.",
    ],
    [status.target("dog", "2", "5.00 %", false), "Target: “dog”, 2nd, 5.00 %: wrong."],
  ])("says %s", (text, expected) => expect(text).toBe(expected));
});
