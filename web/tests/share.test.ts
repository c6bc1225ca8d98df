/** What is shared as text: lines of Python and of a shell, tables, pictures and names of files. */
import { describe, expect, test } from "vitest";
import { readTable } from "../src/data/delimited";
import { commandLine, fileName, pythonLine } from "../src/model/code";
import { Instrument } from "../src/model/instrument";
import { picture } from "../src/model/picture";
import { type State, writeState } from "../src/model/state";
import { csv } from "../src/model/table";
import { memoryHost } from "./memory";
import { drawn, stateOf } from "./states";

const IMPORT = "import thermoscope as ts\n";
const EXTREME = [Infinity, -Infinity, NaN, -0, 5e-324, 1e20, 1e21, -2, 0.1];

describe("a line", () => {
  test.each<[State, string, string]>([
    [
      drawn(5, 7, { temperature: 0.5 }),
      "ts.softmax(ts.random_logits(5, seed=7), 0.5)",
      "0.3898297483912715 0.01678829452815611 0.9007606806068834 0.5829302930280781 0.45244189501146836 -T 0.5",
    ],
    [
      stateOf([2, 1, 0.1], { truncation: { top_p: 0.9, engine: "llama.cpp" } }),
      'ts.truncate([2.0, 1.0, 0.1], 1.0, top_p=0.9, engine="llama.cpp")',
      "2 1 0.1 -T 1 --top-p=0.9 --engine llama.cpp",
    ],
    [
      stateOf(EXTREME, { temperature: Infinity, labels: EXTREME.map(() => '"\n') }),
      'ts.softmax([float("inf"), float("-inf"), float("nan"), -0.0, 5e-324, 100000000000000000000.0, 1e21, -2.0, 0.1], float("inf"))',
      "inf -inf nan -0 5e-324 100000000000000000000 1e21 -2 0.1 -T inf",
    ],
    [
      stateOf([1], {
        truncation: {
          top_k: -1,
          top_n_sigma: 2,
          engine: "ollama<0.30",
          order: ["top_k", "temperature"],
          ties: "k",
        },
      }),
      'ts.truncate([1.0], 1.0, top_k=-1, top_n_sigma=2.0, engine="ollama<0.30", order=["top_k","temperature"], ties="k")',
      "1 -T 1 --top-k=-1 --top-n-sigma=2 --engine 'ollama<0.30' --order top-k,temperature --ties k",
    ],
  ])("in Python and in a shell", (state, python, command) => {
    expect(pythonLine(state, "x.csv")).toEqual({ text: IMPORT + python, readsFile: false });
    const words = `thermoscope softmax ${command}`;
    expect(commandLine(state, "x.csv")).toEqual({ text: words, readsFile: false });
  });

  test("of many logits reads the file", () => {
    const state = stateOf(Array.from({ length: 1000 }, Math.sqrt), { temperature: 2 });
    const python = `${IMPORT}ts.softmax(ts.read_logits("a.csv", columns="logit"), 2.0)`;
    expect(pythonLine(state, "a.csv")).toEqual({ text: python, readsFile: true });
    const command = "thermoscope softmax 'é'\\''s.csv' --columns=logit -T 2";
    expect(commandLine(state, "é's.csv")).toEqual({ text: command, readsFile: true });
    expect(commandLine(drawn(1000, 7), "a.csv").readsFile).toBe(true);
    expect(pythonLine(drawn(1000, 7), "a.csv").readsFile).toBe(false);
  });
});

test.each<[State, string]>([
  [drawn(5, 7, { temperature: 0.5 }), "softmax-random-5-seed-7-T-0.5.png"],
  [stateOf([1], { source: "given", temperature: Infinity }), "softmax-T-inf.png"],
  [stateOf([1]), "softmax-T-1.png"],
  [stateOf([1], { source: "my pets.csv" }), "softmax-my-pets-T-1.png"],
  [stateOf([1], { source: '../a\\b:"*?<>|\0é.tar.gz' }), "softmax-..-a-b-é.tar-T-1.png"],
  [stateOf([1], { source: "x".repeat(99) }), `softmax-${"x".repeat(40)}-T-1.png`],
])("a file has a name that every system takes", (state, name) => {
  expect(fileName(state, "png")).toBe(name);
});

describe("a table", () => {
  test("is read back with the labels that it was given", () => {
    const labels = ["1", "2.5", "cat", "", "1,5", "nan", 'say "hi"', "a\r\nb", "label", "#"];
    for (const given of [labels, ...labels.map((label) => [label, "2"])]) {
      const table = readTable(
        csv(
          stateOf(
            given.map((_, at) => at),
            { labels: given },
          ),
        ),
        ".csv",
      );
      expect(table.kinds[0]).toBe("text");
      expect(table.words(0)).toEqual(given);
    }
  });

  test("has every digit, and labels in quotes", () => {
    const state = stateOf([2, 2, -Infinity], { labels: ['a "b", c', "1", ""] });
    const lines = ["label,logit,probability", '"a ""b"", c",2,0.5', '"1",2,0.5', '"",-inf,0'];
    expect(csv(state)).toBe(`${lines.join("\r\n")}\r\n`);
  });

  test("has what is left after truncation", () => {
    const state = stateOf([1, 0], { temperature: 0, truncation: { top_k: 1 } });
    expect(csv(state)).toBe("logit,probability,after_truncation\r\n1,1,1\r\n0,0,0\r\n");
  });
});

describe("a picture", () => {
  const pictured = (state: State) => picture(new Instrument(memoryHost(state)));

  test("is as high as its rows", () => {
    const few = pictured(stateOf([1, 2]));
    expect(pictured(stateOf([1, 2, 3])).height).toBe(few.height + 30);
    expect(few.svg).toContain(`viewBox="0 0 960 ${few.height}"`);
    // A window of 15 items, and the others together.
    expect(pictured(drawn(1000, 7)).height).toBe(few.height + 14 * 30);
  });

  test("holds no character that XML forbids, and no markup of a label", () => {
    const labels = ["\0\ud800", "<script>&", "]]>"];
    const { svg } = pictured(stateOf([1, 2, 3], { labels }));
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
    expect(svg).not.toMatch(/[\0-\x08\ud800-\udfff]/);
    expect(svg).not.toMatch(/<script|\]\]>/);
    expect(svg).toContain("&lt;script&gt;&amp;");
  });

  test("has bars for finite numbers only", () => {
    const bars = (logits: number[]) => pictured(stateOf(logits)).svg.match(/<rect/g)!.length - 1;
    expect(bars([NaN, 1])).toBe(1);
    // A logit, and the softmax with its outline.
    expect(bars([1, -Infinity])).toBe(3);
  });
});

test("many logits are written", () => {
  const { logits } = writeState(drawn(262_144, 7));
  expect(logits).toHaveLength((262_144 * 8 * 4) / 3 + 4 - (((262_144 * 8 * 4) / 3) % 4));
});
