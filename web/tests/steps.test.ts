import { describe, expect, test } from "vitest";
import { check, ENGINES, engineOf, RULES, type Settings, stepsOf } from "../src/math/engines";
import {
  defaultsOf,
  underEngine,
  withoutStep,
  withRule,
  withStep,
  withStepAt,
} from "../src/model/steps";

test("a step is added where the engine has it, and last in an order of one's own", () => {
  expect(withStep({ top_p: 0.9 }, "top_k")).toEqual({ top_p: 0.9, top_k: 40 });
  expect(withStep({ engine: "transformers" }, "top_k")).toEqual({
    engine: "transformers",
    top_k: 50,
  });
  const own: Settings = { top_p: 0.9, order: ["top_p", "temperature"] };
  expect(stepsOf(withStep(own, "top_k"))).toEqual(["top_p", "temperature", "top_k"]);
});

test("a value that is there already is no change", () => {
  const settings = { top_k: 3 };
  expect(withRule(settings, "top_k", 3)).toBe(settings);
  expect(withRule(settings, "top_k", 4)).toEqual({ top_k: 4 });
});

test("a step is taken out of the order too", () => {
  const settings: Settings = { top_p: 0.9, top_k: 4, order: ["top_p", "temperature", "top_k"] };
  expect(withoutStep(settings, "top_p")).toEqual({ top_k: 4 });
  expect(withoutStep(settings, "top_k")).toEqual({ top_p: 0.9, order: ["top_p", "temperature"] });
  expect(withoutStep({ top_k: 4 }, "top_k")).toEqual({});
});

test("a step is moved within the ends, and the engine's own order is not written down", () => {
  const settings: Settings = { top_k: 4, top_p: 0.9 };
  const moved = withStepAt(settings, "temperature", 1);
  expect(stepsOf(moved)).toEqual(["top_k", "temperature", "top_p"]);
  expect(stepsOf(withStepAt(moved, "top_k", 9))).toEqual(["temperature", "top_p", "top_k"]);
  expect(withStepAt(moved, "temperature", -1)).toEqual(settings);
  expect(withStepAt(settings, "temperature", 0)).toBe(settings);
});

describe("under another engine", () => {
  const settings: Settings = {
    top_k: 4,
    typical_p: 0,
    epsilon: 0.1,
    ties: "k",
    order: ["top_k", "temperature", "epsilon", "typical_p"],
  };

  test("stays what it takes, in its order", () => {
    expect(underEngine(settings, "transformers")).toEqual({
      settings: { top_k: 4, epsilon: 0.1, engine: "transformers" },
      missing: [],
      refused: ["typical_p"],
    });
    expect(underEngine(settings, "llama.cpp")).toEqual({
      settings: { top_k: 4, typical_p: 0, ties: "k", engine: "llama.cpp" },
      missing: ["epsilon"],
      refused: [],
    });
  });

  test("or without one", () => {
    const off: Settings = { top_k: 0, top_p: 0.9, engine: "llama.cpp" };
    expect(underEngine(off, undefined)).toEqual({
      settings: { top_p: 0.9 },
      missing: [],
      refused: ["top_k"],
    });
  });

  test.each([undefined, ...Object.keys(ENGINES)])("%s takes what is left", (name) => {
    const all: Settings = { ...Object.fromEntries(RULES.map((rule) => [rule, 1])), ties: "all" };
    expect(() => check(underEngine(all, name).settings)).not.toThrow();
    expect(() =>
      check({ ...defaultsOf(engineOf(name)), ...(name && { engine: name }) }),
    ).not.toThrow();
  });
});

test("defaults that drop nothing are no steps", () => {
  const defaults = (name: string) => defaultsOf(ENGINES[name]!);
  expect(defaults("llama.cpp")).toEqual({ top_k: 40, top_p: 0.95, min_p: 0.05 });
  expect(defaults("vllm")).toEqual({});
  expect(defaults("sglang")).toEqual({});
  expect(defaults("transformers")).toEqual({ top_k: 50 });
});
