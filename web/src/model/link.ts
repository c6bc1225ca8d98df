/**
 * A state as a link: what is after "#" in the address of a page, for example `n=5&seed=7&T=0.5` or
 * `logits=2,1,0.1&labels=cat,dog,eel&top_p=0.9`. `docs/page.md` has all parameters.
 *
 * A link is a query string as URLSearchParams reads it, so that people and other programs can write
 * one, and so that it survives the programs that encode more of it.
 */
import { ENGINES, ordered, PAPERS, RULES, right, type Step, stepsOf, takes } from "../math/engines";
import { randomLogits } from "../math/random";
import { SCALES, type ScaleName } from "../math/scales";
import { count, numberText, parseNumber, spoken } from "../text/format";
import { strings } from "../text/strings";
import { type Frame, LOCKS, PARTS } from "./frame";
import { GIVEN, type Items, type State } from "./state";

/** Each step of the sampler by its parameter: the temperature is T, a rule has its own name. */
const STEPS: ReadonlyMap<string, Step> = new Map([
  ["T", "temperature"],
  ...RULES.map((rule) => [rule, rule] as const),
]);

export interface Link {
  /** The parts of the state that the link determines: all of them if it gives or draws logits. */
  readonly state: Partial<State>;
  readonly frame: Frame;
  /** What is not used, in strings.link. */
  readonly errors: readonly string[];
}

/** As many items as the page offers. */
const MOST = 262_144;
/** As many as in the lesson. */
const FEW = 5;
/** Longer links are cut by programs that send or store them. */
export const LONGEST = 2000;
/** The address of a page where an activity is made: all of it is kept there, and is no link for others. */
const LONGEST_DRAFT = 500_000;

/**
 * Reads a link. A parameter that is unknown or bad is an error, and the others are still used.
 *
 * @param hash - with or without the "#"
 */
export function parseLink(hash: string): Link {
  const errors: string[] = [];
  const given = new Map<string, string>();
  for (const [name, text] of new URLSearchParams(hash.replace(/^#/, ""))) {
    if (given.has(name)) ignore(name, text);
    else given.set(name, text);
  }

  function ignore(name: string, text: string): void {
    errors.push(strings.link.ignored(spoken(`${name}=${text}`)));
  }

  function refuse(name: string, right: string, text: string): null {
    errors.push(strings.link.refused(name, right, spoken(text)));
    return null;
  }

  /** Takes a parameter out. What is left at the end is not used. */
  function take(name: string): string | undefined {
    const text = given.get(name);
    given.delete(name);
    return text;
  }

  function number(name: string, right: string, isRight: (value: number) => boolean) {
    const text = take(name);
    if (text === undefined) return null;
    const value = parse(text);
    return value !== null && isRight(value) ? value : refuse(name, right, text);
  }

  function whole(name: string, least: number, most = Number.MAX_SAFE_INTEGER): number | null {
    const isRight = (value: number) => Number.isInteger(value) && value >= least && value <= most;
    return number(name, strings.link.whole(count(least), count(most)), isRight);
  }

  function row(text: string): Float64Array | null {
    const texts = text.split(",");
    const numbers = texts.map(parse);
    const bad = numbers.indexOf(null);
    if (bad < 0) return Float64Array.from(numbers as number[]);
    return refuse(`logits[${bad}]`, strings.link.logit, texts[bad]!);
  }

  function drawnOrGiven(): Items | null {
    const isDrawn = ["n", "seed", "labels"].some((name) => given.has(name));
    const text = take("logits");
    if (text === undefined && !isDrawn) return null;
    const list = take("labels");
    const labels = list === undefined ? null : split(list);
    const seed = text === undefined ? (whole("seed", 0) ?? 0) : null;
    const logits =
      seed === null ? row(text!) : randomLogits(whole("n", 1, MOST) ?? labels?.length ?? FEW, seed);
    if (logits === null) return null;
    const fit = labels === null || labels.length === logits.length;
    return {
      logits,
      labels: fit ? labels : refuse("labels", strings.link.labels(count(logits.length)), list!),
      source: take("source") ?? (seed === null ? GIVEN : null),
      row: null,
      target: whole("target", 0, logits.length - 1),
      seed,
      tail: null,
    };
  }

  /** One of several texts, which is what is right. */
  function oneOf<Text extends string>(name: string, texts: readonly Text[]): Text | null {
    const text = take(name);
    if (text === undefined || texts.includes(text as Text)) return (text ?? null) as Text | null;
    return refuse(name, strings.link.oneOf(texts), text);
  }

  /** Some of several names, with commas between them. */
  function someOf<Text extends string>(name: string, texts: readonly Text[]): Text[] {
    const names = new Set(take(name)?.split(",")) as Set<Text>;
    const known = [...names].filter((text) => texts.includes(text));
    for (const text of names) {
      if (!texts.includes(text)) refuse(name, strings.link.oneOf(texts), text);
    }
    return known;
  }

  function frame(): Frame {
    const [hide, lock] = [someOf("hide", PARTS), someOf("lock", LOCKS)];
    const embed = given.get("embed") === "";
    if (embed) take("embed");
    return {
      ...(hide.length > 0 && { hide }),
      ...(lock.length > 0 && { lock }),
      ...(embed && { embed }),
    };
  }

  /** The temperature, and the truncation that is the link's if it has any step. */
  function sampler(): Partial<Pick<State, "temperature" | "truncation">> {
    const names = [...given.keys()].filter((name) => STEPS.has(name));
    if (names.length === 0 && !given.has("engine")) return {};
    const engine = oneOf("engine", Object.keys(ENGINES));
    const takenBy = engine === null ? PAPERS : ENGINES[engine]!;
    const ties = oneOf("ties", takenBy.ties);
    const values: { [step in Step]?: number } = {};
    for (const name of names) {
      const step = STEPS.get(name)!;
      const value =
        step === "temperature"
          ? number(name, strings.link.temperature, (temperature) => temperature >= 0)
          : number(
              name,
              strings.link.rule(right(takenBy, step), step === "top_k", engine),
              (value) => takes(takenBy, step, value),
            );
      // Adding 0 turns −0 into 0.
      if (value !== null) values[step] = value + 0;
    }
    const { temperature, ...rules } = values;
    const steps = Object.keys(values) as Step[];
    if (temperature === undefined) {
      // Where the engine has it: before the first step that comes after it there.
      const { order } = takenBy;
      const at = steps.findIndex((step) => order.indexOf(step) > order.indexOf("temperature"));
      steps.splice(at < 0 ? steps.length : at, 0, "temperature");
    }
    const truncation = ordered(
      { ...rules, ...(engine === null ? {} : { engine }), ...(ties === null ? {} : { ties }) },
      steps,
    );
    return { truncation, ...(temperature === undefined ? {} : { temperature }) };
  }

  const set = sampler();
  const scale = oneOf("scale", Object.keys(SCALES) as ScaleName[]);
  const items = drawnOrGiven();
  const shown = ACTIVITY ? { ...frame(), ...tasksOf(given) } : frame();
  for (const [name, text] of given) ignore(name, text);
  return {
    state: {
      ...(items && { ...items, temperature: 1, truncation: {}, scale: "full" }),
      ...set,
      ...(scale && { scale }),
    },
    frame: shown,
    errors,
  };
}

/** The tasks of a link, or whether it makes some; they are taken out. */
function tasksOf(given: Map<string, string>): Frame {
  const activity = given.get("activity");
  const edit = given.get("edit") === "";
  if (activity) given.delete("activity");
  if (edit) given.delete("edit");
  return { ...(activity && { activity }), ...(edit && { edit }) };
}

/**
 * Writes a link without its "#", or null if it would have more than 2,000 characters, or would leave
 * out what a server did not report.
 *
 * @param own - the state of the page that the link opens; its logits are not written again
 */
export function writeLink(
  state: State,
  frame: Frame = {},
  own: State | null = null,
): string | null {
  const { logits, labels, source, seed, truncation, scale } = state;
  const parts: string[] = [];
  function add(name: string, value: string | number | null | undefined): void {
    if (value === "") parts.push(name);
    else if (value != null) parts.push(`${name}=${encoded(`${value}`)}`);
  }

  if (logits !== own?.logits || labels !== own.labels) {
    if (state.tail !== null) return null;
    // Each item takes at least a comma, and there may be very many.
    if ((labels ?? (seed === null ? logits : [])).length > LONGEST) return null;
    add("n", seed === null ? null : logits.length);
    add("seed", seed);
    add("logits", seed === null ? Array.from(logits, numberText).join() : null);
    add("labels", labels?.map((label) => label.replace(/[\\,]/g, "\\$&")).join());
    add("source", source === GIVEN ? null : source);
    add("target", state.target);
  }
  for (const step of stepsOf(truncation)) {
    if (step === "temperature") add("T", numberText(state.temperature));
    else add(step, numberText(truncation[step]!));
  }
  add("engine", truncation.engine);
  add("ties", truncation.ties);
  if (scale !== (own?.scale ?? "full")) add("scale", scale);
  add("hide", frame.hide?.join());
  add("lock", frame.lock?.join());
  add("embed", frame.embed ? "" : null);
  if (ACTIVITY) {
    add("edit", frame.edit ? "" : null);
    add("activity", frame.activity);
  }
  const link = parts.join("&");
  return link.length <= (ACTIVITY && frame.edit ? LONGEST_DRAFT : LONGEST) ? link : null;
}

/** The number that a text stands for. "+" means a space in a link: 1e+21 arrives as "1e 21". */
function parse(text: string): number | null {
  return parseNumber(text.replaceAll(" ", ""));
}

/** The items of a list. A backslash escapes a comma within an item, and another backslash. */
function split(text: string): string[] {
  // Half of a surrogate pair is what no text of a link contains.
  return text.replace(/\\(.)|,/gsu, (_, escaped) => escaped ?? "\ud800").split("\ud800");
}

/** Percent-encoded, but for what is easier to read as it is. */
function encoded(text: string): string {
  // UTF-8 has no half of a surrogate pair.
  const whole = text.replace(/\p{Cs}/gu, "\ufffd");
  return encodeURIComponent(whole).replaceAll("%20", "+").replaceAll("%2C", ",");
}
