/**
 * An activity: tasks about what the page shows. This is its written form, read by the rules of
 * `thermoscope/explorer/activity.py`; `tests/vectors/activities.json` holds both to them.
 */
import { activityStrings } from "../text/strings";
import { LOCKS, type LockName, PARTS, type PartName } from "./frame";
import { parseLink } from "./link";

const { right } = activityStrings;

export const ACTIVITY_VERSION = 1;
export const MOST_TASKS = 50;
const LONGEST_TEXT = 2000;
const OPTIONS = [2, 10] as const;
/** What the whole is called where it is to blame. */
const WHOLE = "activity";
const MOST_POINTS = 100;

export const KINDS = ["choose", "number", "predict", "reach"] as const;
export type Kind = (typeof KINDS)[number];

/** In practice a task can be tried again, with hints; a test takes one answer, and tells at its end. */
export const MODES = ["practice", "test"] as const;
export type Mode = (typeof MODES)[number];

/** What is drawn by hand: the bars of softmax at one temperature, or the curve of one item. */
export const DRAWINGS = ["bars", "curve"] as const;

/** The quantities by which a "reach" task recognises its goal. */
export const QUANTITIES = [
  "temperature",
  "entropy",
  "choices",
  "top",
  "probability",
  "ties",
  "items",
  "kept",
] as const;
export type Quantity = (typeof QUANTITIES)[number];

interface Common {
  /** The question. */
  readonly ask: string;
  readonly points: number;
  /** Texts, empty where there is none: told when asked for, after a right and after a wrong answer. */
  readonly hint: string;
  readonly right: string;
  readonly wrong: string;
  /** A link: what is shown when the task begins; empty where that stays as it is. */
  readonly start: string;
  readonly hide: readonly PartName[];
  readonly lock: readonly LockName[];
}

export interface Choose extends Common {
  readonly kind: "choose";
  readonly options: readonly string[];
  /** The places of the right options, counted from 0. A right answer has all of them and no other. */
  readonly answer: readonly number[];
}

export interface NumberTask extends Common {
  readonly kind: "number";
  readonly answer: number;
  /** How far an answer may be away. */
  readonly tolerance: number;
  readonly unit: string;
}

export interface Predict extends Common {
  readonly kind: "predict";
  readonly of: (typeof DRAWINGS)[number];
  /** The temperature of the bars; of a curve it does not count. */
  readonly at: number;
  /** The item whose curve it is, counted from 0; of bars it does not count. */
  readonly item: number;
  /** The highest total variation that is right. */
  readonly within: number;
}

export interface Reach extends Common {
  readonly kind: "reach";
  readonly quantity: Quantity;
  /** The item of "probability", counted from 0. */
  readonly item: number;
  /** From where to where the quantity is right, both ends included. */
  readonly least: number;
  readonly most: number;
}

export type Task = Choose | NumberTask | Predict | Reach;

export interface Activity {
  readonly title: string;
  readonly intro: string;
  readonly mode: Mode;
  readonly tasks: readonly Task[];
}

/** Why something is no activity: which part must be what. */
export class ActivityError extends RangeError {
  constructor(
    readonly part: string,
    readonly must: string,
    got: unknown,
  ) {
    super(activityStrings.refused(part, must, got === undefined ? null : JSON.stringify(got)));
  }
}

type Written = Readonly<Record<string, unknown>>;

/** Reads an activity, or a list of tasks. */
export function readActivity(written: unknown): Activity {
  if (Array.isArray(written)) return readActivity({ tasks: written });
  const fields = new Fields("", written);
  fields.only(["version", "title", "intro", "mode", "tasks"]);
  fields.oneOf("version", [ACTIVITY_VERSION], ACTIVITY_VERSION);
  const tasks = fields.get("tasks");
  if (!Array.isArray(tasks) || tasks.length === 0 || tasks.length > MOST_TASKS) {
    throw fields.error("tasks", right.tasks(MOST_TASKS));
  }
  return {
    title: fields.text("title", ""),
    intro: fields.text("intro", ""),
    mode: fields.oneOf("mode", MODES, "practice"),
    tasks: tasks.map((task, at) => readTask(new Fields(`tasks[${at}]`, task))),
  };
}

/** An activity, with what the page shows and hides while it is done. */
export interface Whole {
  readonly activity: Activity;
  /** A link; empty where the page's own state counts. */
  readonly state: string;
  readonly hide: readonly PartName[];
  readonly lock: readonly LockName[];
}

/** Reads an activity with what may stand beside its tasks. */
export function readWhole(written: unknown): Whole {
  if (Array.isArray(written)) return readWhole({ tasks: written });
  const fields = new Fields("", written);
  const { state, hide, lock, ...activity } = written as Written;
  return {
    state: fields.link("state"),
    hide: fields.someOf("hide", PARTS),
    lock: fields.someOf("lock", LOCKS),
    activity: readActivity(activity),
  };
}

const COMMON = ["kind", "ask", "points", "hint", "right", "wrong", "start", "hide", "lock"];

function readTask(fields: Fields): Task {
  const kind = fields.oneOf("kind", KINDS);
  const common: Common = {
    ask: fields.text("ask"),
    points: fields.whole("points", 0, MOST_POINTS, 1),
    hint: fields.text("hint", ""),
    right: fields.text("right", ""),
    wrong: fields.text("wrong", ""),
    start: fields.link("start"),
    hide: fields.someOf("hide", PARTS),
    lock: fields.someOf("lock", LOCKS),
  };
  switch (kind) {
    case "choose": {
      fields.only([...COMMON, "options", "answer"]);
      const options = fields.texts("options", ...OPTIONS);
      return { ...common, kind, options, answer: fields.places("answer", options.length) };
    }
    case "number":
      fields.only([...COMMON, "answer", "tolerance", "unit"]);
      return {
        ...common,
        kind,
        answer: fields.number("answer", -Infinity, Infinity),
        tolerance: fields.number("tolerance", 0, Infinity, 0),
        unit: fields.text("unit", ""),
      };
    case "predict": {
      const of = fields.oneOf("of", DRAWINGS, "bars");
      fields.only([...COMMON, "of", of === "bars" ? "at" : "item", "within"]);
      return {
        ...common,
        kind,
        of,
        at: of === "bars" ? fields.number("at", 0, Infinity) : 1,
        item: of === "curve" ? fields.whole("item", 0, Number.MAX_SAFE_INTEGER, 0) : 0,
        within: fields.number("within", 0, 1, 0.1),
      };
    }
    case "reach": {
      const quantity = fields.oneOf("quantity", QUANTITIES);
      const hasItem = quantity === "probability";
      fields.only([...COMMON, "quantity", "least", "most", ...(hasItem ? ["item"] : [])]);
      const least = fields.number("least", 0, Infinity, 0);
      return {
        ...common,
        kind,
        quantity,
        item: hasItem ? fields.whole("item", 0, Number.MAX_SAFE_INTEGER) : 0,
        least,
        most: fields.number("most", least, Infinity, Infinity),
      };
    }
  }
}

/** The named parts of one thing, each read by its rule. */
class Fields {
  readonly #written: Written;

  constructor(
    private readonly path: string,
    written: unknown,
  ) {
    const isObject = typeof written === "object" && written !== null && !Array.isArray(written);
    if (!isObject) throw new ActivityError(path || WHOLE, right.object, written);
    this.#written = written as Written;
  }

  get(name: string): unknown {
    return Object.hasOwn(this.#written, name) ? this.#written[name] : undefined;
  }

  error(name: string, must: string, got = this.get(name)): ActivityError {
    return new ActivityError(this.path === "" ? name : `${this.path}.${name}`, must, got);
  }

  /** Refuses any other part: a name that is misspelt would be lost in silence. */
  only(names: readonly string[]): void {
    const other = Object.keys(this.#written).find((name) => !names.includes(name));
    if (other !== undefined) throw this.error(other, right.absent(names));
  }

  oneOf<Known>(name: string, known: readonly Known[], fallback?: Known): Known {
    const value = this.get(name) ?? fallback;
    if (!known.includes(value as Known)) throw this.error(name, right.oneOf(known.map(String)));
    return value as Known;
  }

  someOf<Known extends string>(name: string, known: readonly Known[]): readonly Known[] {
    const value = this.get(name) ?? [];
    const isRight = Array.isArray(value) && value.every((one) => known.includes(one));
    if (!isRight) throw this.error(name, right.someOf(known));
    return [...new Set(value as Known[])];
  }

  text(name: string, fallback?: string): string {
    const value = this.get(name) ?? fallback;
    if (!isText(value, fallback === undefined ? 1 : 0)) {
      throw this.error(name, right.text(fallback === undefined ? 1 : 0, LONGEST_TEXT));
    }
    return value;
  }

  texts(name: string, least: number, most: number): readonly string[] {
    const value = this.get(name);
    const isRight =
      Array.isArray(value) &&
      value.length >= least &&
      value.length <= most &&
      value.every((one) => isText(one, 1));
    if (!isRight) throw this.error(name, right.texts(least, most));
    return value;
  }

  /** Some of the places of a list. */
  places(name: string, count: number): readonly number[] {
    const value = this.get(name);
    const isRight =
      Array.isArray(value) &&
      value.length > 0 &&
      value.every((one) => Number.isInteger(one) && one >= 0 && one < count);
    if (!isRight) throw this.error(name, right.places(count - 1));
    return [...new Set(value as number[])].sort((a, b) => a - b);
  }

  /** A number, which may be written as "inf" where it may be infinite. */
  number(name: string, least: number, most: number, fallback?: number): number {
    const written = this.get(name) ?? fallback;
    const value = written === "inf" ? Infinity : written;
    const isRight =
      typeof value === "number" &&
      value >= least &&
      value <= most &&
      (Number.isFinite(value) || least > -Infinity);
    if (!isRight) throw this.error(name, right.number(least, most));
    return value + 0;
  }

  whole(name: string, least: number, most: number, fallback?: number): number {
    const value = this.get(name) ?? fallback;
    const isRight =
      Number.isInteger(value) && (value as number) >= least && (value as number) <= most;
    if (!isRight) throw this.error(name, right.whole(least, most));
    return value as number;
  }

  link(name: string): string {
    const text = this.text(name, "");
    const { errors } = parseLink(text);
    if (errors.length > 0) throw this.error(name, right.link);
    return text;
  }
}

function isText(value: unknown, least: number): value is string {
  if (typeof value !== "string") return false;
  // In code points, as Python counts.
  const { length } = Array.from(value);
  return length >= least && length <= LONGEST_TEXT;
}

/** What each kind of task has where nothing is said. */
const DEFAULTS: Written = {
  title: "",
  intro: "",
  mode: "practice",
  points: 1,
  hint: "",
  right: "",
  wrong: "",
  start: "",
  hide: [],
  lock: [],
  tolerance: 0,
  unit: "",
  of: "bars",
  within: 0.1,
};

/** The written form, in which parts that say nothing are left out. */
export function writeActivity({ tasks, ...about }: Activity): Written {
  return { ...short(about), tasks: tasks.map(writeTask) };
}

export function writeTask(task: Task): Written {
  const written = short(task);
  switch (task.kind) {
    case "predict": {
      const { at, item, ...others } = written;
      return { ...others, ...(task.of === "bars" ? { at } : { item }) };
    }
    case "reach": {
      const { item, least, most, ...others } = written;
      return {
        ...others,
        ...(task.quantity === "probability" && { item }),
        ...(task.least !== 0 && { least }),
        ...(task.most !== Infinity && { most }),
      };
    }
    default:
      return written;
  }
}

function short(parts: object): Written {
  const said = Object.entries(parts).filter(
    ([name, value]) => JSON.stringify(value) !== JSON.stringify(DEFAULTS[name]),
  );
  return Object.fromEntries(
    said.map(([name, value]) => [name, value === Infinity ? "inf" : value]),
  );
}
