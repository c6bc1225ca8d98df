/** Tasks: what is one, what is right, and what of an attempt is kept. */
import { describe, expect, test, vi } from "vitest";
import cases from "../../tests/vectors/activities.json";
import { openActivity } from "../src/data/activity";
import { pack, unpack } from "../src/data/packed";
import { timeText } from "../src/hosts/course";
import { softmax } from "../src/math/definition";
import { ActivityError, readActivity, readWhole, writeActivity } from "../src/model/activity";
import { Attempt, CURVE_TEMPERATURES, normalised, type Report } from "../src/model/attempt";
import { Draft, draftFrom, draftOf, EMPTY, newTask } from "../src/model/draft";
import { LOCKS } from "../src/model/frame";
import { Instrument } from "../src/model/instrument";
import { memoryHost } from "./memory";
import { stateOf } from "./states";

const RIGHT = cases.filter(({ error }) => error === null).map(({ written }) => written);
const WRONG = cases.filter(({ error }) => error !== null);
const PETS = stateOf([2, 1, 0.5], { labels: ["cat", "dog", "eel"] });

describe("an activity", () => {
  test.each(RIGHT)("is %j", (written) => {
    const activity = readActivity(written);
    // What is written says the same, and no more than it has to.
    expect(readActivity(writeActivity(activity))).toEqual(activity);
    expect(readActivity(JSON.parse(JSON.stringify(writeActivity(activity))))).toEqual(activity);
  });
  test.each(WRONG)("is none, for $error", ({ written, error }) => {
    let found = "";
    try {
      readActivity(written);
    } catch (caught) {
      expect(caught).toBeInstanceOf(ActivityError);
      found = (caught as Error).message;
    }
    expect(found.split(", got ")[0]).toBe(error);
  });
  test.each(RIGHT)("is the same once it was packed: %j", async (written) => {
    const packed = await pack(written);
    expect(packed).toMatch(/^[\w-]+$/);
    expect(await unpack(packed)).toEqual(written);
  });
  test("that would be very large is not unpacked", async () => {
    await expect(unpack(await pack("x".repeat(2 ** 20 + 10)))).rejects.toThrow();
  });
  test("that was cut can't be unpacked", async () => {
    const packed = await pack(RIGHT[0]);
    await expect(unpack(packed.slice(0, -4))).rejects.toThrow();
    await expect(unpack("!")).rejects.toThrow();
  });
  test("can be had from JSON, with what the page shows besides", async () => {
    const written = { tasks: RIGHT[0], hide: ["why"], lock: ["items"], state: "logits=1,2&T=3" };
    const opened = await openActivity(JSON.stringify(written));
    expect(opened.activity).toEqual(readActivity(RIGHT[0]));
    expect([opened.hide, opened.lock]).toEqual([["why"], ["items"]]);
    expect(opened.state).toMatchObject({ temperature: 3 });
    await expect(openActivity("{}")).rejects.toThrow("tasks must be");
  });
});

/** An attempt at tasks about three animals. */
function attemptAt(tasks: readonly unknown[], about: object = {}, kept: unknown = null) {
  const instrument = new Instrument(memoryHost(PETS));
  const reports: Report[] = [];
  const activity = readActivity({ ...about, tasks });
  const course = { activity, kept, report: (report: Report) => reports.push(report) };
  const attempt = new Attempt(instrument, course);
  return { instrument, attempt, reports, end: attempt.begin() };
}

const CHOOSE = { kind: "choose", ask: "Which?", options: ["cat", "dog"], answer: [0] };
const SEVERAL = { ...CHOOSE, answer: [0, 1] };
const NUMBER = { kind: "number", ask: "How many?", answer: 0.3, tolerance: 0.1 };
const BARS = { kind: "predict", ask: "Draw.", at: 0.5, within: 0.1 };
const CURVE = { kind: "predict", ask: "Draw.", of: "curve", item: 0, within: 0.1 };
const TIE = { kind: "reach", ask: "Make a tie.", quantity: "ties", least: 2, most: 2 };

describe("an answer", () => {
  test("is chosen", () => {
    const { attempt } = attemptAt([CHOOSE]);
    const trial = attempt.trial.value;
    attempt.check();
    expect(trial.error.value).not.toBe("");
    trial.chosen.value = [1];
    attempt.check();
    expect(trial.outcome.value).toMatchObject({ isRight: false, answer: "dog" });
    expect(attempt.score.value).toBe(0);
    trial.chosen.value = [0];
    attempt.check();
    expect(trial.outcome.value).toMatchObject({ isRight: true, answer: "cat" });
    expect([attempt.score.value, trial.checks.value, trial.error.value]).toEqual([1, 2, ""]);
  });
  test.each([
    [[0], false],
    [[0, 1], true],
  ])("of several is right with all of them: %j", (chosen, isRight) => {
    const { attempt } = attemptAt([SEVERAL]);
    attempt.trial.value.chosen.value = chosen;
    attempt.check();
    expect(attempt.trial.value.outcome.value!.isRight).toBe(isRight);
  });
  test.each([
    ["0.3", true],
    ["0,2", true],
    // Their difference in float64 is above 0.1.
    ["0.4", true],
    ["0.41", false],
    ["−0.3", false],
    ["30 %", true],
    ["0.3 %", false],
    ["inf", false],
  ])("is typed: %s", (typed, isRight) => {
    const { attempt } = attemptAt([NUMBER]);
    attempt.trial.value.typed.value = typed;
    attempt.check();
    expect(attempt.trial.value.outcome.value!.isRight).toBe(isRight);
  });
  test.each(["", "warm", "1,234"])("that is no number is refused: %s", (typed) => {
    const { attempt } = attemptAt([NUMBER]);
    attempt.trial.value.typed.value = typed;
    attempt.check();
    expect(attempt.trial.value.error.value).not.toBe("");
    expect(attempt.trial.value.outcome.value).toBeNull();
    expect(attempt.trial.value.checks.value).toBe(0);
  });
  test("is drawn as bars, and scored by total variation", () => {
    const { attempt, instrument } = attemptAt([BARS]);
    const trial = attempt.trial.value;
    trial.drawn.value = [0.5, 0.5, 0];
    attempt.check();
    const truth = softmax(PETS.logits, 0.5);
    const distance = (drawn: readonly number[]) =>
      drawn.reduce((sum, bar, at) => sum + Math.abs(bar - truth[at]!), 0) / 2;
    expect(trial.outcome.value!.variation).toBeCloseTo(distance([0.5, 0.5, 0]), 14);
    expect(trial.outcome.value!.isRight).toBe(false);
    // Only their proportions count.
    trial.drawn.value = [0.42, 0.06, 0.02];
    attempt.check();
    expect(trial.outcome.value!.variation).toBeCloseTo(distance([0.84, 0.12, 0.04]), 14);
    expect(trial.outcome.value!.isRight).toBe(true);
    expect(instrument.temperature.value).toBe(0.5);
  });
  test("is drawn as a curve", () => {
    const { attempt } = attemptAt([CURVE]);
    const trial = attempt.trial.value;
    const truth = CURVE_TEMPERATURES.map((temperature) => softmax(PETS.logits, temperature)[0]!);
    trial.drawn.value = truth.map((probability) => probability * 0.95);
    attempt.check();
    const mean = truth.reduce((sum, one) => sum + 0.05 * one, 0) / truth.length;
    expect(trial.outcome.value).toMatchObject({ isRight: true });
    expect(trial.outcome.value!.variation).toBeCloseTo(mean, 14);
  });
  test("of more bars than can be drawn is refused", () => {
    const { attempt, instrument } = attemptAt([BARS]);
    instrument.go({ logits: new Float64Array(11), labels: null });
    attempt.trial.value.drawn.value = [0.5, 0.5, 0];
    attempt.check();
    expect(attempt.trial.value.error.value).not.toBe("");
  });
  test("no bars at all are equal bars", () => {
    expect(normalised([0, 0])).toEqual([0.5, 0.5]);
  });
  test("is a state that is reached", async () => {
    const { attempt, instrument } = attemptAt([TIE]);
    const trial = attempt.trial.value;
    instrument.change({ logits: Float64Array.of(2, 1.5, 0.5) });
    await Promise.resolve();
    expect(trial.outcome.value).toBeNull();
    instrument.change({ logits: Float64Array.of(2, 2, 0.5) });
    await Promise.resolve();
    expect(trial.outcome.value).toMatchObject({ isRight: true, answer: "2" });
    // Once it is reached it stays so.
    instrument.change({ logits: Float64Array.of(2, 1, 0.5) });
    await Promise.resolve();
    expect(attempt.score.value).toBe(1);
  });
});

describe.each([
  ["temperature", { temperature: 3 }, 3],
  ["entropy", { temperature: Infinity }, Math.log(3)],
  ["choices", { temperature: Infinity }, 3],
  ["top", { temperature: 0 }, 1],
  ["probability", { temperature: Infinity }, 1 / 3],
  ["ties", {}, 1],
  ["items", {}, 3],
  ["kept", { truncation: { top_k: 2 } }, 2],
] as const)("a state is recognised by %s", (quantity, change, value) => {
  const item = quantity === "probability" ? { item: 1 } : {};
  const goal = { kind: "reach", ask: "Reach.", quantity, ...item };
  const reached = async (least: number, most: number) => {
    const { attempt, instrument } = attemptAt([{ ...goal, least, most }]);
    instrument.change(change);
    await Promise.resolve();
    return attempt.trial.value.outcome.value?.isRight === true;
  };
  test("within its ends and not beside them", async () => {
    expect(await reached(value - 1e-9, value + 1e-9)).toBe(true);
    expect(await reached(value + 1e-6, value + 1)).toBe(false);
    expect(await reached(0, value - 1e-6)).toBe(false);
  });
});

describe("a drawing", () => {
  test("is what is shown, also before a bar is moved", () => {
    const { attempt } = attemptAt([{ ...BARS, at: "inf" }]);
    attempt.check();
    expect(attempt.trial.value.outcome.value).toMatchObject({ isRight: true, variation: 0 });
  });
  test("begins anew where other items have come", () => {
    const { attempt, instrument } = attemptAt([CHOOSE, { ...BARS, within: 1 }]);
    attempt.go(1);
    attempt.trial.value.drawn.value = [0.8, 0.1, 0.1];
    instrument.go({ logits: Float64Array.of(1, 0), labels: null });
    attempt.check();
    expect(attempt.trial.value.outcome.value).toMatchObject({ answer: "0.500 0.500" });
  });
  test.each([
    [{ ...BARS }, new Float64Array(11)],
    [{ ...CURVE, item: 9 }, Float64Array.of(1, 2)],
  ])("that can't be made can be passed", (task, logits) => {
    const { attempt, instrument } = attemptAt([task]);
    instrument.go({ logits, labels: null });
    attempt.check();
    expect(attempt.trial.value.error.value).not.toBe("");
    expect(attempt.canReveal(attempt.trial.value)).toBe(true);
    attempt.reveal();
    expect(attempt.isDone.value).toBe(true);
  });
  test.each([
    [0.5, 0.5, 1],
    [0.5, 0.51, 1],
    [1, 1, Infinity],
    [0.5, 3, 3],
  ])("at T = %d is not on screen, where T is %d", (at, shown, goes) => {
    const { attempt, instrument } = attemptAt([CHOOSE, { ...BARS, at }]);
    instrument.change({ temperature: shown });
    attempt.go(1);
    expect(instrument.temperature.value).toBe(goes);
  });
});

describe("a task", () => {
  test("begins with what it shows, and hides and locks what it says", () => {
    const start = "logits=3,1&T=2";
    const { attempt, instrument } = attemptAt([
      CHOOSE,
      { ...NUMBER, start, hide: ["why"], lock: ["items"] },
    ]);
    expect(instrument.temperature.value).toBe(1);
    expect(attempt.frame.value).toEqual({ hide: [], lock: [] });
    attempt.go(1);
    expect(instrument.temperature.value).toBe(2);
    expect(instrument.items.value.logits).toEqual(Float64Array.of(3, 1));
    expect(attempt.frame.value).toEqual({ hide: ["why"], lock: ["items"] });
    attempt.go(2);
    expect(attempt.at.value).toBe(1);
  });
  test("that is drawn shows no answer until it is over", () => {
    const { attempt } = attemptAt([BARS]);
    expect(attempt.frame.value).toEqual({ hide: ["curves"], lock: LOCKS });
    attempt.reveal();
    expect(attempt.frame.value).toEqual({ hide: [], lock: [] });
    expect(attempt.trial.value.outcome.value).toMatchObject({ isRight: false, isRevealed: true });
    expect(attempt.score.value).toBe(0);
    attempt.check();
    expect(attempt.score.value).toBe(0);
  });
});

describe("a test", () => {
  test("takes one answer, and tells at its end", () => {
    const { attempt, instrument } = attemptAt([CHOOSE, TIE, NUMBER], { mode: "test" });
    attempt.trial.value.chosen.value = [1];
    attempt.check();
    attempt.trial.value.chosen.value = [0];
    attempt.check();
    expect(attempt.trial.value.outcome.value!.isRight).toBe(false);
    expect(attempt.tells.value).toBe(false);
    attempt.go(1);
    instrument.change({ logits: Float64Array.of(2, 2, 0.5) });
    expect(attempt.trial.value.outcome.value).toBeNull();
    attempt.check();
    expect(attempt.isDone.value).toBe(false);
    attempt.trials[2]!.typed.value = "";
    attempt.finish();
    expect([attempt.isDone.value, attempt.tells.value, attempt.score.value]).toEqual([
      true,
      true,
      1,
    ]);
    expect(attempt.trials[2]!.outcome.value).toMatchObject({ isRight: false, answer: "" });
  });
});

test("a test that ends takes what was entered", () => {
  const { attempt } = attemptAt([CHOOSE, NUMBER, BARS], { mode: "test" });
  attempt.trials[0]!.chosen.value = [0];
  attempt.trials[1]!.typed.value = "0.3";
  attempt.finish();
  expect(attempt.score.value).toBe(2);
  expect(attempt.trials[2]!.outcome.value!.isRight).toBe(false);
});

describe("what is kept", () => {
  test("brings the attempt back", () => {
    const tasks = [CHOOSE, NUMBER, { ...BARS, points: 3 }];
    const { attempt, reports, end } = attemptAt(tasks);
    attempt.trials[0]!.chosen.value = [0];
    attempt.check();
    attempt.go(2);
    attempt.trial.value.drawn.value = [0.8, 0.15, 0.05];
    attempt.check();
    attempt.trials[1]!.typed.value = "7";
    end();
    const last = reports.at(-1)!;
    expect(last).toMatchObject({ score: 4, possible: 5, isDone: false });
    const again = attemptAt(tasks, {}, JSON.parse(JSON.stringify(last.kept)));
    expect(again.attempt.at.value).toBe(2);
    expect(again.attempt.score.value).toBe(4);
    expect(again.attempt.trials[1]!.typed.value).toBe("7");
    expect(again.reports.at(-1)!.kept).toEqual(last.kept);
  });
  test.each([null, 3, "x", {}, { trials: [] }, { trials: [null, null], at: 9 }])(
    "is left where it does not fit: %j",
    (kept) => {
      const { attempt } = attemptAt([CHOOSE, NUMBER], {}, kept);
      expect([attempt.at.value, attempt.score.value]).toEqual([0, 0]);
    },
  );
  test("is dropped by starting over", () => {
    const { attempt, instrument } = attemptAt([{ ...CHOOSE, start: "T=2" }]);
    attempt.trial.value.chosen.value = [0];
    attempt.check();
    instrument.change({ temperature: 7, logits: Float64Array.of(1, 1, 1) });
    attempt.again();
    expect(instrument.items.value.logits).toEqual(PETS.logits);
    expect(attempt.trial.value.chosen.value).toEqual([]);
    expect([attempt.score.value, instrument.temperature.value]).toEqual([0, 2]);
  });
  test("is brief where there is no room for the answers", () => {
    const tasks = [CHOOSE, NUMBER, BARS];
    const { attempt, reports, end } = attemptAt(tasks);
    attempt.trials[0]!.chosen.value = [0];
    attempt.check();
    attempt.trials[1]!.typed.value = "7";
    attempt.check(attempt.trials[1]);
    attempt.reveal(attempt.trials[1]);
    attempt.go(2);
    end();
    const { brief } = reports.at(-1)!;
    expect(brief).toEqual({ at: 2, results: "rs-" });
    const again = attemptAt(tasks, {}, brief).attempt;
    expect([again.at.value, again.score.value, again.doneCount.value]).toEqual([2, 1, 2]);
  });
  test("that was damaged does no harm", () => {
    const kept = {
      at: 0,
      trials: [
        { chosen: [7, "0"], checks: -5, outcome: { isRight: "yes" } },
        { typed: 3, checks: 1e300, outcome: { isRight: false, answer: {}, variation: "1" } },
        { drawn: ["a", null, -5] },
      ],
    };
    const { attempt } = attemptAt([CHOOSE, { ...NUMBER, answer: 1 }, BARS], {}, kept);
    const [first, second, third] = attempt.trials;
    expect([first!.chosen.value, first!.checks.value, first!.outcome.value]).toEqual([[], 0, null]);
    expect([second!.typed.value, second!.checks.value]).toEqual(["", 0]);
    expect(second!.outcome.value).toMatchObject({ answer: "", variation: null });
    expect(third!.drawn.value).toEqual([]);
  });
  test("is a table without formulas", () => {
    const ask = '=SUM(1) "and", more';
    const { attempt } = attemptAt([{ ...NUMBER, ask }, CHOOSE]);
    attempt.trial.value.typed.value = "-0.3";
    attempt.check();
    attempt.reveal(attempt.trials[1]);
    attempt.code.value = "@me";
    const [head, first, second, end] = attempt.results().split("\r\n");
    expect(head).toBe(
      "\ufeff" +
        '"code","task","kind","question","answer","right","points","of","checks","hint","shown"',
    );
    expect(first).toBe(
      `"'@me","1","number","'=SUM(1) ""and"", more","-0.3","no","0","1","1","no","no"`,
    );
    expect(second).toBe(`"'@me","2","choose","Which?","","no","0","1","0","no","yes"`);
    expect(end).toBe("");
  });
});

describe("a draft", () => {
  test.each(["choose", "number", "predict", "reach"] as const)(
    "takes a new task that is right: %s",
    (kind) => {
      const instrument = new Instrument(memoryHost(PETS));
      const draft = new Draft(EMPTY);
      expect(draft.problems.value).toHaveLength(1);
      draft.add(newTask(kind, instrument));
      expect(draft.problems.value).toEqual([]);
      expect(draft.activity().tasks[0]!.kind).toBe(kind);
    },
  );
  test.each([[[5]], [[1, 1]], [[Infinity, 0]], [[NaN, 0]], [[-Infinity, -Infinity]]])(
    "takes them about %j",
    (logits) => {
      const instrument = new Instrument(memoryHost(stateOf(logits)));
      const draft = new Draft(EMPTY);
      for (const kind of ["choose", "number", "predict", "reach"] as const) {
        draft.add(newTask(kind, instrument));
      }
      expect(draft.problems.value).toEqual([]);
    },
  );
  test("says what is not right yet", () => {
    const draft = new Draft(draftOf(readWhole([CHOOSE, NUMBER])));
    draft.set(1, { answer: "warm" });
    draft.set(0, { options: ["one"] });
    draft.change({ title: "x".repeat(2001) });
    expect(draft.problems.value.map(({ task, field }) => [task, field])).toEqual([
      [0, "options"],
      [1, "answer"],
      [null, "title"],
    ]);
    expect(() => draft.activity()).toThrow("title must be");
  });
  test("is what was kept of it, right or not", () => {
    const task = { kind: "number", ask: "", answer: "warm" };
    const kept = { title: "A", mode: "exam", tasks: [task, 3, { kind: "?" }], hide: ["why", "x"] };
    const draft = new Draft(draftFrom(JSON.parse(JSON.stringify(kept))));
    expect(draft.written.value).toEqual({ ...EMPTY, title: "A", tasks: [task], hide: ["why"] });
    for (const none of [null, 3, "x", {}, { tasks: 1 }]) expect(draftFrom(none)).toEqual(EMPTY);
  });
  test("knows its tasks while they are changed and moved", () => {
    const draft = new Draft(draftOf(readWhole([CHOOSE, NUMBER])));
    const ids = () => draft.written.value.tasks.map((task) => draft.idOf(task));
    const [first, second] = ids();
    draft.set(0, { ask: "W" });
    draft.move(0, 1);
    expect(ids()).toEqual([second, first]);
    draft.add({ ...draft.written.value.tasks[0]! });
    expect(new Set(ids()).size).toBe(3);
  });
  test("undoes and redoes, changes of one field together", () => {
    vi.useFakeTimers({ toFake: ["performance"] });
    const draft = new Draft(draftOf(readWhole([CHOOSE, NUMBER])));
    const asks = () => draft.written.value.tasks.map(({ ask }) => ask);
    draft.set(0, { ask: "W" }, "ask");
    draft.set(0, { ask: "Wh" }, "ask");
    draft.set(1, { ask: "H" }, "ask");
    vi.advanceTimersByTime(2000);
    draft.set(1, { ask: "Ho" }, "ask");
    draft.move(0, 1);
    draft.move(1, 2);
    draft.remove(0);
    expect(asks()).toEqual(["Wh"]);
    const seen = [];
    while (draft.canUndo.value) {
      draft.undo();
      seen.push(asks().join());
    }
    expect(seen).toEqual(["Ho,Wh", "Wh,Ho", "Wh,H", "Wh,How many?", "Which?,How many?"]);
    while (draft.canRedo.value) draft.redo();
    expect(asks()).toEqual(["Wh"]);
    vi.useRealTimers();
  });
});

test("the time of a session is written as SCORM has it", () => {
  expect(timeText(0)).toBe("0000:00:00");
  expect(timeText(1000 * (3600 * 25 + 60 * 61 + 1.9))).toBe("0026:01:01");
});
