import { computed, type ReadonlySignal } from "@preact/signals";
import type { Frame } from "../math/definition";
import { ENGINES, type Rule, type Settings } from "../math/engines";
import { type Kept, type Truncation, totalVariation } from "../math/truncation";
import { percent } from "../text/format";
import { underEngine } from "./steps";

/** The part of the instrument that the sampler uses. */
interface Shown {
  readonly truncation: ReadonlySignal<Settings>;
  readonly isPartial: ReadonlySignal<boolean>;
  readonly restedTruncated: ReadonlySignal<Truncation>;
  readonly kept: ReadonlySignal<Kept | null>;
  readonly rested: ReadonlySignal<Frame>;
  readonly restedKept: ReadonlySignal<Kept>;
  readonly many: ReadonlySignal<boolean>;
  readonly ranks: ReadonlySignal<{
    readonly first: number;
    readonly last: number;
    readonly apart: number;
  }>;
  readonly rows: ReadonlySignal<readonly { readonly position: ReadonlySignal<number> }[]>;
  rankAt(position: number): number;
}

/** What the figures show of the sampler, as signals. */
export class Sampler {
  /** Whether there is any step, or an engine. */
  readonly hasSteps: ReadonlySignal<boolean>;
  /** Whether there is, and what it keeps can be told of all items. */
  readonly on: ReadonlySignal<boolean>;
  /** The ranks of the rows. */
  readonly #ranks: ReadonlySignal<readonly number[]>;
  /** Which rows are kept; empty without a sampler. */
  readonly #keeps: ReadonlySignal<readonly boolean[]>;

  constructor(private readonly instrument: Shown) {
    this.hasSteps = computed(() => Object.keys(instrument.truncation.value).length > 0);
    this.on = computed(() => this.hasSteps.value && !instrument.isPartial.value);
    this.#ranks = computed(() =>
      instrument.rows.value.map(({ position }) => instrument.rankAt(position.value)),
    );
    this.#keeps = computed(() => {
      const { value: kept } = instrument.kept;
      return kept === null ? [] : this.#ranks.value.map((rank) => kept.keeps(rank));
    });
  }

  /** Whether the row of a slot is kept: without a sampler, all are. */
  isKept(slot: number): boolean {
    return this.#keeps.value[slot] !== false;
  }

  /** The probabilities of the rows after truncation. */
  readonly after = computed(() => {
    const { value: kept } = this.instrument.kept;
    return kept === null ? [] : this.#ranks.value.map((rank) => kept.probability(rank));
  });

  /** The same as text, empty where an item is dropped. */
  readonly texts = computed(() => {
    const { value: kept } = this.instrument.kept;
    if (kept === null) return [];
    return this.#ranks.value.map((rank) => (kept.keeps(rank) ? afterText(kept, rank) : ""));
  });

  /** The slots with another fate than the one above them, where rows are sorted. */
  readonly cuts = computed(() => {
    const { value: keeps } = this.#keeps;
    const slots = this.instrument.many.value ? keeps.map((_, slot) => slot).slice(1) : [];
    return slots.filter((slot) => keeps[slot] !== keeps[slot - 1]);
  });

  /** How many of the items outside of the window are kept. */
  readonly keptOutside = computed(() => {
    const { value: kept } = this.instrument.kept;
    if (kept === null) return 0;
    const { first, last, apart } = this.instrument.ranks.value;
    const inside = kept.countBelow(last) - kept.countBelow(first);
    return kept.count - inside - (apart >= 0 && kept.keeps(apart) ? 1 : 0);
  });

  /** The same settings under each engine once a drag rests, the chosen one first. */
  readonly compared = computed((): readonly Compared[] => {
    const { restedKept, rested, restedTruncated, truncation } = this.instrument;
    const { value: chosen } = restedKept;
    const found = [undefined, ...Object.keys(ENGINES)].map((name): Compared => {
      const isChosen = name === truncation.value.engine;
      const { settings, missing, refused } = isChosen
        ? { settings: truncation.value, missing: [], refused: [] }
        : underEngine(truncation.value, name);
      const kept = restedTruncated.value.at(rested.value.temperature, settings);
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
