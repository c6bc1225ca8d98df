import { strings } from "../text/strings";
import { ItemControls, TemperatureControls } from "./controls";
import { Explanation } from "./explanation";
import { Figures } from "./figures";
import { Formula } from "./formula";
import type { Part } from "./part";
import { Readings, Status } from "./readings";
import { RowBar } from "./rowbar";
import { Search } from "./search";
import { Values } from "./values";

export function View({ instrument }: Part) {
  return (
    <div
      class="instrument"
      role="region"
      aria-label={strings.title}
      style={{ "--target": JSON.stringify(strings.label.target) }}
    >
      <div class="controls">
        {instrument.cursor !== null && (
          <RowBar instrument={instrument} cursor={instrument.cursor} />
        )}
        <ItemControls instrument={instrument} />
        <TemperatureControls instrument={instrument} />
      </div>
      <Status instrument={instrument} />
      <div class="bench">
        <div class="bars">
          <Search instrument={instrument} />
          <Figures instrument={instrument} />
        </div>
        <Readings instrument={instrument} />
      </div>
      <Formula instrument={instrument} />
      <div class="notes">
        <Explanation />
        <Values instrument={instrument} />
      </div>
    </div>
  );
}
