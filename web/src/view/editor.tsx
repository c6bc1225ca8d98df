/** Where a teacher makes an activity. */
import { type ReadonlySignal, type Signal, useComputed, useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { openActivity } from "../data/activity";
import { DRAWINGS, KINDS, MODES, type Mode, QUANTITIES } from "../model/activity";
import { MOST_DRAWN, quantityOf } from "../model/attempt";
import { type Draft, draftOf, newTask, type WrittenTask } from "../model/draft";
import { LOCKS, PARTS } from "../model/frame";
import { parseLink, writeLink } from "../model/link";
import type { State } from "../model/state";
import { ambiguous, brief, clip, numberShown, parseTyped, spoken } from "../text/format";
import { activityStrings } from "../text/strings";
import { GiveOut } from "./give-out";
import type { Part } from "./part";

const { editor: texts, quantities } = activityStrings;
/** Parts that a page of one distribution does not have. */
const ABSENT = ["rows", "text", "reliability"];
/** Items that are offered where one is chosen. */
const MOST_ITEMS = 50;
/** How much of a question stands for its task. */
const SUMMARY = 60;

interface DraftProps {
  readonly draft: Draft;
}

interface EditorProps extends Part, DraftProps {
  /** What the page itself shows where its link says nothing else. */
  readonly own: State;
  onTry(state: State): void;
}

export function Editor({ instrument, draft, own, onTry }: EditorProps) {
  const { written, problems, canUndo, canRedo } = draft;
  const { title, intro, mode, hide, lock, tasks } = written.value;
  const told = useSignal("");
  /** The task that was added last. */
  const opened = useSignal(0);
  const list = useRef<HTMLDivElement>(null);
  const heading = useRef<HTMLHeadingElement>(null);

  function tell(text: string): void {
    told.value = text;
  }
  function move(way: "undo" | "redo"): void {
    told.value = "";
    draft[way]();
  }
  /** Adds a task, and goes to its question. */
  function add(task: WrittenTask, at?: number): void {
    draft.add(task, at);
    const place = at ?? tasks.length;
    opened.value = place;
    requestAnimationFrame(() => {
      list.current?.children[place]?.querySelector("textarea")?.focus();
    });
  }
  return (
    <section class="activity editor" aria-label={texts.name}>
      <h2 ref={heading} tabIndex={-1}>
        {texts.name}
      </h2>
      <p class="note">{texts.intro}</p>
      <div class="buttons">
        <Off name={texts.undo} off={useComputed(() => !canUndo.value)} does={() => move("undo")} />
        <Off name={texts.redo} off={useComputed(() => !canRedo.value)} does={() => move("redo")} />
        <OpenActivity instrument={instrument} draft={draft} tell={tell} />
        <Off
          name={texts.tryOut}
          off={useComputed(() => problems.value.length > 0)}
          does={() => onTry(instrument.state())}
        />
      </div>
      <p class="note" role="status">
        {told}
      </p>
      <details>
        <summary>{texts.about}</summary>
        <div class="fields">
          <Line
            name={texts.title}
            value={title}
            set={(value) => draft.change({ title: value }, "title")}
          />
          <Lines
            name={texts.introduction}
            value={intro}
            set={(value) => draft.change({ intro: value }, "intro")}
          />
          <Choice
            name={texts.mode}
            value={mode}
            options={MODES.map((one) => [one, texts.modes[one]])}
            set={(value) => draft.change({ mode: value as Mode })}
          />
        </div>
      </details>
      <details>
        <summary>{texts.parts}</summary>
        <Frames hide={hide} lock={lock} set={(change) => draft.change(change)} />
      </details>
      <div ref={list}>
        {tasks.map((task, at) => (
          <TaskCard
            key={draft.idOf(task)}
            instrument={instrument}
            draft={draft}
            task={task}
            at={at}
            isOpen={at === opened.value}
            tell={tell}
            onRemove={() => {
              draft.remove(at);
              tell(texts.removed(at + 1));
              // Its button is gone.
              heading.current!.focus();
            }}
            onCopy={() => add({ ...task }, at + 1)}
          />
        ))}
      </div>
      <div class="buttons" role="group" aria-label={texts.add}>
        <span>{texts.add}</span>
        {KINDS.map((kind) => (
          <button key={kind} type="button" onClick={() => add(newTask(kind, instrument))}>
            {texts.kinds[kind]}
          </button>
        ))}
      </div>
      {problems.value.length > 0 && tasks.length > 0 && (
        <div class="problems" role="alert">
          {texts.problems}
          <ul>
            {problems.value.map(({ task, field, must }, at) => (
              <li key={at}>
                {texts.problem(
                  task === null ? null : task + 1,
                  texts.fields[field.replace(/\W.*/, "")] ?? field,
                  must,
                )}
              </li>
            ))}
          </ul>
        </div>
      )}
      <GiveOut instrument={instrument} draft={draft} own={own} />
    </section>
  );
}

/** Above the page while an activity is tried. */
export function Trying({ onEnd }: { onEnd(): void }) {
  return (
    <div class="buttons trying">
      <button type="button" onClick={onEnd}>
        {texts.back}
      </button>
    </div>
  );
}

interface OffProps {
  readonly name: string;
  readonly off: ReadonlySignal<boolean>;
  does(): void;
}

/** A button that keeps the focus where it does nothing. */
function Off({ name, off, does }: OffProps) {
  return (
    <button
      type="button"
      aria-disabled={useComputed(() => (off.value ? "true" : "false"))}
      onClick={() => {
        if (!off.peek()) does();
      }}
    >
      {name}
    </button>
  );
}

interface OpenProps extends Part, DraftProps {
  tell(text: string): void;
}

/** Opens an activity that was downloaded, to go on with it. */
function OpenActivity({ instrument, draft, tell }: OpenProps) {
  const field = useRef<HTMLInputElement>(null);
  async function open(file: File): Promise<void> {
    try {
      const { state, ...whole } = await openActivity(await file.text());
      draft.change(draftOf(whole));
      if (state !== null) instrument.change(state);
      tell(texts.opened(file.name, whole.activity.tasks.length));
    } catch (error) {
      tell(texts.notOpened(file.name, error instanceof Error ? error.message : String(error)));
    }
  }
  return (
    <>
      <button type="button" onClick={() => field.current!.click()}>
        {texts.open}
      </button>
      <input
        ref={field}
        type="file"
        accept=".html,.htm,.json"
        hidden
        onChange={({ currentTarget }) => {
          const [file] = currentTarget.files ?? [];
          if (file !== undefined) void open(file);
          // The same file may be chosen again.
          currentTarget.value = "";
        }}
      />
    </>
  );
}

interface CardProps extends Part, DraftProps {
  readonly task: WrittenTask;
  readonly at: number;
  /** Whether it is open at first. */
  readonly isOpen: boolean;
  tell(text: string): void;
  onCopy(): void;
  onRemove(): void;
}

/** One task, as it is made. */
function TaskCard(props: CardProps) {
  const { instrument, draft, task, at, isOpen, tell, onCopy, onRemove } = props;
  const text = (name: keyof WrittenTask) => String(task[name] ?? "");
  const set = (name: string) => (value: unknown) => draft.set(at, { [name]: value }, name);
  const count = draft.written.value.tasks.length;
  const name = texts.task(at + 1, texts.kinds[task.kind]);
  const ask = text("ask");
  function move({ currentTarget: button }: { currentTarget: HTMLElement }, to: number): void {
    draft.move(at, to);
    // An element that is moved loses the focus.
    requestAnimationFrame(() => button.focus());
  }
  return (
    <details class="card" open={isOpen}>
      <summary>
        <strong>{name}</strong> <span class="note">{clip(ask, SUMMARY)}</span>
      </summary>
      <Lines name={texts.ask} value={ask} set={set("ask")} />
      <Specific instrument={instrument} draft={draft} task={task} at={at} />
      <Start instrument={instrument} task={task} set={set("start")} tell={tell} />
      <details>
        <summary>{texts.more}</summary>
        <div class="fields">
          <NumberLine name={texts.points} value={task.points ?? 1} set={set("points")} />
          <Lines name={texts.hint} value={text("hint")} set={set("hint")} />
          <Lines name={texts.right} value={text("right")} set={set("right")} />
          <Lines name={texts.wrong} value={text("wrong")} set={set("wrong")} />
          <p class="note">{texts.partsOfTask}</p>
          <Frames
            hide={(task.hide ?? []) as readonly string[]}
            lock={(task.lock ?? []) as readonly string[]}
            set={(change) => draft.set(at, change)}
          />
        </div>
      </details>
      <div class="buttons">
        <button type="button" disabled={at === 0} onClick={(event) => move(event, at - 1)}>
          {texts.up}
        </button>
        <button type="button" disabled={at === count - 1} onClick={(event) => move(event, at + 1)}>
          {texts.down}
        </button>
        <button type="button" onClick={onCopy}>
          {texts.copy}
        </button>
        <button type="button" onClick={onRemove}>
          {texts.remove}
        </button>
      </div>
    </details>
  );
}

interface SpecificProps extends Part, DraftProps {
  readonly task: WrittenTask;
  readonly at: number;
}

/** What one kind of task has, and others don't. */
function Specific({ instrument, draft, task, at }: SpecificProps) {
  const change = (parts: Readonly<Record<string, unknown>>, kind = "") =>
    draft.set(at, parts, kind);
  const set = (name: string) => (value: unknown) => change({ [name]: value }, name);
  switch (task.kind) {
    case "choose":
      return <Options task={task} change={change} />;
    case "number":
      return (
        <div class="fields">
          <NumberLine name={texts.number} value={task.answer} set={set("answer")} />
          <NumberLine name={texts.tolerance} value={task.tolerance ?? 0} set={set("tolerance")} />
          <Line name={texts.unit} value={String(task.unit ?? "")} set={set("unit")} />
        </div>
      );
    case "predict":
      return <Drawing instrument={instrument} task={task} change={change} />;
    case "reach":
      return <Goal instrument={instrument} task={task} change={change} />;
  }
}

interface ChangeProps {
  readonly task: WrittenTask;
  change(parts: Readonly<Record<string, unknown>>, kind?: string): void;
}

function Options({ task, change }: ChangeProps) {
  const options = (task.options ?? []) as readonly string[];
  const answer = (task.answer ?? []) as readonly number[];
  return (
    <div class="fields">
      <Lines
        name={texts.options}
        value={options.join("\n")}
        rows={Math.max(3, options.length)}
        set={(text) => {
          const found = text.split("\n");
          // The right ones are known by their texts; one that is being typed, by its place.
          const isEdit = found.length === options.length;
          const kept = answer.map((place) => {
            const at = found.indexOf(options[place]!);
            return at < 0 && isEdit ? place : at;
          });
          const places = [...new Set(kept)].filter((place) => place >= 0);
          change({ options: found, answer: places.sort((a, b) => a - b) }, "options");
        }}
      />
      <fieldset class="options">
        <legend>{texts.rightOnes}</legend>
        {options.map((option, place) => (
          <label key={place}>
            <input
              type="checkbox"
              checked={answer.includes(place)}
              onChange={({ currentTarget }) => {
                const others = answer.filter((one) => one !== place);
                const found = currentTarget.checked ? [...others, place] : others;
                change({ answer: found.sort((a, b) => a - b) });
              }}
            />
            <span>{option || "–"}</span>
          </label>
        ))}
      </fieldset>
    </div>
  );
}

function Drawing({ instrument, task, change }: Part & ChangeProps) {
  const isBars = task.of !== "curve";
  function choose(of: string): void {
    const { at: _at, item: _item, ...others } = task;
    const blank = { at: undefined, item: undefined };
    change({ ...others, ...blank, of, ...(of === "bars" ? { at: 0.5 } : { item: 0 }) });
  }
  // What the page shows when the task begins.
  // A start may have very many items.
  const start = useMemo(() => parseLink(String(task.start ?? "")).state, [task.start]);
  const { temperature, logits } = { ...instrument.state(), ...start };
  const isImpossible = isBars ? logits.length > MOST_DRAWN : Number(task.item) >= logits.length;
  const { noItem, tooMany } = activityStrings.texts;
  return (
    <div class="fields">
      <Choice
        name={texts.of}
        value={isBars ? "bars" : "curve"}
        options={DRAWINGS.map((one) => [one, texts.drawings[one]])}
        set={choose}
      />
      {isBars ? (
        <NumberLine name={texts.at} value={task.at} set={(at) => change({ at }, "at")} />
      ) : (
        <ItemChoice instrument={instrument} item={task.item} set={(item) => change({ item })} />
      )}
      <NumberLine
        name={texts.within}
        value={task.within ?? 0.1}
        set={(within) => change({ within }, "within")}
      />
      {isBars && task.at === temperature && <p class="note">{texts.shows}</p>}
      {isImpossible && <p class="error">{isBars ? tooMany(MOST_DRAWN) : noItem}</p>}
    </div>
  );
}

function Goal({ instrument, task, change }: Part & ChangeProps) {
  const quantity = QUANTITIES.find((one) => one === task.quantity) ?? "temperature";
  const item = Number(task.item ?? 0);
  const { count } = instrument;
  const name = (item: number) => spoken(item < count.value ? instrument.label(item) : String(item));
  const now = useComputed(() => quantityOf(instrument, quantity, item));
  const least = Number(task.least === "inf" ? Infinity : (task.least ?? 0));
  const most = task.most === undefined || task.most === "inf" ? Infinity : Number(task.most);
  const holds = now.value >= least && now.value <= most && !task.start;
  return (
    <div class="fields">
      <Choice
        name={texts.quantity}
        value={quantity}
        options={QUANTITIES.map((one) => [one, quantities[one](name(item))])}
        set={(chosen) =>
          change({ quantity: chosen, item: chosen === "probability" ? item : undefined })
        }
      />
      {quantity === "probability" && (
        <ItemChoice instrument={instrument} item={item} set={(item) => change({ item })} />
      )}
      <NumberLine
        name={texts.least}
        value={task.least ?? 0}
        set={(least) => change({ least }, "least")}
      />
      <NumberLine
        name={texts.most}
        value={task.most ?? "inf"}
        set={(most) => change({ most }, "most")}
      />
      <p class="note">{texts.now(brief(now.value))}</p>
      {holds && <p class="note">{texts.holds}</p>}
    </div>
  );
}

interface ItemChoiceProps extends Part {
  readonly item: unknown;
  set(item: number): void;
}

function ItemChoice({ instrument, item, set }: ItemChoiceProps) {
  const { value: count } = instrument.count;
  return (
    <Choice
      name={texts.item}
      value={String(item)}
      options={Array.from({ length: Math.min(count, MOST_ITEMS) }, (_, at) => [
        String(at),
        spoken(instrument.label(at)),
      ])}
      set={(value) => set(Number(value))}
    />
  );
}

interface StartProps extends Part {
  readonly task: WrittenTask;
  set(start: string): void;
  tell(text: string): void;
}

/** What the page shows when a task begins. */
function Start({ instrument, task, set, tell }: StartProps) {
  const start = String(task.start ?? "");
  function take(): void {
    const link = writeLink(instrument.state());
    if (link === null) tell(activityStrings.deliver.startTooLong);
    else set(link);
  }
  return (
    <div class="buttons start">
      <span>
        {texts.start} <span class="note">{start || texts.startNone}</span>
      </span>
      <button type="button" onClick={take}>
        {texts.setStart}
      </button>
      {start !== "" && (
        <button type="button" onClick={() => set("")}>
          {texts.clearStart}
        </button>
      )}
    </div>
  );
}

interface FramesProps {
  readonly hide: readonly string[];
  readonly lock: readonly string[];
  set(change: { hide?: never[]; lock?: never[] }): void;
}

/** Which parts are hidden or locked. */
function Frames({ hide, lock, set }: FramesProps) {
  const shown = PARTS.filter((part) => !ABSENT.includes(part));
  return (
    <div class="fields">
      <Checks
        name={texts.hide}
        all={shown.map((part) => [part, texts.partNames[part]!])}
        chosen={hide}
        set={(hide) => set({ hide: hide as never[] })}
      />
      <Checks
        name={texts.lock}
        all={LOCKS.map((part) => [part, texts.lockNames[part]!])}
        chosen={lock}
        set={(lock) => set({ lock: lock as never[] })}
      />
    </div>
  );
}

interface ChecksProps {
  readonly name: string;
  readonly all: readonly (readonly [value: string, name: string])[];
  readonly chosen: readonly string[];
  set(chosen: readonly string[]): void;
}

function Checks({ name, all, chosen, set }: ChecksProps) {
  return (
    <fieldset class="checks">
      <legend>{name}</legend>
      {all.map(([value, label]) => (
        <label key={value}>
          <input
            type="checkbox"
            checked={chosen.includes(value)}
            onChange={({ currentTarget }) =>
              set(
                all
                  .map(([one]) => one)
                  .filter((one) => (one === value ? currentTarget.checked : chosen.includes(one))),
              )
            }
          />
          <span>{label}</span>
        </label>
      ))}
    </fieldset>
  );
}

interface TextProps {
  readonly name: string;
  readonly value: string;
  readonly rows?: number;
  set(value: string): void;
}

function Line({ name, value, set }: TextProps) {
  return (
    <label class="stacked">
      {name}
      <input type="text" value={value} onInput={({ currentTarget }) => set(currentTarget.value)} />
    </label>
  );
}

function Lines({ name, value, rows = 2, set }: TextProps) {
  return (
    <label class="stacked long">
      {name}
      <textarea
        rows={rows}
        value={value}
        onInput={({ currentTarget }) => set(currentTarget.value)}
      />
    </label>
  );
}

interface NumberLineProps {
  readonly name: string;
  /** A number, "inf", or what was typed and is none. */
  readonly value: unknown;
  set(value: unknown): void;
}

function shownNumber(value: unknown): string {
  return typeof value === "number"
    ? numberShown(value)
    : value === "inf"
      ? "∞"
      : String(value ?? "");
}

/** A number, which is kept as it was typed where it is none. */
function NumberLine({ name, value, set }: NumberLineProps) {
  const typed: Signal<string> = useSignal(shownNumber(value));
  const read = (text: string): unknown => {
    // 1,000 may stand for a thousand or for one.
    if (ambiguous(text) !== null) return text;
    const number = parseTyped(text);
    return Number.isNaN(number) ? text : number === Infinity ? "inf" : number;
  };
  useEffect(() => {
    // Another value came from elsewhere, by undo for example.
    if (read(typed.peek()) !== value) typed.value = shownNumber(value);
  }, [value]);
  return (
    <label class="stacked">
      {name}
      <input
        type="text"
        inputMode="decimal"
        autocomplete="off"
        spellcheck={false}
        value={typed}
        aria-invalid={typeof value === "string" && value !== "inf" ? "true" : "false"}
        onInput={({ currentTarget }) => {
          typed.value = currentTarget.value;
          set(read(currentTarget.value));
        }}
      />
    </label>
  );
}

interface ChoiceProps {
  readonly name: string;
  readonly value: string;
  readonly options: readonly (readonly [value: string, name: string])[];
  set(value: string): void;
}

function Choice({ name, value, options, set }: ChoiceProps) {
  return (
    <label class="stacked">
      {name}
      <select value={value} onChange={({ currentTarget }) => set(currentTarget.value)}>
        {options.map(
          ([one, text]): ComponentChildren => (
            <option key={one} value={one}>
              {text}
            </option>
          ),
        )}
      </select>
    </label>
  );
}
