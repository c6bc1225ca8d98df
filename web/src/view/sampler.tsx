import { type Signal, useComputed, useSignal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import type { Fate } from "../math/allowed";
import {
  ENGINES,
  type Engine,
  engineOf,
  RULES,
  type Rule,
  right,
  type Settings,
  type Step,
  stepsOf,
  type Ties,
  takes,
} from "../math/engines";
import type { Instrument } from "../model/instrument";
import { massText } from "../model/sampler";
import type { State } from "../model/state";
import {
  defaultsOf,
  rulesOf,
  underEngine,
  withoutStep,
  withRule,
  withStep,
  withStepAt,
} from "../model/steps";
import { brief, clip, count, numberShown, parseTyped, type Refused, spoken } from "../text/format";
import { rowStrings, strings } from "../text/strings";
import { differences, takenText } from "./engines";
import { type Draft, FieldError, NumberField, useDraft } from "./field";
import type { Part } from "./part";

const { sampler: texts } = strings;

/** These can be added at once, the others after "More steps". */
const COMMON: readonly Rule[] = ["top_k", "top_p", "min_p"];
/** They move a step, also from its field. */
const MOVE_KEYS = ["Alt+ArrowLeft", "Alt+ArrowRight"];
/** The value of the option without an engine. */
const PAPERS = "";

/** The steps of the sampler, which can be added, removed and moved, and what is kept. */
export function SamplerRow({ instrument }: Part) {
  const { truncation } = instrument;
  const settings = truncation.value;
  const draft = useDraft(instrument);
  const isOpen = useSignal(false);
  /** What an engine makes of the settings, as long as these are not changed. */
  const note = useSignal<{ readonly text: string; readonly of: Settings } | null>(null);
  const engine = engineOf(settings.engine);
  const locked = instrument.locked.value.sampler;
  const addable = RULES.filter((rule) => settings[rule] === undefined && right(engine, rule));
  const common = addable.filter((rule) => COMMON.includes(rule));
  const others = addable.filter((rule) => !COMMON.includes(rule));

  /** Changes the settings and has it told. */
  function change(next: Settings, text: string): void {
    instrument.change({ truncation: next });
    instrument.tell([text, keptText(instrument)].filter(Boolean).join(strings.joins.parts));
  }

  function add(rule: Rule): void {
    const next = withStep(settings, rule);
    const steps = stepsOf(next);
    const place = count(steps.indexOf(rule) + 1);
    change(next, texts.added(texts.rules[rule], place, count(steps.length)));
  }

  function choose(value: string): void {
    const name = value === PAPERS ? undefined : value;
    const found = chosen(settings, name);
    change(found.settings, found.text);
    note.value = { text: found.text, of: found.settings };
  }

  function chooseTies(ties: Ties): void {
    const { ties: _, ...rest } = settings;
    const next = ties === engine.ties[0] ? rest : { ...rest, ties };
    change(next, `${texts.ties}: ${texts.tiesOf[ties]}`);
  }

  function useDefaults(name: string): void {
    const { temperature = 1 } = engine.defaults;
    instrument.change({ truncation: { ...defaultsOf(engine), engine: name }, temperature });
  }

  const told = note.value?.of === settings ? note.value.text : "";
  return (
    <section class="sampler" aria-label={texts.name}>
      <div class="chain">
        <strong>{texts.name}</strong>
        <Chips instrument={instrument} draft={draft} onChange={change} />
        <div class="adders">
          {common.map((rule) => (
            <Adder key={rule} rule={rule} locked={locked} onAdd={add} />
          ))}
          {others.length > 0 && (
            <button
              type="button"
              aria-expanded={isOpen.value ? "true" : "false"}
              onClick={() => (isOpen.value = !isOpen.value)}
            >
              {texts.more}
            </button>
          )}
          {isOpen.value &&
            others.map((rule) => <Adder key={rule} rule={rule} locked={locked} onAdd={add} />)}
        </div>
        <label class="field">
          {texts.engine}
          <select
            value={settings.engine ?? PAPERS}
            disabled={locked}
            onChange={(event) => choose(event.currentTarget.value)}
          >
            <option value={PAPERS}>{texts.papers}</option>
            {Object.entries(ENGINES).map(([name, { version }]) => (
              <option key={name} value={name}>
                {texts.versioned(name, version)}
              </option>
            ))}
          </select>
        </label>
        {settings.top_k !== undefined && engine.ties.length > 1 && (
          <label class="field">
            {texts.ties}
            <select
              value={settings.ties ?? engine.ties[0]!}
              disabled={locked}
              onChange={(event) => chooseTies(event.currentTarget.value as Ties)}
            >
              {engine.ties.map((ties) => (
                <option key={ties} value={ties}>
                  {texts.tiesOf[ties]}
                </option>
              ))}
            </select>
          </label>
        )}
        {settings.engine !== undefined && !isDefault(settings, engine) && (
          <button type="button" disabled={locked} onClick={() => useDefaults(settings.engine!)}>
            {texts.useDefaults(settings.engine)}
          </button>
        )}
      </div>
      <FieldError draft={draft} />
      <p class="note">{told}</p>
      <p class={instrument.sequence === null ? "kept" : "kept long"}>
        <span class="shown">
          {useComputed(() =>
            [keptText(instrument) || allText(instrument), fateText(instrument)]
              .filter(Boolean)
              .join(strings.joins.parts),
          )}
        </span>
      </p>
    </section>
  );
}

interface AdderProps {
  readonly rule: Rule;
  readonly locked: boolean;
  onAdd(rule: Rule): void;
}

function Adder({ rule, locked, onAdd }: AdderProps) {
  const name = texts.rules[rule];
  return (
    <button
      type="button"
      aria-label={texts.add(name)}
      disabled={locked}
      onClick={() => onAdd(rule)}
    >
      + {name}
    </button>
  );
}

/** How many items are kept and their mass; empty without a sampler. */
export function keptText(instrument: Instrument): string {
  const [{ value: kept }, { value: fates }] = [instrument.kept, instrument.fates];
  if (ROWS && fates.length === instrument.count.value) {
    const of = (fate: Fate) => count(fates.filter((other) => other === fate).length);
    return rowStrings.reported.kept(of("kept"), of("undecided"), of("dropped"));
  }
  if (kept === null) return "";
  const mass = texts.kept(count(kept.count), count(instrument.count.value), massText(kept));
  const { engine } = instrument.truncation.value;
  const taken = engine === undefined ? "" : takenText(instrument.temperature.value, kept, engine);
  return (taken === "" ? mass : mass + strings.joins.parts + taken).replaceAll(" %", "\u00a0%");
}

/** Whether the steps could write the token that was drawn at this position of a text. */
function fateText({ items, sequence }: Instrument): string {
  const { row } = items.value;
  if (ROWS && sequence?.isSampled.value && row !== null && row < sequence.loaded.value) {
    const token = sequence.at(row);
    const fate = sequence.fate(token);
    const { strip } = rowStrings;
    return fate === null ? "" : strip.fateOf(spoken(token.text), strip.fate[fate]);
  }
  return "";
}

function allText({ count: total, isPartial }: Instrument): string {
  // Of many reported tokens, those in the window are marked.
  if (isPartial.value) return "";
  return texts.keptAll(count(total.value));
}

function isDefault(settings: Settings, engine: Engine): boolean {
  const defaults = defaultsOf(engine);
  return settings.order === undefined && RULES.every((rule) => settings[rule] === defaults[rule]);
}

/** A value of a rule in words. */
function valueText(rule: Rule, value: number): string {
  return texts.set(texts.rules[rule], numberShown(value));
}

/** What a value of a rule must be. */
function rightText(engine: string | undefined, rule: Rule): string {
  return strings.link.rule(right(engineOf(engine), rule), rule === "top_k", engine ?? null);
}

/**
 * The settings under an engine, and what has become of them in words. Settings without any rule
 * become the defaults of the engine.
 */
function chosen(settings: Settings, name: string | undefined) {
  const engine = engineOf(name);
  const found = underEngine(settings, name);
  if (name !== undefined && rulesOf(settings).length === 0) {
    const defaults = defaultsOf(engine);
    const values = RULES.filter((rule) => defaults[rule] !== undefined);
    const { temperature } = engine.defaults;
    const said = [
      texts.defaulted(
        name,
        values.map((rule) => valueText(rule, defaults[rule]!)),
      ),
      ...(temperature === undefined ? [] : [texts.defaultTemperature(name, brief(temperature))]),
    ];
    return {
      settings: { ...defaults, ...found.settings },
      text: said.join(strings.joins.sentences),
    };
  }
  const { missing, refused } = found;
  const differs = differences(engine, found.settings);
  const said = [
    texts.chosen(name ?? null),
    missing.length > 0 &&
      texts.missing(
        name!,
        missing.map((rule) => texts.rules[rule]),
      ),
    ...refused.map((rule) =>
      texts.refused(texts.rules[rule], rightText(name, rule), numberShown(settings[rule]!)),
    ),
    differs.length > 0 && texts.otherwise(name!, differs),
  ];
  return { settings: found.settings, text: said.filter(Boolean).join(strings.joins.sentences) };
}

interface ChipsProps extends Part {
  readonly draft: Signal<Draft | null>;
  onChange(settings: Settings, text: string): void;
}

/** The steps in their order. */
function Chips({ instrument, draft, onChange }: ChipsProps) {
  const { truncation } = instrument;
  const list = useRef<HTMLOListElement>(null);
  /** Where the focus goes after a step has been moved or removed: moving an element takes it away. */
  const focused = useRef<{ readonly step: Step; readonly selector: string } | null>(null);
  /** The step that is dragged, and the settings before. */
  const dragged = useSignal<{ readonly step: Step; readonly before: Settings } | null>(null);
  const steps = stepsOf(truncation.value);
  const locked = instrument.locked.value.sampler;

  useLayoutEffect(() => {
    const { current } = focused;
    focused.current = null;
    const chip =
      current && list.current!.children[stepsOf(truncation.peek()).indexOf(current.step)];
    chip?.querySelector<HTMLElement>(current!.selector)?.focus();
  });

  function told(step: Step, settings: Settings): string {
    const order = stepsOf(settings);
    const place = count(order.indexOf(step) + 1);
    return texts.movedTo(texts.rules[step], place, count(order.length));
  }

  function pressed(event: KeyboardEvent, step: Step): void {
    const { altKey, ctrlKey, metaKey, shiftKey, key } = event;
    const target = event.target as Element;
    // In the field, arrow keys alone move the caret.
    if (locked || ctrlKey || metaKey || shiftKey || !(altKey || target.matches(".handle"))) return;
    const place = steps.indexOf(step);
    const forward = getComputedStyle(list.current!).direction === "rtl" ? -1 : 1;
    const places: Record<string, number> = {
      ArrowLeft: place - forward,
      ArrowRight: place + forward,
      ArrowUp: place - 1,
      ArrowDown: place + 1,
      Home: 0,
      End: steps.length,
    };
    const to = places[key];
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    const next = withStepAt(truncation.peek(), step, to);
    const selector = target.matches(".handle") ? ".handle" : "input";
    if (next !== truncation.peek()) focused.current = { step, selector };
    onChange(next, told(step, next));
  }

  function remove(rule: Rule): void {
    const order = steps.filter((step) => step !== rule);
    const next = order[Math.min(steps.indexOf(rule), order.length - 1)]!;
    focused.current = { step: next, selector: ".handle" };
    onChange(withoutStep(truncation.peek(), rule), texts.removed(texts.rules[rule]));
  }

  /** The place among the other chips that the pointer is at, in reading order. */
  function placeAt({ clientX, clientY }: PointerEvent, step: Step): number {
    const isReversed = getComputedStyle(list.current!).direction === "rtl";
    const chips = Array.from(list.current!.children);
    return chips.filter((chip, place) => {
      if (steps[place] === step) return false;
      const { left, right, top, bottom } = chip.getBoundingClientRect();
      if (clientY < top) return false;
      if (clientY > bottom) return true;
      return isReversed ? (left + right) / 2 > clientX : (left + right) / 2 < clientX;
    }).length;
  }

  // The list captures the pointer: a chip loses it when it is moved.
  function grabbed(event: PointerEvent, step: Step): void {
    if (event.button !== 0 || locked) return;
    list.current!.setPointerCapture(event.pointerId);
    dragged.value = { step, before: truncation.peek() };
  }

  function moved(event: PointerEvent): void {
    const { value } = dragged;
    if (value === null) return;
    const next = withStepAt(truncation.peek(), value.step, placeAt(event, value.step));
    if (next !== truncation.peek()) instrument.change({ truncation: next }, false);
  }

  function dropped(settings: Settings | null): void {
    const { value } = dragged;
    if (value === null) return;
    dragged.value = null;
    const now = settings ?? truncation.peek();
    focused.current = { step: value.step, selector: ".handle" };
    // Back in the place where it was, it is no change.
    const isSame = String(stepsOf(now)) === String(stepsOf(value.before));
    onChange(isSame ? value.before : now, told(value.step, now));
  }

  return (
    <ol
      class="chips"
      ref={list}
      aria-label={texts.steps}
      onPointerMove={moved}
      onPointerUp={() => dropped(null)}
      onPointerCancel={() => dropped(dragged.peek()?.before ?? null)}
    >
      {steps.map((step) => (
        <li
          key={step}
          class={dragged.value?.step === step ? "chip dragged" : "chip"}
          onKeyDown={(event) => pressed(event, step)}
        >
          <button
            type="button"
            class="handle"
            aria-label={texts.move(texts.rules[step])}
            aria-keyshortcuts={MOVE_KEYS.join(" ")}
            aria-description={texts.moveBy}
            title={texts.moveBy}
            disabled={locked}
            onPointerDown={(event) => grabbed(event, step)}
          >
            ⋮⋮
          </button>
          {step === "temperature" ? (
            <Temperature instrument={instrument} />
          ) : (
            <>
              <Parameter instrument={instrument} draft={draft} rule={step} />
              <button
                type="button"
                class="remove"
                aria-label={texts.remove(texts.rules[step])}
                title={texts.remove(texts.rules[step])}
                disabled={locked}
                onClick={() => remove(step)}
              >
                ×
              </button>
            </>
          )}
        </li>
      ))}
    </ol>
  );
}

/** The step of the temperature, with its value in every frame. */
function Temperature({ instrument }: Part) {
  const shown = useComputed(() => brief(instrument.temperature.value));
  return (
    <span class="step">
      {texts.rules.temperature}
      <span class="room">
        <span class="shown">{shown}</span>
      </span>
    </span>
  );
}

interface ParameterProps extends Part {
  readonly draft: Signal<Draft | null>;
  readonly rule: Rule;
}

/** The parameter of a step. */
function Parameter({ instrument, draft, rule }: ParameterProps) {
  const { truncation } = instrument;

  function changeOf(text: string): Partial<State> | Refused {
    const settings = truncation.peek();
    const { engine } = settings;
    // Adding 0 turns −0 into 0.
    const value = parseTyped(text) + 0;
    if (takes(engineOf(engine), rule, value)) {
      return { truncation: withRule(settings, rule, value) };
    }
    const typed = clip(text.trim(), 20);
    return { error: strings.link.refused(texts.rules[rule], rightText(engine, rule), typed) };
  }

  return (
    <label class="step">
      {texts.rules[rule]}
      <span class="room">
        <NumberField
          instrument={instrument}
          name={texts.rules[rule]}
          draft={draft}
          changes="sampler"
          shown={useComputed(() => numberShown(truncation.value[rule] ?? Number.NaN))}
          changeOf={changeOf}
        />
      </span>
    </label>
  );
}
