import type { ComponentChildren } from "preact";
import { strings } from "../text/strings";
import { ItemControls, TemperatureControls } from "./controls";
import { EveryTemperature } from "./curves";
import { Explanation } from "./explanation";
import { Figures } from "./figures";
import { Formula } from "./formula";
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

export function View({ instrument }: Part) {
  const { panels } = strings;
  return (
    <div
      class="instrument"
      role="region"
      aria-label={strings.title}
      style={{ "--target": JSON.stringify(strings.label.target) }}
    >
      <Alert instrument={instrument} />
      <header>
        <h2>{strings.title}</h2>
        <ItemControls instrument={instrument} />
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
        <Panel title={panels.lesson} open>
          <Explanation />
        </Panel>
        <Panel title={panels.values}>
          <Values instrument={instrument} />
        </Panel>
      </div>
    </div>
  );
}

interface PanelProps {
  readonly title: string;
  readonly open?: boolean;
  readonly children: ComponentChildren;
}

/** A part of the page that is opened when it is wanted. */
function Panel({ title, open = false, children }: PanelProps) {
  return (
    <details class="panel" open={open}>
      <summary>{title}</summary>
      {children}
    </details>
  );
}
