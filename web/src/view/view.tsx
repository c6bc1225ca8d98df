import type { ComponentChildren } from "preact";
import { strings } from "../text/strings";
import { Compare } from "./compare";
import { HistoryControls, ItemControls, TemperatureControls } from "./controls";
import { EveryTemperature } from "./curves";
import { DrawsPanel } from "./draws";
import { Explanation } from "./explanation";
import { Figures } from "./figures";
import { Formula } from "./formula";
import { Help } from "./help";
import { Overflow } from "./overflow";
import type { Part } from "./part";
import { Readings } from "./readings";
import { RowBar } from "./rowbar";
import { Search } from "./search";
import { Values } from "./values";

function Alert({ instrument: { alert } }: Part) {
  return alert.value === "" ? null : (
    <p class="error" role="alert">
      {alert.value}
    </p>
  );
}

export function View({ instrument, alone }: Part & { readonly alone: boolean }) {
  const { panels } = strings;
  const Title = alone ? "h1" : "h2";

  function pressed(event: KeyboardEvent): void {
    const { altKey, ctrlKey, key, metaKey, shiftKey, target } = event;
    if (altKey || ctrlKey === metaKey) return;
    // A text field undoes what is typed in it.
    if ((target as Element).matches('input:not([type="range"]), textarea')) return;
    const pressedKey = key.toLowerCase();
    if (pressedKey === "z") shiftKey ? instrument.redo() : instrument.undo();
    else if (pressedKey === "y" && !shiftKey) instrument.redo();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  return (
    <div
      class="instrument"
      onKeyDown={pressed}
      role="region"
      aria-label={strings.title}
      // A click beside a control keeps the focus in the instrument, and so its keys.
      tabIndex={-1}
      style={{ "--target": JSON.stringify(strings.label.target) }}
    >
      <Alert instrument={instrument} />
      <header>
        <Title class="title">{strings.title}</Title>
        <ItemControls instrument={instrument} />
        <HistoryControls instrument={instrument} />
        <Help />
        {instrument.cursor !== null && (
          <RowBar instrument={instrument} cursor={instrument.cursor} />
        )}
      </header>
      <TemperatureControls instrument={instrument} />
      <div class="bench">
        <div class="bars">
          <Search instrument={instrument} />
          <Figures instrument={instrument} />
        </div>
        <EveryTemperature instrument={instrument} />
      </div>
      <Readings instrument={instrument} />
      <div class="panels">
        <Panel title={panels.why} open>
          <Formula instrument={instrument} />
          <Overflow instrument={instrument} />
        </Panel>
        <Panel title={panels.draws}>
          <DrawsPanel instrument={instrument} />
        </Panel>
        <Panel title={panels.compare}>
          <Compare instrument={instrument} />
        </Panel>
        <Panel name="lesson" title={panels.lesson} open>
          <Explanation />
        </Panel>
        <Panel name="all" title={panels.values}>
          <Values instrument={instrument} />
        </Panel>
      </div>
    </div>
  );
}

interface PanelProps {
  /** Where it has a place of its own. */
  readonly name?: string;
  readonly title: string;
  readonly open?: boolean;
  readonly children: ComponentChildren;
}

/** A part of the page that is opened when it is wanted. */
function Panel({ name = "", title, open = false, children }: PanelProps) {
  return (
    <details class={`panel ${name}`} open={open}>
      <summary>{title}</summary>
      {children}
    </details>
  );
}
