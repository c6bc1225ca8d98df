import { describe, expect, test } from "vitest";
import { softmax } from "../src/math/definition";
import type { Settings } from "../src/math/engines";
import { Instrument } from "../src/model/instrument";
import { massText } from "../src/model/sampler";
import { memoryHost } from "./memory";
import { stateOf } from "./states";

function sampled(logits: Iterable<number>, truncation: Settings, temperature = 1) {
  return new Instrument(memoryHost(stateOf(logits, { truncation, temperature })));
}

const many = Array.from({ length: 100 }, (_, i) => i / 10);

test("without a sampler nothing is computed for it", () => {
  const view = sampled([1, 2], {});
  expect(view.kept.value).toBeNull();
  expect(view.sampler.on.value).toBe(false);
  expect(view.sampler.after.value).toEqual([]);
  expect(view.sampler.texts.value).toEqual([]);
  expect(view.sampler.isKept(0)).toBe(true);
  view.change({ temperature: 3 });
  expect(view.kept.value).toBeNull();
});

test("few rows, in the order given, are kept or dropped", () => {
  const view = sampled([0, 2, 1], { top_k: 2 });
  const [first, second] = softmax(Float64Array.of(2, 1), 1);
  expect(view.sampler.after.value[0]).toBe(0);
  expect(view.sampler.after.value[1]).toBeCloseTo(first!, 14);
  expect(view.sampler.after.value[2]).toBeCloseTo(second!, 14);
  expect(view.sampler.texts.value).toEqual(["", "73.11 %", "26.89 %"]);
  expect(view.rows.value.map((row) => row.className.value)).toEqual([
    "row dropped",
    "row",
    "row pointed",
  ]);
  expect(view.rows.value.map((row) => row.fate.value)).toEqual([
    "dropped",
    "kept: 73.11 % after truncation",
    "kept: 26.89 % after truncation",
  ]);
  expect(view.rows.value.map((row) => row.afterDigits.value)[0]).toBe("0");
  expect(view.sampler.cuts.value).toEqual([]);
});

test("of many rows, those above a cut are kept, and the others are counted", () => {
  const view = sampled(many, { top_k: 4 });
  expect(view.sampler.cuts.value).toEqual([4]);
  expect(view.sampler.keptOutside.value).toBe(0);
  view.select(17);
  expect(view.first.value).toBe(3);
  expect(view.sampler.cuts.value).toEqual([1]);
  expect(view.sampler.keptOutside.value).toBe(3);
  view.select(99);
  expect(view.sampler.cuts.value).toEqual([]);
  expect(view.sampler.keptOutside.value).toBe(4);
});

test("typical-p may drop the highest items: two cuts", () => {
  const view = sampled([100, ...many.map((z) => 97 + z / 1000)], { typical_p: 0.5 });
  expect(view.kept.value!.start).toBe(1);
  expect(view.sampler.cuts.value[0]).toBe(1);
});

test("the axis of many has room for what a bar grows to", () => {
  const off = sampled(many, {});
  const on = sampled(many, { top_k: 2 });
  expect(off.probabilityEnd.value).toBeLessThan(0.5);
  expect(on.probabilityEnd.value).toBeGreaterThan(0.5);
});

describe("no mass is said to be 0 or all that is not", () => {
  test.each<[number[], Settings, number, string]>([
    [[0, -60], { top_k: 1 }, 1, "> 99.99 %"],
    [[0, -Infinity], { top_k: 1 }, 1, "100 %"],
    [[0, -60], { top_k: 2 }, 1, "100 %"],
    [[0, -60], { top_k: 1 }, 0, "100 %"],
    [[1, 1], { top_k: 1, ties: "k" }, 0, "50.00 %"],
    [[Infinity, 1], { top_k: 1 }, 1, "100 %"],
    [[NaN, 1], { top_k: 1 }, 1, "NaN"],
    // typical-p before the temperature has dropped the highest item.
    [[5, 4.9, 4.8, 4.7, 4.6], { typical_p: 0.1, order: ["typical_p", "temperature"] }, 0, "0 %"],
    [
      [5, 4.9, 4.8, 4.7, 4.6],
      { typical_p: 0.1, order: ["typical_p", "temperature"] },
      1e-4,
      "< 1e−321 %",
    ],
  ])("%j, %j, T = %d", (logits, truncation, temperature, text) => {
    expect(massText(sampled(logits, truncation, temperature).kept.value!)).toBe(text);
  });
});

test("nor a probability after truncation", () => {
  expect(sampled([0, -60, 3], { min_p: 0 }, 0.01).sampler.texts.value).toEqual([
    "5.1e−129 %",
    "< 1e−321 %",
    "> 99.99 %",
  ]);
  expect(sampled([0, 3], { top_k: 1 }).sampler.texts.value).toEqual(["", "100 %"]);
  expect(sampled([0, 3], { top_k: 2 }, 0).sampler.texts.value).toEqual(["0 %", "100 %"]);
});

describe("the engines side by side", () => {
  const settings: Settings = { top_k: 40, top_p: 0.9, epsilon: 0.001, engine: "llama.cpp" };

  test("the chosen one is first, and differs from itself in nothing", () => {
    const { epsilon: _, ...taken } = settings;
    const [chosen, ...others] = sampled(many, taken, 2).sampler.compared.value;
    expect(chosen).toMatchObject({ name: "llama.cpp", isChosen: true, variation: 0, missing: [] });
    expect(others.map(({ name }) => name)).toEqual([
      undefined,
      "transformers",
      "vllm",
      "sglang",
      "mlx-lm",
      "ollama",
      "ollama<0.30",
    ]);
    // Ollama runs llama.cpp: exactly no draw differs.
    expect(others[5]!.variation).toBe(0);
    expect(others[0]!.variation).toBeGreaterThan(0.01);
  });

  test("what an engine lacks is told, and it is compared without", () => {
    const { engine: _, ...papers } = settings;
    const found = sampled(many, papers).sampler.compared.value;
    const vllm = found.find(({ name }) => name === "vllm")!;
    expect(vllm.missing).toEqual(["epsilon"]);
    expect(vllm.settings).toEqual({ top_k: 40, top_p: 0.9, engine: "vllm" });
  });
});
