/**
 * Whether a sampler may draw a token that a server reported, where of the others only their mass is
 * known: the rules of `truncation.ts` on intervals. A rule keeps the likeliest tokens, so that two
 * things decide: what the tokens above this one have together, and what all that are left have.
 */
import { type Edges, PAPERS, type Settings, type Step } from "./engines";
import { Bounds, type Reported } from "./reported";
import { chain, takenBy } from "./truncation";

export type Fate = "kept" | "dropped" | "undecided";

/** Between what a number lies. */
export type Range = readonly [low: number, high: number];

/** Which tokens are left: as many of the likeliest as lie between two numbers; Infinity for all. */
interface Left {
  readonly least: number;
  readonly most: number;
}

const bounds = new Bounds();

/**
 * @param reported - the tokens of a position, the likeliest first
 * @param place - the place of the token among them
 * @param rank - between which ranks, from 1, it lies in the whole vocabulary
 */
export function fateOf(
  reported: Reported,
  place: number,
  rank: Range,
  temperature: number,
  settings: Settings,
): Fate {
  const { engine, steps, edges, joint } = chain(settings);
  const t = takenBy(engine, temperature);
  const { logits, from, to } = reported;
  const size = to - from;
  const at = from + place;
  /** A token may have been added to the likeliest: its rank is then not known. */
  const leading = rank[0] === rank[1] ? size : size - 1;
  const whole: Left = { least: Infinity, most: Infinity };
  let left = whole;
  let isSure = true;

  const turn = steps.includes("temperature") ? steps.indexOf("temperature") : steps.length;
  for (const [k, step] of steps.entries()) {
    if (step === "temperature") continue;
    const seen = k < turn ? 1 : t;
    const fate = apply(step, seen, settings[step]!, edges[step] ?? {}, joint ? whole : left);
    if (fate === "dropped") return fate;
    if (fate === "undecided") isSure = false;
  }
  // At T = 0 nothing but the highest is drawn, and an engine takes the first of them.
  if (t === 0 && (engine === PAPERS ? logits[at]! < logits[from]! : place > 0)) return "dropped";
  return isSure ? "kept" : "undecided";

  function apply(rule: Step, seen: number, value: number, edge: Edges, among: Left): Fate {
    bounds.fill(reported, seen);
    const weight = (place: number) => bounds.weight(logits[from + place]!);
    const own = weight(place);
    /** The sum of the weights of the first places. */
    const sum = (count: number) => {
      let total = 0;
      for (let k = 0; k < count; k++) total += weight(k);
      return total;
    };
    const [allLow, allHigh] = [1 / bounds.high(1), 1 / bounds.low(1)];
    const reportedSum = sum(leading);
    const end = (count: number, all: number) =>
      count === Infinity ? all : count > leading ? reportedSum : sum(count);
    const low = end(among.least, allLow);
    const high = among.most > leading ? allHigh : sum(among.most);
    /** How many leading places pass a test; Infinity if tokens that are not reported may pass too. */
    const passing = (passes: (place: number, above: number) => boolean) => {
      let above = 0;
      for (let k = 0; k < leading; k++) {
        if (!passes(k, above)) return k;
        above += weight(k);
      }
      return Infinity;
    };
    const keep = (least: number, most: number) => {
      left = {
        least: Math.min(left.least, least, leading),
        most: Math.min(left.most, most),
      };
    };

    /** The first place that ties with this one, where all that tie stay. */
    const first = () => {
      let found = place;
      if (!edge.few) while (found > 0 && logits[from + found - 1] === logits[at]) found--;
      return found;
    };
    const withTies = (count: number) => {
      let found = count;
      if (!edge.few) while (found < leading && weight(found) === weight(found - 1)) found++;
      return found;
    };

    if (rule === "top_k") {
      keep(Math.min(value, leading), value > leading ? Infinity : withTies(value));
      if (place < leading) return first() < value ? "kept" : "dropped";
      return rank[1] <= value ? "kept" : rank[0] > value ? "dropped" : "undecided";
    }
    if (rule === "top_p") {
      if (value === 1) return "kept";
      const goesOn = (above: number, all: number) =>
        edge.beyond ? above / all <= value : above / all < value;
      const count = (all: number) =>
        Math.max(
          1,
          passing((_, above) => goesOn(above, all)),
        );
      keep(count(low), withTies(count(high)));
      const known = place < leading;
      const [aboveLow, aboveHigh] = known
        ? [sum(first()), sum(first())]
        : [reportedSum, high - own];
      if (place === 0 || goesOn(aboveHigh, low)) return "kept";
      return goesOn(aboveLow, high) ? "undecided" : "dropped";
    }
    if (rule === "min_p") {
      const count = passing((place) => weight(place) >= value);
      const { cap, temperature } = reported.tail;
      const goesOn = count === Infinity && bounds.weight(cap * temperature) >= value;
      keep(count, goesOn ? Infinity : Math.min(count, leading));
      return own >= value ? "kept" : "dropped";
    }
    if (rule === "epsilon") {
      keep(
        Math.max(
          1,
          passing((place) => weight(place) / high >= value),
        ),
        Math.max(
          1,
          passing((place) => weight(place) / low >= value),
        ),
      );
      if (own === 1 || own / high >= value) return "kept";
      return own / low >= value ? "undecided" : "dropped";
    }
    // Of all tokens, these need the entropy or the deviation.
    keep(rule === "typical_p" ? 0 : 1, Infinity);
    return own === 1 && rule !== "typical_p" ? "kept" : "undecided";
  }
}
