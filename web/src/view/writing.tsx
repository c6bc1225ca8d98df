import { effect, type ReadonlySignal, type Signal, useComputed, useSignal } from "@preact/signals";
import type { ComponentChildren, TargetedEvent } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { ComparedBranches, WritingStatus } from "../model/rows";
import { stepsText } from "../model/steps";
import type { Answer, Setting, SettingsApart, Writing } from "../model/writing";
import { brief, clip, count, measure, parseWhole, percent, pieces, spoken } from "../text/format";
import { say, sayAll } from "../text/messages";
import { strings, writingStrings } from "../text/strings";
import { partOf } from "./compare";
import { isFramed, save } from "./deliver";
import { useKeys } from "./keys";
import type { Part } from "./part";

const texts = writingStrings;

/** How many tokens are played at first, and at most. */
const PLAYED = 20;
const MOST = 10_000;
/** An action that takes less time is not told of while it is under way. */
const PATIENCE_MS = 200;
/** How much of a label, and of the text of a branch, stands in a control. */
const LABEL = 20;
const ENDING = 24;

export interface WritingProps {
  readonly writing: Writing;
}

/** What goes on with the text: the next token, another one, and back. */
export function WritingSteps({ instrument, writing }: Part & WritingProps) {
  const part = useRef<HTMLDivElement>(null);
  const { status, isBusy, left, error } = writing;
  const waits = useWaits(isBusy);
  const isOff = useOff(writing, waits);
  const row = useComputed(() => instrument.items.value.row);
  const plays = useComputed(() => left.value > 0);
  const cannotStep = useComputed(() => isOff.value || status.value.ended);
  const cannotTake = useComputed(() => isOff.value || row.value === null);
  const cannotCut = useComputed(() => isOff.value || !writing.isWritten(row.value));
  const cannotRestore = useComputed(() => isOff.value || !status.value.canRestore);
  const cannotCancel = useComputed(() => !isOff.value);
  const tokens = useSignal(String(PLAYED));
  const refused = useSignal("");

  const play = () => {
    const number = tokensOf(tokens.peek(), MOST, refused);
    if (number !== null) void writing.play(number);
  };
  const actions = {
    step: () => void writing.step(),
    play: () => (plays.peek() ? writing.pause() : play()),
    take: () =>
      void writing.actHere((position) => ({
        do: "take",
        position,
        item: instrument.itemAt(instrument.selected.peek()),
      })),
    cut: () => void writing.actHere((position) => ({ do: "cut", position })),
    restore: () => void writing.act({ do: "restore" }),
  };
  const cannotPlay = useComputed(() => !plays.value && cannotStep.value);
  const unless = (off: ReadonlySignal<boolean>, action: () => void) => () => {
    if (!off.peek()) action();
  };
  useKeys(part, {
    s: unless(cannotStep, actions.step),
    p: unless(cannotPlay, actions.play),
    t: unless(cannotTake, actions.take),
    x: unless(isOff, actions.cut),
    r: unless(cannotRestore, actions.restore),
  });

  const taken = useComputed(() => {
    const label = instrument.label(instrument.itemAt(instrument.selected.value));
    // Not `spoken`: here a space belongs to its token.
    const shown = pieces(clip(label, LABEL)).map(({ text }) => text);
    return texts.take(shown.join("") || strings.label.empty);
  });
  const told = useComputed((): string => {
    if (plays.value) return texts.playing(count(left.value));
    if (waits.value) return texts.asking;
    return status.value.ended ? texts.ended : sayAll(texts.messages, status.value.told);
  });
  return (
    <div class="writing" role="group" aria-label={texts.name} ref={part}>
      <div class="buttons">
        <Do name={texts.step} key="s" letter="s" off={cannotStep} does={actions.step} />
        <Do
          name={plays.value ? texts.pause : texts.play}
          letter="p"
          off={cannotPlay}
          does={actions.play}
        />
        <Few value={tokens} refused={refused}>
          {texts.tokens}
        </Few>
        <Do name={taken} letter="t" off={cannotTake} does={actions.take} />
        <Do name={texts.cut} letter="x" off={cannotCut} does={actions.cut} />
        <Do name={texts.restore} letter="r" off={cannotRestore} does={actions.restore} />
        <Do name={texts.cancel} off={cannotCancel} does={() => void writing.cancel()} />
      </div>
      <p class="error" role="alert">
        {useComputed(() => refused.value || error.value)}
      </p>
      <p class="now-told note">{told}</p>
    </div>
  );
}

/** How many tokens were typed; null where that is refused, and then why. */
export function tokensOf(typed: string, most: number, refused: Signal<string>): number | null {
  const number = parseWhole(typed);
  const isRight = number !== null && number >= 1 && number <= most;
  refused.value = isRight ? "" : texts.tokensRefused(count(most), clip(typed.trim(), LABEL));
  return isRight ? number : null;
}

interface FewProps {
  readonly value: Signal<string>;
  /** Why what was typed is refused. */
  readonly refused: ReadonlySignal<string>;
  readonly inputMode?: "numeric" | "decimal";
  /** What stands before the field. */
  readonly name?: string;
  /** What stands behind it. */
  readonly children?: ComponentChildren;
}

/** A field for a number of a few digits, which is read when a button is pressed. */
export function Few({ value, refused, inputMode = "numeric", name, children }: FewProps) {
  return (
    <label class="field">
      {name}
      <input
        type="text"
        class="few"
        inputMode={inputMode}
        autocomplete="off"
        spellcheck={false}
        value={value}
        aria-invalid={refused.value === "" ? "false" : "true"}
        aria-description={refused}
        onInput={(event) => (value.value = event.currentTarget.value)}
      />
      {children}
    </label>
  );
}

/** The branches of the text, other texts and prompts, comparisons and files. */
export function WritingTools({
  instrument,
  writing,
  children,
}: Part & WritingProps & { readonly children?: ComponentChildren }) {
  const isOff = useOff(writing, useWaits(writing.isBusy));
  return (
    <div class="writing" role="group" aria-label={texts.tools}>
      <Branches instrument={instrument} writing={writing} isOff={isOff} />
      <Edit instrument={instrument} writing={writing} isOff={isOff} />
      {children}
      <Compare instrument={instrument} writing={writing} isOff={isOff} />
      <Ways instrument={instrument} writing={writing} isOff={isOff} />
    </div>
  );
}

/** While the model is asked, and while tokens are played, nothing else is done. */
export function useOff(writing: Writing, waits: ReadonlySignal<boolean>): ReadonlySignal<boolean> {
  return useComputed(() => waits.value || writing.left.value > 0);
}

/** Whether an action has been under way for so long that it is told. */
export function useWaits(isBusy: ReadonlySignal<boolean>): ReadonlySignal<boolean> {
  const waits = useSignal(false);
  useEffect(
    () =>
      effect(() => {
        if (!isBusy.value) {
          waits.value = false;
          return;
        }
        const timer = setTimeout(() => (waits.value = true), PATIENCE_MS);
        return () => clearTimeout(timer);
      }),
    [isBusy, waits],
  );
  return waits;
}

interface DoProps {
  readonly name: string | ReadonlySignal<string>;
  /** The key that does the same. */
  readonly letter?: string;
  readonly off?: ReadonlySignal<boolean>;
  does(): void;
}

/** A button that keeps the focus while it can't be used. */
export function Do({ name, letter, off, does }: DoProps) {
  const text = typeof name === "string" ? name : name.value;
  return (
    <button
      type="button"
      aria-disabled={off?.value === true ? "true" : undefined}
      aria-keyshortcuts={letter}
      title={letter === undefined ? undefined : strings.withKey(text, letter)}
      onClick={() => {
        if (off?.peek() !== true) does();
      }}
    >
      {text}
    </button>
  );
}

interface OffProps extends WritingProps {
  readonly isOff: ReadonlySignal<boolean>;
}

/** The branches of the text, and the seed that they draw by. */
function Branches({ instrument, writing, isOff }: Part & OffProps) {
  const { status } = writing;
  const part = useRef<HTMLDivElement>(null);
  const cannotBranch = useComputed(() => isOff.value || instrument.items.value.row === null);
  const branchHere = () => {
    if (cannotBranch.peek()) return;
    void writing.actHere((position) => ({ do: "branch", position }));
  };
  useKeys(part, { b: branchHere });
  const { branch, branches, seed } = status.value;
  const isOnly = useComputed(() => isOff.value || status.value.branches.length === 1);
  const error = useSignal("");

  function select(event: TargetedEvent<HTMLSelectElement>): void {
    const { currentTarget } = event;
    const back = () => (currentTarget.value = status.peek().branch);
    if (isOff.peek()) back();
    else {
      void writing
        .act({ do: "select", name: currentTarget.value })
        .then((found) => found === null && back());
    }
  }

  function reseed(typed: string): Promise<unknown> | undefined {
    const seed = parseWhole(typed);
    const most = count(Number.MAX_SAFE_INTEGER);
    error.value = seed !== null ? "" : strings.draws.seedRefused(most, clip(typed.trim(), LABEL));
    return seed === null ? undefined : writing.act({ do: "reseed", seed });
  }

  return (
    <>
      <div class="buttons" ref={part}>
        <label class="field">
          {texts.branch}
          <select value={branch} aria-disabled={isOff.value ? "true" : undefined} onChange={select}>
            <BranchOptions branches={branches} />
          </select>
        </label>
        <Typed
          name={texts.branchName}
          of={branch}
          value={branch}
          does={(to) => writing.act({ do: "rename", name: branch, to })}
        />
        <Do name={texts.branchHere} letter="b" off={cannotBranch} does={branchHere} />
        <Do
          name={texts.deleteBranch}
          off={isOnly}
          does={() => void writing.act({ do: "delete", name: branch })}
        />
        <Typed
          name={strings.draws.seed}
          of={branch}
          value={String(seed)}
          error={error}
          does={reseed}
        />
        <Do
          name={texts.newSeed}
          off={isOff}
          does={() => {
            error.value = "";
            void writing.act({ do: "reseed", seed: null });
          }}
        />
      </div>
      <p class="error" role="alert">
        {error}
      </p>
    </>
  );
}

interface TypedProps {
  readonly name: string;
  /** The branch that it is about. */
  readonly of: string;
  readonly value: string;
  /** Why what was typed is refused; a field without it takes any text. */
  readonly error?: Signal<string>;
  /** Takes what was typed; undefined if that is refused. */
  does(typed: string): Promise<unknown> | undefined;
}

/**
 * A field about a branch. What is typed in it stays while the text goes on, as by another view; where another
 * branch is shown, it was not meant for that one.
 */
function Typed({ name, of, value, error, does }: TypedProps) {
  const typed = useSignal<{ readonly of: string; readonly text: string } | null>(null);
  const isWrong = error !== undefined && error.value !== "";
  return (
    <label class="field">
      {name}
      <input
        type="text"
        inputMode={error === undefined ? "text" : "numeric"}
        autocomplete="off"
        spellcheck={false}
        value={typed.value?.of === of ? typed.value.text : value}
        aria-invalid={isWrong ? "true" : "false"}
        aria-description={error}
        onInput={(event) => (typed.value = { of, text: event.currentTarget.value })}
        onChange={(event) => {
          void does(event.currentTarget.value)?.then(() => (typed.value = null));
        }}
        onKeyDown={(event) => {
          if (event.key !== "Escape") return;
          typed.value = null;
          if (error !== undefined) error.value = "";
        }}
      />
    </label>
  );
}

function BranchOptions({ branches }: Pick<WritingStatus, "branches">) {
  return (
    <>
      {branches.map(({ name, length, text }) => (
        <option key={name} value={name}>
          {texts.branchOf(name, count(length), ending(text))}
        </option>
      ))}
    </>
  );
}

/** The end of a text, in a line. */
export function ending(text: string): string {
  const shown = pieces(text.slice(-ENDING)).map(({ text: piece }) => piece);
  return `${text.length > ENDING ? "…" : ""}${shown.join("")}`;
}

/** Another prompt, and another text. */
function Edit({ instrument, writing, isOff }: Part & OffProps) {
  const isOpen = useSignal(false);
  return (
    <details onToggle={(event) => (isOpen.value = event.currentTarget.open)}>
      <summary>{texts.edit}</summary>
      {isOpen.value && <Fields instrument={instrument} writing={writing} isOff={isOff} />}
    </details>
  );
}

function Fields({ instrument, writing, isOff }: Part & OffProps) {
  const sequence = instrument.sequence!;
  const { branch, prompt } = writing.status.value;
  sequence.changed.value;
  /** What is typed: it stays until it has become the prompt, or the text of its branch. */
  const typed = useSignal<string | null>(null);
  const edited = useSignal<{ readonly of: string; readonly text: string } | null>(null);
  const text = edited.value?.of === branch ? edited.value.text : sequence.text();
  const isPart = useComputed(() => isOff.value || sequence.loaded.value < sequence.count.value);

  async function start(): Promise<void> {
    const found = await writing.act({ do: "start", prompt: typed.peek() ?? prompt ?? "" });
    if (found !== null) typed.value = null;
  }
  async function replace(): Promise<void> {
    const found = await writing.act({ do: "edit", text });
    if (found !== null) edited.value = null;
  }
  return (
    <div class="fields">
      <label>
        {texts.prompt}
        <textarea
          rows={3}
          value={typed.value ?? prompt ?? ""}
          onInput={(event) => (typed.value = event.currentTarget.value)}
        />
      </label>
      {prompt === null && <p class="note">{texts.unwritten}</p>}
      <Do name={texts.start} off={isOff} does={() => void start()} />
      <label>
        {texts.text}
        <textarea
          rows={4}
          value={text}
          onInput={(event) => (edited.value = { of: branch, text: event.currentTarget.value })}
        />
      </label>
      <Do name={texts.replace} off={isPart} does={() => void replace()} />
    </div>
  );
}

/** Two branches beside each other, and two settings on one text. */
function Compare({ instrument, writing, isOff }: Part & OffProps) {
  const { status, branches: found, settings: apart } = writing;
  const { branch, branches } = status.value;
  const others = branches.filter(({ name }) => name !== branch);
  const chosen = useSignal<string | null>(null);
  const other = others.find(({ name }) => name === chosen.value)?.name ?? others[0]?.name;
  const a = useComputed(() => settingText(writing.a.value));
  const b = useComputed(() => settingText(writing.b.value));
  const same = useComputed(() => texts.oneSetting(b.value));
  const both = useComputed(() => texts.compareSettings(a.value, b.value));
  return (
    <details>
      <summary>{texts.compare}</summary>
      <div class="fields">
        {other === undefined ? (
          <p class="note">{texts.alone}</p>
        ) : (
          <div class="buttons">
            <label class="field">
              {texts.with}
              <select
                value={other}
                onChange={(event) => (chosen.value = event.currentTarget.value)}
              >
                <BranchOptions branches={others} />
              </select>
            </label>
            <Do
              name={texts.compareBranches}
              off={isOff}
              does={() => void writing.compareBranches(other)}
            />
          </div>
        )}
        {found.value !== null && <SideBySide found={found.value} />}
        {writing.isOneSetting.value ? (
          <p class="note">{same}</p>
        ) : (
          <div class="buttons">
            <Do name={both} off={isOff} does={() => void writing.compareSettings()} />
          </div>
        )}
        {apart.value !== null && <Apart instrument={instrument} apart={apart.value} />}
      </div>
    </details>
  );
}

function settingText({ temperature, truncation }: Setting): string {
  return texts.setting(brief(temperature), stepsText(truncation));
}

/** Two branches from the token where they part. */
function SideBySide({ found }: { readonly found: ComparedBranches }) {
  const { branches, next, shared } = found;
  const known = (value: number | null | undefined, text: (value: number) => string) =>
    value === null || value === undefined || Number.isNaN(value) ? texts.unknown : text(value);
  const lines: readonly (readonly [string, readonly string[]])[] = [
    [texts.length, branches.map(({ length }) => count(length))],
    [texts.first, next.map((p) => known(p, (value) => percent(value, false)))],
    [texts.surprisal, branches.map(({ surprisal }) => known(surprisal, measure))],
    [
      texts.sampled,
      branches.map(({ sampled }) => (sampled === "-inf" ? texts.never : known(sampled, measure))),
    ],
    [texts.textOf, branches.map(({ text }) => text)],
  ];
  return (
    <>
      <p>{texts.shared(count(shared))}</p>
      <table class="narrow branches" aria-label={texts.columns}>
        <thead>
          <tr>
            <th scope="col">{texts.columns}</th>
            {branches.map(({ name }) => (
              <th scope="col" key={name}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {lines.map(([name, values]) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              {values.map((value, k) => (
                <td key={k}>{value}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}

/** How many draws would differ between two settings. */
function Apart({ instrument, apart }: Part & { readonly apart: SettingsApart }) {
  const { positions, tv, worst } = apart.found;
  if (positions === 0) return <p class="note">{texts.noPositions}</p>;
  const [a, b] = [settingText(apart.a), settingText(apart.b)];
  return (
    <>
      <p>{texts.apart(partBetween(tv), count(positions), a, b)}</p>
      <div class="buttons">
        <button type="button" onClick={() => instrument.cursor!.to(worst.position)}>
          {texts.worst(partBetween(worst.tv), count(worst.position + 1))}
        </button>
      </div>
    </>
  );
}

/** Ends of a total variation that are nearer than this are one number. */
const SAME = 1e-6;

function partBetween([low, high]: readonly [number, number]): string {
  if (high - low < SAME) return partOf(high);
  return texts.range(count(Math.floor(100 * low)), count(Math.ceil(100 * high)));
}

/** Files of the text, and what the model is. */
function Ways({ instrument, writing, isOff }: Part & OffProps) {
  const { about, notes } = writing.status.value;

  async function keep(
    found: Promise<Answer | null>,
    ending: "json" | "html",
    type: string,
  ): Promise<void> {
    const { [ending]: content, name, told = [] } = (await found) ?? ({} as Partial<Answer>);
    if (content === undefined || name === undefined) return;
    save(name, content, type);
    const { saved, framed } = strings.share;
    const sentences = [saved(spoken(name)), ...(isFramed() ? [framed] : [])];
    const more = told.map((each) => say(texts.messages, each));
    instrument.tell([...sentences, ...more].join(strings.joins.sentences));
  }
  return (
    <>
      <div class="buttons">
        <Do
          name={texts.saveText}
          off={isOff}
          does={() => void keep(writing.json(), "json", "application/json")}
        />
        {!MODEL && (
          <Do
            name={texts.savePage}
            off={isOff}
            does={() => void keep(writing.page(), "html", "text/html")}
          />
        )}
      </div>
      <p class="note">
        {[...about, ...notes].map((each) => say(texts.messages, each)).join(" · ")}
      </p>
    </>
  );
}
