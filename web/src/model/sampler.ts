import { computed, type ReadonlySignal } from "@preact/signals";
import {
  ENGINES,
  type Engine,
  ordered,
  PAPERS,
  RULES,
  type Rule,
  type Settings,
  type Step,
  stepsOf,
  takes,
} from "../math/engines";
import { type Kept, totalVariation } from "../math/truncation";
import { percent } from "../text/format";
import type { Instrument } from "./instrument";

/** The value that a step starts with if the engine has no default for it: as in its paper. */
const START: Readonly<Record<Rule, number>> = {
  top_k: 40,
  top_p: 0.95,
  min_p: 0.05,
  typical_p: 0.95,
  epsilon: 0.0003,
  eta: 0.0003,
  top_n_sigma: 1,
};
/** The values with which a step drops nothing, besides those with which an engine turns it off. */
const IDLE: Partial<Record<Rule, number>> = { top_p: 1, min_p: 0, typical_p: 1 };

/** What the figures show of the sampler, as signals. */
export class Sampler {
  /** Whether there is any step, or an engine. */
  readonly on: ReadonlySignal<boolean>;
  /** The ranks of the rows. */
  private readonly ranks: ReadonlySignal<readonly number[]>;
  /** Which rows are kept; empty without a sampler. */
  private readonly keeps: ReadonlySignal<readonly boolean[]>;

  constructor(private readonly instrument: Instrument) {
    this.on = computed(() => Object.keys(instrument.truncation.value).length > 0);
    this.ranks = computed(() =>
      instrument.rows.value.map(({ position }) => instrument.rankAt(position.value)),
    );
    this.keeps = computed(() => {
      const { value: kept } = instrument.kept;
      return kept === null ? [] : this.ranks.value.map((rank) => kept.keeps(rank));
    });
  }

  /** Whether the row of a slot is kept: without a sampler, all are. */
  isKept(slot: number): boolean {
    return this.keeps.value[slot] !== false;
  }

  /** The probabilities of the rows after truncation. */
  readonly after = computed(() => {
    const { value: kept } = this.instrument.kept;
    return kept === null ? [] : this.ranks.value.map((rank) => kept.probability(rank));
  });

  /** The same as text, empty where an item is dropped. */
  readonly texts = computed(() => {
    const { value: kept } = this.instrument.kept;
    if (kept === null) return [];
    return this.ranks.value.map((rank) => (kept.keeps(rank) ? afterText(kept, rank) : ""));
  });

  /** The slots with another fate than the one above them, where rows are sorted. */
  readonly cuts = computed(() => {
    const { value: keeps } = this.keeps;
    const slots = this.instrument.many.value ? keeps.map((_, slot) => slot).slice(1) : [];
    return slots.filter((slot) => keeps[slot] !== keeps[slot - 1]);
  });

  /** How many of the items outside of the window are kept. */
  readonly keptOutside = computed(() => {
    const { kept, first, rowCount } = this.instrument;
    if (kept.value === null) return 0;
    const above = kept.value.countBelow(first.value);
    return kept.value.count - kept.value.countBelow(first.value + rowCount.value) + above;
  });

  /** The same settings under each engine once a drag rests, the chosen one first. */
  readonly compared = computed((): readonly Compared[] => {
    const { restedKept, rested, truncated, truncation } = this.instrument;
    const { value: chosen } = restedKept;
    const found = [undefined, ...Object.keys(ENGINES)].map((name): Compared => {
      const isChosen = name === truncation.value.engine;
      const { settings, missing, refused } = isChosen
        ? { settings: truncation.value, missing: [], refused: [] }
        : underEngine(truncation.value, name);
      const kept = truncated.value.at(rested.value.temperature, settings);
      const variation = totalVariation(kept, chosen);
      return { name, isChosen, settings, kept, missing, refused, variation };
    });
    return found.sort((a, b) => Number(b.isChosen) - Number(a.isChosen));
  });
}

/** What an engine, or none of them, makes of the settings. */
export interface Compared {
  /** Undefined for the rules as the papers have them. */
  readonly name: string | undefined;
  readonly isChosen: boolean;
  /** What it takes of the settings. */
  readonly settings: Settings;
  readonly kept: Kept;
  /** The steps that the engine does not have. */
  readonly missing: readonly Rule[];
  /** The steps that it has, but not with this value. */
  readonly refused: readonly Rule[];
  /** The total variation from what is chosen. */
  readonly variation: number;
}

export function engineOf(name: string | undefined): Engine {
  return name === undefined ? PAPERS : ENGINES[name]!;
}

/** The rules that the settings have, in the order of the parameters. */
export function rulesOf(settings: Settings): readonly Rule[] {
  return RULES.filter((rule) => settings[rule] !== undefined);
}

/** The settings with a value for a rule, which becomes a step if it is none. */
export function withRule(settings: Settings, rule: Rule, value: number): Settings {
  if (settings[rule] === value) return settings;
  const changed = { ...settings, [rule]: value };
  const { order } = settings;
  return order && !order.includes(rule) ? ordered(changed, [...order, rule]) : changed;
}

/** The settings with one more step, at the value that it has by default. */
export function withStep(settings: Settings, rule: Rule): Settings {
  const value = defaultsOf(engineOf(settings.engine))[rule] ?? START[rule];
  return withRule(settings, rule, value);
}

export function withoutStep(settings: Settings, rule: Rule): Settings {
  const order = stepsOf(settings).filter((step) => step !== rule);
  const { [rule]: _, order: __, ...rest } = settings;
  return ordered(rest, settings.order ? order : stepsOf(rest));
}

/** The settings with a step at another place among the steps, from 0; places outside are the ends. */
export function withStepAt(settings: Settings, step: Step, place: number): Settings {
  const steps = stepsOf(settings);
  const others = steps.filter((other) => other !== step);
  const at = Math.max(0, Math.min(others.length, place));
  const order = [...others.slice(0, at), step, ...others.slice(at)];
  return String(order) === String(steps) ? settings : ordered(settings, order);
}

/** What is left of some settings in another engine. */
interface UnderEngine {
  readonly settings: Settings;
  readonly missing: readonly Rule[];
  readonly refused: readonly Rule[];
}

/** The settings in the order of an engine, without what it does not take. */
export function underEngine(settings: Settings, name: string | undefined): UnderEngine {
  const engine = engineOf(name);
  const { ties } = settings;
  const rules = rulesOf(settings);
  const missing = rules.filter((rule) => !engine.order.includes(rule));
  const refused = rules.filter(
    (rule) => !missing.includes(rule) && !takes(engine, rule, settings[rule]!),
  );
  const taken = rules.filter((rule) => !missing.includes(rule) && !refused.includes(rule));
  return {
    settings: {
      ...Object.fromEntries(taken.map((rule) => [rule, settings[rule]])),
      ...(name !== undefined && { engine: name }),
      ...(ties !== undefined && engine.ties.includes(ties) && { ties }),
    },
    missing,
    refused,
  };
}

/** The values of the rules with which an engine truncates if a request says nothing. */
export function defaultsOf(engine: Engine): Partial<Record<Rule, number>> {
  const { defaults, off } = engine;
  const acting = RULES.filter((rule) => {
    const value = defaults[rule];
    return value !== undefined && value !== IDLE[rule] && value > (off[rule] ?? -Infinity);
  });
  return Object.fromEntries(acting.map((rule) => [rule, defaults[rule]]));
}

/** The mass that is kept, as text. */
export function massText({ distribution, temperature, count, start, mass }: Kept): string {
  const { order, logits, open } = distribution;
  const isExactlyZero = (rank: number) =>
    distribution.isExactlyZero(logits[order[rank]!]!, temperature);
  // 0 is exact where all that is kept has none; 1, where all that is dropped has none.
  if (mass === 0) return percent(0, isExactlyZero(start));
  return percent(mass, count === open || isExactlyZero(distribution.ties));
}

/** The probability of a kept item after truncation, as text. */
export function afterText(kept: Kept, rank: number): string {
  const { distribution, temperature, count } = kept;
  const probability = kept.probability(rank);
  // As in `Distribution.isExactlyZero`, among what is kept.
  const isLimit =
    temperature === 0 || distribution.logits[distribution.order[kept.start]!] === Infinity;
  return percent(probability, isLimit || count === 1);
}
