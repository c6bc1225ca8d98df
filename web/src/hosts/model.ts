/**
 * A text that is written by the model in the page itself: what `thermoscope/explorer/writing.py` and
 * `thermoscope/connection/draft.py` do for a server's model, with the same words.
 */
import type { LanguageModel } from "../data/weights";
import { Distribution } from "../math/definition";
import { freshSeed } from "../math/random";
import type { Session } from "../math/transformer";
import { Truncation } from "../math/truncation";
import { draw } from "../model/draws";
import type {
  Action,
  Branch,
  Continuation,
  FoundByAction,
  Rows,
  Sampling,
  WritingMessage,
  WritingStatus,
  WrittenRow,
} from "../model/rows";
import { readTemperature, readTruncation, writeState } from "../model/state";
import { writingStrings } from "../text/strings";
import { branchesApart, settingsApart } from "./compared";
import { chunkOf, type Position, textOf, textOfTokens } from "./positions";
import { savedText } from "./saved";

const { messages: texts } = writingStrings;

/** Characters of each text that are told of it. */
const END = 200;
const LONGEST_NAME = 60;
/** How long a part of some work may keep the page from anything else. */
const SLICE_MS = 8;

/** A branch, as a page has it. */
export interface WrittenBranch {
  readonly name: string;
  readonly prompt: string;
  readonly seed: number;
  /** The numbers of its tokens, after those of the prompt. */
  readonly tokens: readonly number[];
  /** The branch that it left, and how many tokens they share. */
  readonly from: string | null;
  readonly shared: number;
}

/** All branches, as a page has them: `Beginning` in `thermoscope/explorer/page.py` writes the first one. */
export interface WrittenTexts {
  readonly branches: readonly WrittenBranch[];
  readonly branch: string;
  /** How many tokens are drawn before the page is shown. */
  readonly draw: number;
}

/** A text. An action changes none: it makes another. */
interface Text {
  readonly prompt: string;
  /** The tokens of the prompt. */
  readonly start: readonly number[];
  readonly seed: number;
  /** By what a token of it was drawn last. */
  readonly sampling: Sampling;
  /** The last one is the next token's. */
  readonly positions: readonly Position[];
  readonly origin: string | null;
  readonly shared: number;
}

interface Texts {
  readonly branches: ReadonlyMap<string, Text>;
  readonly current: string;
  /** What `restore` brings back. */
  readonly before?: Texts;
}

/** What has come of an action. */
interface Done {
  readonly texts: Texts;
  readonly told?: readonly WritingMessage[];
  /** Besides the status. */
  readonly found?: Partial<FoundByAction>;
}

/** The cancelled action ends with it. */
const CANCELLED = Symbol();

export class ModelTexts {
  readonly labels: readonly string[];
  readonly #session: Session;
  #texts!: Texts;
  /** The first position that each change touched: one for each version. */
  readonly #changes: number[] = [];
  #told: readonly WritingMessage[] = [];
  #isBusy = false;
  #isCancelled = false;

  private constructor(private readonly model: LanguageModel) {
    this.labels = model.tokenizer.bytes.map(textOf);
    this.#session = model.session();
  }

  /** Opens the texts of a page, and draws as many tokens as it says. */
  static async open(
    model: LanguageModel,
    { branches, branch, draw: most }: WrittenTexts,
    sampling: Sampling,
  ): Promise<ModelTexts> {
    const opened = new ModelTexts(model);
    const found = new Map<string, Text>();
    for (const { name, prompt, seed, tokens, from, shared } of branches) {
      const made = { ...(await opened.#begin(prompt, seed, sampling)), origin: from, shared };
      found.set(name, await opened.#follow(made, tokens));
    }
    opened.#texts = { branches: found, current: branch };
    for (let k = 0; k < most; k++) opened.#texts = (await opened.#step(sampling)).texts;
    return opened;
  }

  /** The rows of the page, which are the positions of the current branch. */
  rows(): Rows {
    const { vocabulary } = this.model.sizes;
    return {
      count: this.#text.positions.length,
      orders: ["given"],
      sequence: { temperature: 1, vocabulary, passages: [[0, "answer", ""]] },
      writing: this.status(),
      inPage: { kept: () => this.written(), goOn: (sampling) => this.#goOn(this.#text, sampling) },
      ask: async (query) => {
        if ("write" in query) return this.act(query.write);
        if ("sequence" in query) {
          return chunkOf(this.#text.positions, query.sequence, this.model.tokenizer);
        }
        if ("place" in query) return this.#asked(query, query.place);
        return "row" in query
          ? this.#asked(query, query.row)
          : { done: this.#text.positions.length };
      },
    };
  }

  /** What the page shows first: the last position. */
  shown(): Pick<WrittenRow, "version" | "logits" | "labels" | "source" | "row"> {
    const { version, logits, labels, source, row } = this.#row(this.#text.positions.length - 1);
    return { version, logits, labels: labels!, source, row };
  }

  #row(place: number): WrittenRow {
    const { logits } = this.#text.positions[this.#place(place)]!;
    const { labels, model } = this;
    const items = { logits, labels, source: model.title, row: place };
    const none = { target: null, seed: null, tail: null, temperature: 1, truncation: {} };
    return { ...writeState({ ...items, ...none, scale: "full" }), row: place, place };
  }

  /** A row; labels that all rows have in common are left out unless they are asked for. */
  #asked({ labels: wanted }: { readonly labels?: "all" }, place: number): WrittenRow {
    const { labels, ...row } = this.#row(place);
    return { ...row, ...(wanted && { labels: labels! }) };
  }

  /** All branches for a file, of which none is lost. */
  written(): WrittenTexts {
    const branches = [...this.#texts.branches].map(([name, text]) => ({
      name,
      prompt: text.prompt,
      seed: text.seed,
      tokens: tokensOf(text),
      from: text.origin,
      shared: this.#shared(text),
    }));
    return { branches, branch: this.#texts.current, draw: 0 };
  }

  get #text(): Text {
    return this.#texts.branches.get(this.#texts.current)!;
  }

  /** @param version - the one that the page knows; the default is the present one */
  status(version = this.#changes.length): WritingStatus {
    const { branches, current, before } = this.#texts;
    const { positions, prompt, seed } = this.#text;
    const { context, vocabulary } = this.model.sizes;
    return {
      version: this.#changes.length,
      changed: Math.min(positions.length, ...this.#changes.slice(version)),
      count: positions.length,
      branch: current,
      branches: [...branches].map(([name, text]) => this.#branch(name, text)),
      prompt,
      prefix: prompt,
      about: [
        ["inPage", this.model.title],
        ["sees", vocabulary, context],
      ],
      notes: [],
      seed,
      ended: false,
      canRestore: before !== undefined,
      busy: false,
      told: this.#told,
      error: null,
    };
  }

  #branch(name: string, text: Text): Branch {
    const tokens = tokensOf(text);
    // The end of a long text is that of its last tokens.
    const end = textOfTokens(tokens.slice(-END), this.model.tokenizer);
    return {
      name,
      length: tokens.length,
      from: text.origin,
      shared: this.#shared(text),
      text: end.slice(-END),
    };
  }

  /** How many tokens a branch still has in common with the one that it left. */
  #shared({ origin, positions, shared }: Text): number {
    const left = origin === null ? undefined : this.#texts.branches.get(origin);
    const isSame = (one: Position, other?: Position) => one.drawn === other?.drawn;
    return left === undefined ? 0 : common(positions.slice(0, shared), left.positions, isSame);
  }

  /** Does something to the text, one thing at a time; rejects with why it did not work. */
  async act(action: Action & { readonly version?: number }): Promise<WritingStatus> {
    const { version } = action;
    if (action.do === "cancel") this.#isCancelled = true;
    if (action.do === "status" || action.do === "cancel") return this.status(version);
    if (this.#isBusy) throw new Error(texts.busy());
    this.#isBusy = true;
    this.#isCancelled = false;
    try {
      // Tokens that are played one after the other would keep the page from being painted.
      await breathe();
      const before = this.#text.positions;
      const done = await this.#do(action);
      this.#told = done.told ?? [];
      if (done.texts !== this.#texts) {
        this.#texts = done.texts;
        this.#changes.push(common(before, this.#text.positions));
      }
      return { ...this.status(version), ...done.found };
    } catch (error) {
      if (error !== CANCELLED) throw error;
      this.#told = [["cancelled"]];
      return { ...this.status(version), cancelled: true } as WritingStatus;
    } finally {
      this.#isBusy = false;
    }
  }

  #do(action: Exclude<Action, { do: "status" | "cancel" }>): Done | Promise<Done> {
    switch (action.do) {
      case "step":
        return this.#step(action);
      case "take":
        return this.#take(this.#place(action.position), action.item);
      case "cut":
        return this.#cut(this.#place(action.position));
      case "restore":
        if (this.#texts.before === undefined) throw new Error(texts.nothingToRestore());
        return { texts: this.#texts.before, told: [["restored"]] };
      case "branch":
        return this.#branchAt(this.#place(action.position));
      case "select":
        return {
          texts: { ...this.#without(), current: action.name },
          told: [["branch", action.name]],
        };
      case "rename":
        return this.#rename(action.name, action.to);
      case "delete":
        return this.#delete(action.name);
      case "start":
        return this.#start(action.prompt, action.tokens);
      case "edit":
        return this.#edit(action.text);
      case "reseed": {
        const seed = action.seed ?? freshSeed();
        return {
          texts: this.#having(this.#texts.current, { ...this.#text, seed }),
          told: [["seed", seed]],
        };
      }
      case "compare":
        return this.#compare(action.with, action);
      case "settings":
        return this.#settings(action.a, action.b);
      case "save":
        return this.#save();
      default:
        throw new Error(texts.noAction(action.do));
    }
  }

  #place(position: number): number {
    const last = this.#text.positions.length - 1;
    if (position < 0 || position > last) throw new Error(texts.position(last, position));
    return position;
  }

  /** All branches, from which `restore` no longer goes back. */
  #without(): Texts {
    const { branches, current } = this.#texts;
    return { branches, current };
  }

  /** The same with a branch, which is then the current one. */
  #having(name: string, text: Text): Texts {
    return { branches: new Map([...this.#texts.branches, [name, text]]), current: name };
  }

  /** The same, from which `restore` goes back. */
  #after(made: Texts): Texts {
    return { ...made, before: this.#without() };
  }

  /** The next name, a number. */
  #unused(): string {
    let number = this.#texts.branches.size + 1;
    while (this.#texts.branches.has(String(number))) number++;
    return String(number);
  }

  async #step({ temperature, truncation }: Sampling): Promise<Done> {
    const sampling = { temperature, truncation };
    const { positions, seed } = this.#text;
    const token = drawn(positions.at(-1)!.logits, positions.length, seed, sampling);
    const text = await this.#follow({ ...this.#text, sampling }, [token]);
    return { texts: this.#having(this.#texts.current, text) };
  }

  async #take(position: number, item: number): Promise<Done> {
    const text = await this.#follow(cutAt(this.#text, position), [item]);
    const { current } = this.#texts;
    if (position === this.#text.positions.length - 1) return { texts: this.#having(current, text) };
    const name = this.#unused();
    const made = this.#having(name, { ...text, origin: current, shared: position });
    return { texts: made, told: [["taken", name, this.labels[item]!, current]] };
  }

  #cut(position: number): Done {
    const gone = this.#text.positions.length - 1 - position;
    if (gone === 0) throw new Error(texts.nothingToCut());
    const made = this.#having(this.#texts.current, cutAt(this.#text, position));
    return { texts: this.#after(made), told: [["cut", gone]] };
  }

  #branchAt(position: number): Done {
    const name = this.#unused();
    const origin = this.#texts.current;
    const made = { ...cutAt(this.#text, position), origin, shared: position };
    return { texts: this.#having(name, made), told: [["branched", name, position, origin]] };
  }

  #rename(name: string, typed: string): Done {
    if (typed === name) return { texts: this.#texts };
    const to = typed.trim();
    if (to.length === 0 || to.length > LONGEST_NAME) throw new Error(texts.name(LONGEST_NAME));
    if (this.#texts.branches.has(to)) throw new Error(texts.known(to));
    const renamed = (each: string) => (each === name ? to : each);
    const branches = [...this.#texts.branches].map(([each, text]): [string, Text] => [
      renamed(each),
      { ...text, origin: text.origin && renamed(text.origin) },
    ]);
    const current = renamed(this.#texts.current);
    return { texts: { branches: new Map(branches), current }, told: [["renamed", name, to]] };
  }

  #delete(name: string): Done {
    const gone = this.#texts.branches.get(name);
    const others = [...this.#texts.branches].filter(([each]) => each !== name);
    if (others.length === 0) throw new Error(texts.only());
    const branches = new Map(
      others.map(([each, text]) => [
        each,
        text.origin === name ? { ...text, origin: null, shared: 0 } : text,
      ]),
    );
    let { current } = this.#texts;
    if (current === name) {
      current = branches.has(gone?.origin ?? "") ? gone!.origin! : others[0]![0];
    }
    return { texts: this.#after({ branches, current }), told: [["deleted", name]] };
  }

  async #start(prompt: string, tokens: readonly number[] = []): Promise<Done> {
    const name = this.#unused();
    const { seed, sampling } = this.#text;
    const text = await this.#follow(await this.#begin(prompt, seed, sampling), tokens);
    const told: WritingMessage =
      tokens.length === 0 ? ["started", name] : ["kept", name, tokens.length];
    return { texts: this.#having(name, text), told: [told] };
  }

  async #edit(text: string): Promise<Done> {
    const { prompt, start } = this.#text;
    const wanted = this.model.tokenizer.encode(prompt + text);
    if (common(start, wanted) < start.length) throw new Error(texts.joins());
    const tokens = wanted.slice(start.length);
    const same = common(tokensOf(this.#text), tokens);
    const made = await this.#follow(cutAt(this.#text, same), tokens.slice(same));
    const edited = this.#after(this.#having(this.#texts.current, made));
    return { texts: edited, told: [["edited", tokens.length]] };
  }

  async #compare(name: string, sampling: Sampling): Promise<Done> {
    const text = this.#text;
    const other = this.#texts.branches.get(name)!;
    if (text.prompt !== other.prompt) throw new Error(texts.otherPrompt());
    const sides = [
      { ...text, name: this.#texts.current },
      { ...other, name },
    ] as const;
    const shared = common(tokensOf(text), tokensOf(other));
    const work = branchesApart(sides, shared, sampling, this.model.tokenizer);
    return { texts: this.#texts, found: { comparison: await this.#inSlices(work) } };
  }

  async #settings(a: Sampling, b: Sampling): Promise<Done> {
    const work = settingsApart(this.#text.positions, a, b);
    return { texts: this.#texts, found: { settings: await this.#inSlices(work) } };
  }

  async #save(): Promise<Done> {
    const { branches, current } = this.#texts;
    const all = [...branches].map(([name, text]) => ({
      ...text,
      name,
      from: text.origin,
      shared: this.#shared(text),
    }));
    const saved = await this.#inSlices(savedText(this.model, all, current));
    if (saved === null) throw new Error(texts.noText());
    const { json, of } = saved;
    const told: WritingMessage[] =
      of === current ? [["allBranches"]] : [["allBranches"], ["textOf", current, of]];
    return { texts: this.#texts, told, found: { json, name: "text.json" } };
  }

  /** Does some work that yields often: between two slices of it the page does what waits. */
  async #inSlices<Found>(work: Generator<void, Found>): Promise<Found> {
    const pace = new Pace();
    for (;;) {
      const { done, value } = work.next();
      if (done) return value;
      if (pace.isOver()) await pace.rest();
      if (this.#isCancelled) throw CANCELLED;
    }
  }

  /** A text that has only a prompt. */
  async #begin(prompt: string, seed: number, sampling: Sampling): Promise<Text> {
    const start = this.model.tokenizer.encode(prompt);
    if (start.length === 0) throw new Error(texts.empty());
    const logits = await logitsAfter(this.#session, start, new Pace());
    const positions = [{ logits, drawn: -1 }];
    return { prompt, start, seed, sampling, positions, origin: null, shared: 0 };
  }

  /** A text with more tokens. */
  async #follow(text: Text, tokens: readonly number[]): Promise<Text> {
    const positions = [...text.positions];
    const all = [...text.start, ...tokensOf(text)];
    const pace = new Pace();
    for (const token of tokens) {
      const { logits } = positions.pop()!;
      positions.push({ logits, drawn: token });
      all.push(token);
      positions.push({ logits: await logitsAfter(this.#session, all, pace), drawn: -1 });
      if (this.#isCancelled) throw CANCELLED;
    }
    return { ...text, positions };
  }

  /** What a seed writes after a prompt: no branch until it is kept. */
  async *#goOn({ prompt, start, seed }: Text, sampling: Sampling): AsyncGenerator<Continuation> {
    const session = this.model.session();
    const pace = new Pace();
    for (let tokens: readonly number[] = []; ; ) {
      const logits = await logitsAfter(session, [...start, ...tokens], pace);
      tokens = [...tokens, drawn(logits, tokens.length + 1, seed, sampling)];
      const bytes = tokens.flatMap((token) => [...this.model.tokenizer.bytes[token]!]);
      yield { prompt, tokens, text: textOf(Uint8Array.from(bytes)) };
    }
  }
}

/** Lets the page do what waits, once some work has kept it from that for long enough. */
class Pace {
  #end = performance.now() + SLICE_MS;
  readonly isOver = () => performance.now() > this.#end;

  async rest(): Promise<void> {
    await breathe();
    this.#end = performance.now() + SLICE_MS;
  }
}

/** The logits after some tokens. What the session has of them is not evaluated again. */
async function logitsAfter(
  session: Session,
  tokens: readonly number[],
  pace: Pace,
): Promise<Float64Array> {
  const same = common(session.tokens, tokens);
  session.cut(same);
  session.add(tokens.slice(same));
  while (!session.prepare(pace.isOver)) await pace.rest();
  if (pace.isOver()) await pace.rest();
  return session.logits();
}

/** Lets the page do what waits: paint, and hear keys. */
function breathe(): Promise<void> {
  return new Promise((over) => setTimeout(over));
}

/** Draws a token of a text: that at place k is the k-th that its seed draws. */
function drawn(
  logits: Float64Array,
  place: number,
  seed: number,
  { temperature, truncation }: Sampling,
): number {
  const [t, settings] = [readTemperature(temperature), readTruncation(truncation)];
  const kept = new Truncation(new Distribution(logits)).at(t, settings);
  return draw(kept.probabilities(), place, seed)!.items.at(-1)!;
}

function tokensOf({ positions }: Text): number[] {
  return positions.slice(0, -1).map((position) => position.drawn);
}

/** A text cut back to its first tokens; what is known of the place after them stays. */
function cutAt(text: Text, length: number): Text {
  if (length === text.positions.length - 1) return text;
  const { logits } = text.positions[length]!;
  return { ...text, positions: [...text.positions.slice(0, length), { logits, drawn: -1 }] };
}

/** How many items two lists have in common at their beginning. */
function common<Item>(
  one: readonly Item[],
  other: readonly Item[],
  isSame = (a: Item, b?: Item) => a === b,
): number {
  let size = 0;
  while (size < one.length && size < other.length && isSame(one[size]!, other[size])) size++;
  return size;
}
