/** The tasks of an activity, one at a time, and what came of them. */
import { computed, signal, useComputed } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import type { Choose, Task } from "../model/activity";
import { Attempt, type Course, type Trial } from "../model/attempt";
import type { Frame } from "../model/frame";
import type { Host } from "../model/host";
import { percent } from "../text/format";
import { activityStrings, strings } from "../text/strings";
import { save } from "./deliver";
import type { Above } from "./mount";
import type { Part } from "./part";
import { Prediction } from "./prediction";

const { texts, results } = activityStrings;

/** What the host and the task at hand hide or lock. */
function merged(host: Frame = {}, task: Frame = {}): Frame {
  const both = <Name extends string>(a: readonly Name[] = [], b: readonly Name[] = []) => [
    ...new Set([...a, ...b]),
  ];
  return { ...host, hide: both(host.hide, task.hide), lock: both(host.lock, task.lock) };
}

/** A host with tasks, and the part above its instrument where they are done. */
export function withTasks(host: Host, course: Course): { host: Host; above: Above } {
  // The tasks are about the instrument, whose frame is theirs too.
  const attempt = signal<Attempt | null>(null);
  const frame = computed(() => merged(host.frame?.value, attempt.value?.frame.value));
  return {
    host: { ...host, frame },
    above(instrument) {
      const made = new Attempt(instrument, course);
      attempt.value = made;
      return <Tasks instrument={instrument} attempt={made} />;
    },
  };
}

interface AttemptProps extends Part {
  readonly attempt: Attempt;
}

interface TrialProps extends AttemptProps {
  readonly trial: Trial;
}

function Tasks({ instrument, attempt }: AttemptProps) {
  useLayoutEffect(() => attempt.begin(), [attempt]);
  // The button that goes to another task may be gone there: its heading gets the focus.
  const goes = useRef(false);
  const { title, intro } = attempt.course.activity;
  const { value: trial } = attempt.trial;
  return (
    <section class="activity" aria-label={title || texts.name}>
      {(title || intro) && (
        <div class="about">
          {title && <h2>{title}</h2>}
          {intro && <p class="said">{intro}</p>}
        </div>
      )}
      {/* Another task is another part: what was typed stays with its own. */}
      <One key={trial.number} instrument={instrument} attempt={attempt} trial={trial} goes={goes} />
      {attempt.isDone.value && <Results instrument={instrument} attempt={attempt} />}
    </section>
  );
}

/** One task: the question, the answer, and what came of it. */
function One({
  instrument,
  attempt,
  trial,
  goes,
}: TrialProps & { readonly goes: { current: boolean } }) {
  const { task, number } = trial;
  const { at, trials, isTest } = attempt;
  const isSettled = attempt.isSettled(trial);
  const heading = useRef<HTMLHeadingElement>(null);
  useLayoutEffect(() => {
    if (goes.current) heading.current!.focus();
    goes.current = false;
  }, [goes]);
  const next = useRef<HTMLButtonElement>(null);
  /** Whether the focus has been here: a task of an earlier visit must not take it from another page. */
  const hadFocus = useRef(false);
  // The button that ended the task is gone.
  useLayoutEffect(() => {
    if (!isSettled || !hadFocus.current) return;
    const { activeElement } = heading.current!.getRootNode() as Document | ShadowRoot;
    if (activeElement !== null && activeElement !== document.body) return;
    (next.current!.disabled ? heading : next).current!.focus();
  }, [isSettled]);
  const { value: outcome } = trial.outcome;
  const tells = attempt.tells.value;
  const open = trials.length - attempt.doneCount.value;

  function go(to: number): void {
    goes.current = true;
    attempt.go(to);
  }
  const checks = task.kind !== "reach" || isTest;
  return (
    // No form: a frame may forbid to send one, and then its button does nothing.
    <div class="task" onFocusIn={() => (hadFocus.current = true)}>
      <h3 ref={heading} tabIndex={-1}>
        {texts.task(number, trials.length)}{" "}
        {task.points !== 1 && <small>{texts.worth(task.points)}</small>}
      </h3>
      <p class="said ask">{task.ask}</p>
      <Answer instrument={instrument} attempt={attempt} trial={trial} />
      <div class="buttons">
        {checks && !isSettled && (
          <button type="button" onClick={() => attempt.check(trial)}>
            {isTest ? texts.give : texts.check}
          </button>
        )}
        {!isTest && !isSettled && task.hint !== "" && (
          <button type="button" onClick={() => (trial.isHinted.value = true)}>
            {texts.hint}
          </button>
        )}
        {!isTest && !isSettled && attempt.canReveal(trial) && (
          <button type="button" onClick={() => attempt.reveal(trial)}>
            {texts.reveal}
          </button>
        )}
        <button type="button" disabled={at.value === 0} onClick={() => go(at.peek() - 1)}>
          {texts.previous}
        </button>
        <button
          type="button"
          ref={next}
          disabled={at.value === trials.length - 1}
          onClick={() => go(at.peek() + 1)}
        >
          {texts.next}
        </button>
        {isTest && open > 0 && (
          <button type="button" onClick={() => attempt.finish()}>
            {texts.finish(open)}
          </button>
        )}
      </div>
      <p class="error" role="alert">
        {trial.error}
      </p>
      <div class="came" aria-live="polite">
        {trial.isHinted.value && !isSettled && <p class="hint">{task.hint}</p>}
        {outcome !== null && <Came attempt={attempt} trial={trial} />}
        {outcome === null && task.kind === "reach" && !isTest && (
          <p class="note">{texts.toReach}</p>
        )}
        {!tells && outcome !== null && <p>{texts.taken}</p>}
      </div>
    </div>
  );
}

/** What came of an answer, where it is told. */
function Came({ attempt, trial }: { readonly attempt: Attempt; readonly trial: Trial }) {
  const { task } = trial;
  const outcome = trial.outcome.value!;
  if (!attempt.tells.value) return null;
  const { isRight, isRevealed, variation } = outcome;
  const isOver = attempt.isSettled(trial);
  const feedback = isRight ? task.right : task.wrong;
  const verdict = isRight
    ? task.kind === "reach"
      ? texts.reached
      : texts.right
    : attempt.isTest
      ? texts.wrongAtEnd
      : texts.wrong;
  return (
    <>
      {!isRevealed && (
        <p class={isRight ? "verdict right" : "verdict"}>
          <strong>{verdict}</strong> {variation !== null && differs(task, variation)} {feedback}
        </p>
      )}
      {isOver && !isRight && (
        <p class="said">
          {texts.answerIs(attempt.answerOf(task))} {isRevealed && task.right}
        </p>
      )}
    </>
  );
}

function differs(task: Task, variation: number): string {
  if (task.kind !== "predict") return "";
  return task.of === "bars"
    ? texts.differs(Math.round(100 * variation), Math.round(100 * task.within))
    : texts.away(percent(variation), percent(task.within));
}

/** Where the answer is given. */
function Answer({ instrument, attempt, trial }: TrialProps) {
  const { task } = trial;
  switch (task.kind) {
    case "choose":
      return <Options attempt={attempt} trial={trial} task={task} />;
    case "number":
      return (
        <label class="field answer">
          {texts.answer}
          <input
            type="text"
            inputMode="decimal"
            autocomplete="off"
            spellcheck={false}
            value={trial.typed}
            readOnly={attempt.isSettled(trial)}
            aria-invalid={trial.error.value === "" ? "false" : "true"}
            onInput={({ currentTarget }) => {
              trial.typed.value = currentTarget.value;
              trial.error.value = "";
            }}
            onKeyDown={(event) => {
              if (event.key !== "Enter") return;
              event.preventDefault();
              // JupyterLab would begin to edit the cell.
              event.stopPropagation();
              attempt.check(trial);
            }}
          />
          {task.unit}
        </label>
      );
    case "predict":
      return <Prediction instrument={instrument} attempt={attempt} trial={trial} task={task} />;
    case "reach":
      return null;
  }
}

interface OptionsProps {
  readonly attempt: Attempt;
  readonly trial: Trial;
  readonly task: Choose;
}

function Options({ attempt, trial, task }: OptionsProps) {
  const { chosen } = trial;
  const several = task.answer.length > 1;
  function choose(place: number, isChosen: boolean): void {
    const others = several ? chosen.peek().filter((one) => one !== place) : [];
    chosen.value = isChosen ? [...others, place].sort((a, b) => a - b) : others;
    trial.error.value = "";
  }
  return (
    <fieldset class="options" disabled={attempt.isSettled(trial)}>
      <legend>{several ? texts.chooseAll : texts.choose}</legend>
      {task.options.map((option, place) => (
        <label key={place}>
          <input
            type={several ? "checkbox" : "radio"}
            name={`task ${trial.number}`}
            checked={chosen.value.includes(place)}
            onChange={({ currentTarget }) => choose(place, currentTarget.checked)}
          />
          <span>{option}</span>
        </label>
      ))}
    </fieldset>
  );
}

/** The score, and what came of each task. */
function Results({ instrument, attempt }: AttemptProps) {
  const { code, score, possible, trials, course } = attempt;
  const told = useComputed(() => texts.score(score.value, possible));
  useLayoutEffect(
    () => instrument.tell([results.all, told.peek()].join(strings.joins.sentences)),
    [],
  );
  function download(): void {
    const file = `${fileName(course.activity.title)}-results.csv`;
    save(file, attempt.results(), "text/csv");
    instrument.tell(results.saved(file));
  }
  const part = useRef<HTMLElement>(null);
  function again(): void {
    const around = part.current!.parentElement!;
    attempt.again();
    // This part is gone.
    requestAnimationFrame(() => around.querySelector<HTMLElement>("h3")!.focus());
  }
  function stateOf({ outcome }: Trial): string {
    if (outcome.value === null) return results.state.open;
    if (outcome.value.isRevealed) return results.state.shown;
    return outcome.value.isRight ? results.state.right : results.state.wrong;
  }
  return (
    <section class="results" aria-label={results.name} ref={part}>
      <p class="score">
        <strong>{told}</strong>
      </p>
      <ol>
        {trials.map((trial) => (
          <li key={trial.number}>
            {trial.task.ask} <span class="note">{stateOf(trial)}</span>
          </li>
        ))}
      </ol>
      <div class="buttons">
        <label class="field">
          {results.code}
          <input
            type="text"
            autocomplete="off"
            spellcheck={false}
            value={code}
            onInput={({ currentTarget }) => (code.value = currentTarget.value)}
          />
        </label>
        <button type="button" onClick={download}>
          {results.save}
        </button>
        {!attempt.isTest && (
          <button type="button" onClick={again}>
            {texts.again}
          </button>
        )}
      </div>
      <p class="note">{results.local}</p>
    </section>
  );
}

/** A title as the name of a file. */
export function fileName(title: string): string {
  const words = title.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-");
  return words.replace(/^-+|-+$/g, "").slice(0, 60) || "activity";
}
