import { type Engine, engineOf, RULES, type Rule, type Settings } from "../math/engines";
import type { Kept } from "../math/truncation";
import { type Compared, massText } from "../model/sampler";
import { brief, count, spoken } from "../text/format";
import { strings } from "../text/strings";
import { partOf } from "./compare";
import type { Part } from "./part";

const { engines: texts } = strings;

/** Of what an engine keeps, these many items are named. */
const NAMED = 3;

/** The same settings under each engine, side by side, once a drag rests. */
export function Engines({ instrument }: Part) {
  const found = instrument.sampler.compared.value;
  return (
    <section class="engines" aria-label={texts.name}>
      <p>{texts.idea}</p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard */}
      <div class="sideways" role="group" aria-label={texts.name} tabIndex={0}>
        <table class="narrow" aria-label={texts.name}>
          <thead>
            <tr>
              <th scope="col">{texts.engine}</th>
              <th scope="col">{texts.kept}</th>
              <th scope="col">{texts.which}</th>
              <th scope="col">{texts.mass}</th>
              <th scope="col">{texts.differ}</th>
              <th scope="col">{texts.otherwise}</th>
            </tr>
          </thead>
          <tbody>
            {found.map((compared) => (
              <EngineRow key={compared.name ?? ""} instrument={instrument} compared={compared} />
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function EngineRow({ instrument, compared }: Part & { readonly compared: Compared }) {
  const { name, isChosen, settings, kept, missing, refused, variation } = compared;
  const engine = engineOf(name);
  const { sampler } = strings;
  const labels = Array.from({ length: Math.min(NAMED, kept.count) }, (_, place) =>
    spoken(instrument.label(kept.distribution.order[kept.rankAt(place)]!)),
  );
  const others = kept.count - labels.length;
  const taken = takenText(instrument.rested.value.temperature, kept, name ?? "");
  const otherwise = [
    ...(missing.length > 0 ? [texts.missing(names(missing))] : []),
    ...(refused.length > 0 ? [texts.refused(names(refused))] : []),
    ...(taken === "" ? [] : [taken]),
    ...differences(engine, settings),
  ];
  return (
    <tr class={isChosen ? "chosen" : ""}>
      <th scope="row">
        {name === undefined ? sampler.papers : sampler.versioned(name, engine.version)}
      </th>
      <td>{texts.keptOf(count(kept.count), count(instrument.count.value))}</td>
      <td>{texts.items(labels, others === 0 ? null : count(others))}</td>
      <td>{massText(kept)}</td>
      <td>{isChosen ? texts.chosen : differText(variation)}</td>
      <td>{otherwise.join(strings.joins.parts)}</td>
    </tr>
  );
}

/** How many draws would differ. */
function differText(variation: number): string {
  if (Number.isNaN(variation)) return texts.undefined;
  return variation === 0 ? texts.none : partOf(variation);
}

/** That an engine takes the temperature for another one; empty if it does not. */
export function takenText(temperature: number, kept: Kept, engine: string): string {
  if (kept.temperature === temperature) return "";
  return strings.sampler.takesTemperature(engine, brief(temperature), brief(kept.temperature));
}

function names(rules: readonly Rule[]): readonly string[] {
  return rules.map((rule) => strings.sampler.rules[rule]);
}

/** What an engine does otherwise than the papers with some settings, in words. */
export function differences(engine: Engine, settings: Settings): readonly string[] {
  const { edges, joint, leastTemperature, greedyBelow, ties } = engine;
  const given = RULES.filter((rule) => settings[rule] !== undefined && engine.order.includes(rule));
  const isFew = (rule: Rule) =>
    rule === "top_k" ? ties[0] === "k" && ties.length === 1 : edges[rule]?.few;
  const few = given.filter(isFew);
  const beyond = given.filter((rule) => edges[rule]?.beyond);
  const isJoint = joint && !settings.order && !settings.min_p;
  return [
    ...(few.length > 0 ? [texts.few(names(few))] : []),
    ...(beyond.length > 0 ? [texts.beyond(names(beyond))] : []),
    ...(isJoint && given.includes("top_k") && given.includes("top_p") ? [texts.joint] : []),
    ...(leastTemperature > 0 ? [texts.leastTemperature(brief(leastTemperature))] : []),
    ...(greedyBelow > 0 ? [texts.greedyBelow(brief(greedyBelow))] : []),
  ];
}
