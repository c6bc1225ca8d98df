import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useRef } from "preact/hooks";
import type { PartName } from "../model/frame";
import { rowStrings, strings } from "../text/strings";
import { Compare } from "./compare";
import { HistoryControls, ItemControls, TemperatureControls } from "./controls";
import { EveryTemperature } from "./curves";
import { DrawsPanel } from "./draws";
import { EditBar } from "./editbar";
import { Engines } from "./engines";
import { Explanation } from "./explanation";
import { Figures, Unreported } from "./figures";
import { Formula } from "./formula";
import { Help } from "./help";
import { useOpening } from "./opening";
import { Overflow } from "./overflow";
import type { Part } from "./part";
import { Readings } from "./readings";
import { ReliabilityFigure } from "./reliability";
import { RowBar } from "./rowbar";
import { SamplerRow } from "./sampler";
import { Search } from "./search";
import { Share } from "./share";
import { Strip } from "./strip";
import { Temperatures } from "./temperatures";
import { Values } from "./values";
import { WritingSteps, WritingTools } from "./writing";

function Alert({ instrument: { alert } }: Part) {
  return alert.value === "" ? null : (
    <p class="error" role="alert">
      {alert.value}
    </p>
  );
}

interface ViewProps extends Part {
  readonly alone: boolean;
  readonly above?: ComponentChildren;
}

export function View({ instrument, alone, above }: ViewProps) {
  const part = useOpening(instrument, alone);
  const labelField = useRef<HTMLInputElement>(null);
  const Title = alone ? "h1" : "h2";
  const { embedded } = instrument;
  const shows = instrument.shows.value;

  function pressed(event: KeyboardEvent): void {
    const { altKey, ctrlKey, key, metaKey, shiftKey, target } = event;
    if (altKey || ctrlKey === metaKey) return;
    const pressedKey = key.toLowerCase();
    const undoes = pressedKey === "z" && !shiftKey;
    if (!undoes && pressedKey !== (shiftKey ? "z" : "y")) return;
    // JupyterLab would undo a change of the notebook.
    event.stopPropagation();
    // A text field undoes what is typed in it.
    if ((target as Element).matches('input:not([type="range"]), textarea')) return;
    event.preventDefault();
    if (undoes) instrument.undo();
    else instrument.redo();
  }

  return (
    <div
      class={embedded.value ? "instrument embedded" : "instrument"}
      ref={part}
      onKeyDown={pressed}
      role="region"
      aria-label={strings.title}
      // A click beside a control keeps the focus in the instrument, and so its keys.
      tabIndex={-1}
      style={{
        "--target": JSON.stringify(strings.label.target),
        "--drawn": JSON.stringify(strings.label.drawn),
      }}
    >
      <Alert instrument={instrument} />
      <header>
        {shows.title && <Title class="title">{strings.title}</Title>}
        {shows.items && <ItemControls instrument={instrument} />}
        {shows.history && <HistoryControls instrument={instrument} />}
        {shows.share && <Share instrument={instrument} />}
        {shows.help && <Help />}
        {ROWS && instrument.cursor !== null && shows.rows && (
          <RowBar instrument={instrument} cursor={instrument.cursor} />
        )}
      </header>
      {ACTIVITY && above}
      {shows.temperature && <TemperatureControls instrument={instrument} />}
      {ROWS && instrument.sequence !== null && shows.text && (
        <Strip
          instrument={instrument}
          sequence={instrument.sequence}
          cursor={instrument.cursor!}
          below={
            WRITING &&
            instrument.writing !== null && (
              <WritingSteps instrument={instrument} writing={instrument.writing} />
            )
          }
          last={
            WRITING &&
            instrument.writing !== null && (
              <WritingTools instrument={instrument} writing={instrument.writing}>
                {MODEL && <Temperatures instrument={instrument} writing={instrument.writing} />}
              </WritingTools>
            )
          }
        />
      )}
      <div class="bench">
        {(shows.logits || shows.softmax) && (
          <div class="bars">
            {shows.search && <Search instrument={instrument} />}
            <Figures instrument={instrument} labelField={labelField} />
            {ROWS && shows.softmax && <Unreported instrument={instrument} />}
            {shows.logits && shows.edit && (
              <EditBar instrument={instrument} labelField={labelField} />
            )}
          </div>
        )}
        {shows.curves && <EveryTemperature instrument={instrument} />}
        {RELIABILITY && shows.reliability && instrument.reliability !== null && (
          <ReliabilityFigure instrument={instrument} reliability={instrument.reliability} />
        )}
      </div>
      {shows.readings && <Readings instrument={instrument} />}
      {shows.sampler && <SamplerRow instrument={instrument} />}
      <div class="panels">
        <Panel instrument={instrument} part="why" open whole>
          <Formula instrument={instrument} />
          <Overflow instrument={instrument} />
        </Panel>
        <Panel instrument={instrument} part="draws" whole>
          <DrawsPanel instrument={instrument} />
        </Panel>
        <Panel instrument={instrument} part="compare" whole>
          <Compare instrument={instrument} />
        </Panel>
        <Panel instrument={instrument} part="lesson" open>
          <Explanation />
        </Panel>
        <Panel instrument={instrument} part="engines" lazy whole>
          <Engines instrument={instrument} />
        </Panel>
        <Panel instrument={instrument} part="values">
          <Values instrument={instrument} />
        </Panel>
      </div>
    </div>
  );
}

/** Why a part is not there, where a server reported some tokens. */
function NeedsAll({ part }: { readonly part: string }) {
  return <p class="note">{rowStrings.reported.needsAll(part)}</p>;
}

interface PanelProps extends Part {
  readonly part: PartName & keyof typeof strings.panels;
  readonly open?: boolean;
  /** Whether what is in it is only made while it is open. */
  readonly lazy?: boolean;
  /** Whether it needs the probability of each item, and says so where some are missing. */
  readonly whole?: boolean;
  readonly children: ComponentChildren;
}

/** A part of the page that is opened when it is wanted. */
function Panel(props: PanelProps) {
  const { instrument, part, open = false, lazy = false, whole = false, children } = props;
  const isOpen = useSignal(open);
  return !instrument.shows.value[part] ? null : (
    <details
      class={`panel panel-${part}`}
      open={open}
      onToggle={(event) => (isOpen.value = event.currentTarget.open)}
    >
      <summary>{strings.panels[part]}</summary>
      {ROWS && whole && instrument.isPartial.value ? (
        <NeedsAll part={strings.panels[part]} />
      ) : (
        (!lazy || isOpen.value) && children
      )}
    </details>
  );
}
