/** What a user does to the steps of a sampler: each function gives other settings. */
import {
  type Engine,
  engineOf,
  ordered,
  RULES,
  type Rule,
  type Settings,
  type Step,
  stepsOf,
  takes,
} from "../math/engines";
import { brief } from "../text/format";
import { strings } from "../text/strings";

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

/** The steps in their order, as text; empty if there are none but the temperature. */
export function stepsText(settings: Settings): string {
  const steps = stepsOf(settings);
  if (steps.length === 1) return "";
  const { rules, set } = strings.sampler;
  const named = steps.map((step) =>
    step === "temperature" ? "T" : set(rules[step], brief(settings[step]!)),
  );
  return [...(settings.engine ? [`${settings.engine}:`] : []), named.join(" → ")].join(" ");
}
