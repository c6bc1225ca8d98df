/**
 * What each engine does, as data: the twin of `thermoscope/truncation/engines.py`, which also says
 * which sources were read. A test compares the two tables.
 */

export const RULES = [
  "top_k",
  "top_p",
  "min_p",
  "typical_p",
  "epsilon",
  "eta",
  "top_n_sigma",
] as const;
export type Rule = (typeof RULES)[number];
export type Step = "temperature" | Rule;
/** Of the items that tie for the last place of top_k, all stay, or as many as make k. */
export type Ties = "all" | "k";

export interface Edges {
  /** No more of the items that tie for the last place stay than are needed. */
  readonly few?: boolean;
  /** The rule ends at a sum > p instead of >= p. */
  readonly beyond?: boolean;
}

export interface Engine {
  /** A step sees the logits divided by the temperature only where it comes after it. */
  readonly order: readonly Step[];
  /** The release, or the commit, whose source was read. */
  readonly version: string;
  /** What the engine takes where a request says nothing. */
  readonly defaults: Partial<Record<Step, number>>;
  /** What may be asked for; the first is what is meant if nothing is said. */
  readonly ties: readonly Ties[];
  readonly edges: Partial<Record<Rule, Edges>>;
  readonly leastK: number;
  /** The intervals of parameters where they are not [0, 1]. */
  readonly limits: Partial<Record<Rule, string>>;
  /** The value of a parameter at or below which its step does nothing. */
  readonly off: Partial<Record<Rule, number>>;
  /** Whether top_k and top_p both look at the whole row, which they do where there is no min_p. */
  readonly joint: boolean;
  /** A temperature above 0 counts as at least this one. */
  readonly leastTemperature: number;
  /** A temperature below this one counts as 0. */
  readonly greedyBelow: number;
}

/** The rules as their papers have them, in the order of the parameters. */
export const PAPERS: Engine = {
  order: ["temperature", ...RULES],
  version: "",
  defaults: {},
  ties: ["all", "k"],
  edges: {},
  leastK: 1,
  limits: { top_n_sigma: "[0, inf)" },
  off: {},
  joint: false,
  leastTemperature: 0,
  greedyBelow: 0,
};

const BASE: Engine = { ...PAPERS, limits: {} };
/** An engine takes an int32. */
const ANY_K = -(2 ** 31);
const FEW: Edges = { few: true };
const FEW_BEYOND: Edges = { few: true, beyond: true };

const LLAMA_CPP: Engine = {
  ...BASE,
  order: ["top_n_sigma", "top_k", "typical_p", "top_p", "min_p", "temperature"],
  version: "b11549",
  defaults: { temperature: 0.8, top_k: 40, top_p: 0.95, min_p: 0.05 },
  ties: ["k"],
  edges: { typical_p: FEW_BEYOND, top_p: FEW },
  leastK: ANY_K,
  limits: { top_n_sigma: "(-inf, inf)" },
  off: { top_k: 0, top_n_sigma: 0 },
};

export const ENGINES: Readonly<Record<string, Engine>> = {
  transformers: {
    ...BASE,
    order: ["temperature", "top_k", "top_p", "min_p", "typical_p", "epsilon", "eta"],
    version: "5.23.0",
    defaults: { temperature: 1, top_k: 50, top_p: 1 },
    ties: ["all"],
    edges: { top_p: FEW },
    leastK: 0,
    limits: { typical_p: "(0, 1]", epsilon: "[0, 1)", eta: "[0, 1)" },
    off: { top_k: 0 },
  },
  vllm: {
    ...BASE,
    order: ["temperature", "min_p", "top_k", "top_p"],
    version: "commit 01fa3fe7",
    defaults: { temperature: 1, top_k: 0, top_p: 1, min_p: 0 },
    edges: { top_p: FEW },
    leastK: -1,
    limits: { top_p: "(0, 1]" },
    off: { top_k: 0 },
    leastTemperature: 0.01,
  },
  sglang: {
    ...BASE,
    order: ["temperature", "top_k", "top_p", "min_p"],
    version: "commit 584f55d1",
    defaults: { temperature: 1, top_k: -1, top_p: 1, min_p: 0 },
    ties: ["all"],
    leastK: -1,
    limits: { top_p: "(0, 1]" },
    off: { top_k: -1 },
    joint: true,
    greedyBelow: 1e-6,
  },
  "mlx-lm": {
    ...BASE,
    order: ["top_p", "min_p", "top_k", "temperature"],
    version: "0.32.0",
    defaults: { temperature: 0, top_k: 0, top_p: 1, min_p: 0 },
    ties: ["k"],
    edges: { top_p: FEW },
    leastK: ANY_K,
    off: { top_k: 0, top_p: 0 },
  },
  "llama.cpp": LLAMA_CPP,
  ollama: {
    ...LLAMA_CPP,
    order: ["top_k", "typical_p", "top_p", "min_p", "temperature"],
    version: "0.33.0-rc2",
    defaults: { temperature: 0.8, top_k: 40, top_p: 0.9, min_p: 0 },
  },
  "ollama<0.30": {
    ...BASE,
    order: ["top_k", "temperature", "top_p", "min_p"],
    version: "0.24.0",
    defaults: { temperature: 0.8, top_k: 40, top_p: 0.9, min_p: 0 },
    ties: ["k"],
    edges: { top_p: FEW_BEYOND },
    leastK: ANY_K,
    off: { top_k: 0 },
    leastTemperature: 1e-7,
  },
};

/** The parameters of `thermoscope.truncate`: each rule that is given is a step. */
export interface Settings extends Partial<Readonly<Record<Rule, number>>> {
  readonly engine?: string;
  /** The steps in their order, "temperature" among them; by default that of the engine. */
  readonly order?: readonly Step[];
  readonly ties?: Ties;
}

/** The engine of some settings, if they are right; otherwise an error. */
export function check(settings: Settings): Engine {
  const { engine: name, order } = settings;
  if (name !== undefined && !Object.hasOwn(ENGINES, name)) {
    throw new RangeError(`engine must be one of ${Object.keys(ENGINES)}, got ${name}`);
  }
  const engine = engineOf(name);
  const { ties = engine.ties[0]! } = settings;
  if (!engine.ties.includes(ties)) throw new RangeError(`ties: ${name} does not take ${ties}`);
  const rules = RULES.filter((rule) => settings[rule] !== undefined);
  const wrong = rules.find((rule) => !takes(engine, rule, settings[rule]!));
  if (wrong) throw new RangeError(`${wrong}: ${name ?? "it"} does not take ${settings[wrong]}`);
  const wanted = [...rules, ...(order?.includes("temperature") ? ["temperature"] : [])];
  if (order && String([...order].sort()) !== String(wanted.sort())) {
    throw new RangeError(`order must name each rule that is given once, got ${order}`);
  }
  return engine;
}

/** An engine by its name; without one, the rules as the papers have them. */
export function engineOf(name: string | undefined): Engine {
  return name === undefined ? PAPERS : ENGINES[name]!;
}

/** The steps of some settings in their order. */
export function stepsOf(settings: Settings): readonly Step[] {
  return (
    settings.order ??
    engineOf(settings.engine).order.filter(
      (step) => step === "temperature" || settings[step] !== undefined,
    )
  );
}

/** Settings with their steps in an order. The order of the engine itself is not written down. */
export function ordered(settings: Settings, order: readonly Step[]): Settings {
  const { order: _, ...rest } = settings;
  return String(order) === String(stepsOf(rest)) ? rest : { ...rest, order };
}

/** What an engine takes as a parameter, as an interval; null if it has no such step. */
export function right(engine: Engine, rule: Rule): string | null {
  if (!engine.order.includes(rule)) return null;
  // Below 1, top_k only has values that turn it off.
  if (rule === "top_k") return "[1, inf)";
  return engine.limits[rule] ?? "[0, 1]";
}

/** Whether an engine takes this value of a parameter. */
export function takes(engine: Engine, rule: Rule, value: number): boolean {
  const interval = right(engine, rule);
  if (interval === null) return false;
  if (rule === "top_k") {
    const off = value <= (engine.off.top_k ?? 0);
    return Number.isInteger(value) && value >= (off ? engine.leastK : 1);
  }
  const [low, high] = interval
    .slice(1, -1)
    .split(", ")
    .map((end) => Number(end.replace("inf", "Infinity"))) as [number, number];
  const above = interval.startsWith("[") ? value >= low : value > low;
  const below = interval.endsWith("]") ? value <= high : value < high;
  return above && below;
}
