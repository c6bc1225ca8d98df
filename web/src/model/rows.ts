/**
 * The protocol by which the page asks for rows: `RowSource.answer` in
 * `thermoscope/explorer/browse.py` is the other end, and `tests/vectors/rows.json` holds both to it.
 */
import type { Settings } from "../math/engines";
import type { Rows as RowsTexts } from "../text/en/rows";
import type { Writing as WritingTexts } from "../text/en/writing";
import type { Message } from "../text/messages";
import type { WrittenState } from "./state";

/**
 * "uncertain": the highest entropy at T = 1 first; "wrong": mistakes first, the surest at the top;
 * "bin:7:0.5": of all rows those whose confidence at T = 0.5 is in bin 7, as they are given.
 */
export type Order = Sorted | `bin:${number}:${string}`;
type Sorted = "given" | "uncertain" | "wrong";

/** What a passage of the text is: the prompt, or what a model made of it. */
export type Kind = "prompt" | "reasoning" | "answer" | "refusal";

/** What is known of a text before its chunks are there. */
export interface AboutSequence {
  /** The temperature that the server applied. */
  readonly temperature: number;
  /** How many tokens its model has; null if that is not known. */
  readonly vocabulary: number | null;
  /** Where each passage starts, what it is, and what it goes on from, unless that is positions or unknown. */
  readonly passages: readonly (readonly [start: number, kind: Kind, prompt: string])[];
  /** Whether the server says that it reports what its own sampler has left. */
  readonly processed?: boolean;
}

/** Some positions that follow one another, as Python writes them. */
export interface WrittenChunk {
  readonly start: number;
  /** How many log-probabilities are written for each position. */
  readonly width: number;
  /** How many of these it has: 0 if the server's answer can't be read there. */
  readonly sizes: readonly number[];
  /** Which entry of its row was drawn; -1 if that is not known. */
  readonly drawn: readonly number[];
  /** Which of the log-probabilities that is. */
  readonly places: readonly number[];
  /** The texts of the drawn tokens; tokens that only together are a character have its text. */
  readonly texts: readonly string[];
  /** Which part of its text each token is, from 0. */
  readonly parts: readonly number[];
  readonly logprobs: string;
  /** The logarithm of the probability of all other tokens. */
  readonly rest: string;
  /** How far a log-probability of the position may be from the true one. */
  readonly deltas: string;
}

/** What is known about the rows before the first request. */
export interface About {
  readonly count: number;
  readonly orders: readonly Sorted[];
  /** There if the rows are positions of a text. */
  readonly sequence?: AboutSequence;
  /** There if the text can be written on with a model. */
  readonly writing?: WritingStatus;
  /** Whether there are targets, and so a reliability. */
  readonly reliability?: boolean;
}

/** A row, by its place in an order that is complete, or by its number. */
export type Wanted =
  | { readonly order: Order; readonly place: number }
  | { readonly order: Order; readonly row: number };

/**
 * A request for a row, for the progress of an order, or for the reliability at all stops of the sliders
 * or at a temperature. With `labels`, the answer has the labels that all rows have in common.
 */
export type Query =
  | (Wanted & { readonly labels?: "all" })
  | { readonly order: Order }
  /** A chunk of the text from a position on, or all of its rows. */
  | { readonly sequence: number }
  | { readonly rows: number }
  | { readonly reliability: string }
  | { readonly write: Action & { readonly version?: number } };

/** What a token is drawn by. */
export interface Sampling {
  readonly temperature: number | "inf";
  readonly truncation: Settings;
}

/** What is done to a text that is written with a model. */
export type Action =
  /** With the number of an action: what has come of it, which is told once. */
  | { readonly do: "status"; readonly action?: number }
  | { readonly do: "restore" | "cancel" | "save" }
  | ({ readonly do: "step" } & Sampling)
  | { readonly do: "take"; readonly position: number; readonly item: number }
  | { readonly do: "cut" | "branch"; readonly position: number }
  | { readonly do: "select" | "delete"; readonly name: string }
  | { readonly do: "rename"; readonly name: string; readonly to: string }
  /** With the tokens after the prompt, where the page has them. */
  | { readonly do: "start"; readonly prompt: string; readonly tokens?: readonly number[] }
  | { readonly do: "edit"; readonly text: string }
  | { readonly do: "reseed"; readonly seed: number | null }
  | ({ readonly do: "compare"; readonly with: string } & Sampling)
  | { readonly do: "settings"; readonly a: Sampling; readonly b: Sampling }
  | ({ readonly do: "page"; readonly scale: string } & Sampling);

export interface Branch {
  readonly name: string;
  /** How many tokens it has. */
  readonly length: number;
  /** The branch that it left, and how many tokens they share. */
  readonly from: string | null;
  readonly shared: number;
  /** The end of its text. */
  readonly text: string;
}

/** What is told of a text. */
export type WritingMessage = Message<WritingTexts["messages"]>;

/** A text that is written with a model, as `Writing.status` in `thermoscope/explorer/writing.py` writes it. */
export interface WritingStatus {
  /** One more with each change of the text, the branches or the prompt. */
  readonly version: number;
  /** The first position that is another one than in the version that the page knows; `count` if none is. */
  readonly changed: number;
  /** Positions of the current branch; the last one is the distribution of the next token. */
  readonly count: number;
  /** The name of the current branch. */
  readonly branch: string;
  readonly branches: readonly Branch[];
  /** Null for a chat, and for numbers of tokens. */
  readonly prompt: string | null;
  /** How the prompt is shown above the text. */
  readonly prefix: string;
  /** What the model and its server are, and what is not safe. */
  readonly about: readonly WritingMessage[];
  readonly notes: readonly WritingMessage[];
  readonly seed: number;
  /** Whether the last token ends the text. */
  readonly ended: boolean;
  readonly canRestore: boolean;
  /** Whether an action is under way: the page asks again. */
  readonly busy: boolean;
  /** What the last action did, in sentences. */
  readonly told: readonly WritingMessage[];
  /** Why it did not work; the text is kept. */
  readonly error: WritingMessage | null;
}

/** What a view hears of the others of its text: it asks for the rest if this is not what it knows. */
export type News = Pick<WritingStatus, "version" | "busy">;

/** Two branches from the token where they part. */
export interface ComparedBranches {
  /** How many tokens they share. */
  readonly shared: number;
  readonly branches: readonly {
    readonly name: string;
    readonly length: number;
    /** Nats per token after the parting, at T = 1. */
    readonly surprisal: number | null;
    /** The log-probability of these tokens under the settings; null if it is not known. */
    readonly sampled: number | "-inf" | null;
    readonly text: string;
  }[];
  /** The probabilities of the tokens by which they part; null where a branch has none. */
  readonly next: readonly (number | null)[];
}

/** Two settings on one text: total variations, between what they lie. */
export interface ComparedSettings {
  readonly positions: number;
  readonly tv: readonly [low: number, high: number];
  readonly worst: { readonly position: number; readonly tv: readonly [low: number, high: number] };
}

/** What an action finds, besides the status. */
export interface FoundByAction {
  /** The number of the action that is under way. */
  readonly action: number;
  /** The version that it has left; a later one is that of another view. */
  readonly made: number;
  /** There if it was dropped: the text is as it was. */
  readonly cancelled: boolean;
  readonly comparison: ComparedBranches;
  readonly settings: ComparedSettings;
  /** A text, from Python; of a page that has the model it may be longer than a string can be. */
  readonly json: BlobPart;
  readonly html: string;
  /** The name of a file. */
  readonly name: string;
}

/** How many rows have been read for an order: all of them once it is complete. */
export interface Progress {
  readonly done: number;
  /** How many rows a complete order has, if not all. */
  readonly size?: number;
}

/** Reliability at some temperatures, in ascending order; arrays are in base64. */
export interface WrittenReliability {
  /** How many rows count. */
  readonly n: number;
  readonly temperatures: string;
  /**
   * For each temperature NLL, ECE, and of the ECE that right probabilities would show the mean and the
   * 95 % value; then of all bins the rows, the confidences, the accuracies, and the lower and upper ends
   * of where the accuracy would be.
   */
  readonly values: string;
  /** The fitted temperature and its interval. */
  readonly fit?: string;
  /** Why there is no fit, or what it lacks. */
  readonly reason?: Message<RowsTexts["reliability"]["reasons"]>;
}

/** The answer to a request for the reliability. */
export type Found = Progress | { readonly found: WrittenReliability };

/** Waits until it is time to ask for the progress again. */
export function later(milliseconds = 200): Promise<void> {
  return new Promise((over) => setTimeout(over, milliseconds));
}

/** A row in its written form; labels that all rows have in common are left out. */
export type WrittenRow = Omit<WrittenState, "labels"> & {
  readonly labels?: WrittenState["labels"];
  readonly row: number;
  readonly place: number;
};

/** Rows that are fetched one at a time. */
export interface Rows extends About {
  /** Resolves to a `WrittenRow`, a `Progress`, a `WrittenChunk` or a `WritingStatus`, or rejects with an error whose message is for the user. */
  ask(query: Query): Promise<unknown>;
  /** Tells what other views do to a text that is written; returns what ends that before the page does. */
  readonly subscribe?: (listener: (news: News) => void) => (() => void) | undefined;
  /** There if the page itself has the model that writes the text. */
  readonly inPage?: InPage;
}

/** What only a page can do that has the model in itself. */
export interface InPage {
  /** What a file of the page has in place of the rows. */
  kept(): unknown;
  /** Goes on with the prompt of the current text, by a temperature of its own, without an end. */
  goOn(sampling: Sampling): AsyncGenerator<Continuation>;
}

/** What a model has written so far. */
export interface Continuation {
  readonly prompt: string;
  readonly tokens: readonly number[];
  readonly text: string;
}
