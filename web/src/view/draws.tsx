import { useComputed, useSignal } from "@preact/signals";
import { freshSeed } from "../math/random";
import type { Instrument } from "../model/instrument";
import { brief, clip, count, parseWhole, spoken } from "../text/format";
import { strings } from "../text/strings";
import { Label } from "./label";
import type { Part } from "./part";

const { draws: texts } = strings;

const COUNTS = [1, 10, 100, 1000];
/** Up to this many draws are told one by one. */
const FEW = 10;
/** The items that were drawn most have a row of their own. */
const ROWS = 8;

/** Draws by the probabilities: marks on the bars, a table, and what to make of them. */
export function DrawsPanel({ instrument }: Part) {
  const { drawing } = instrument;
  const error = useSignal("");
  const { value: shown } = drawing;

  function draw(count: number, seed = drawing.peek()?.seed ?? freshSeed()): void {
    error.value = "";
    drawing.value = { count, seed };
    instrument.tell(told(instrument));
  }

  function type(input: HTMLInputElement): void {
    const seed = parseWhole(input.value);
    if (seed !== null) {
      draw(shown!.count, seed);
      return;
    }
    error.value = texts.seedRefused(count(Number.MAX_SAFE_INTEGER), clip(input.value.trim(), 20));
  }

  return (
    <section class="draws" aria-label={texts.name}>
      <p>{texts.idea}</p>
      <div class="buttons">
        {COUNTS.map((n) => (
          <button
            type="button"
            key={n}
            aria-pressed={shown?.count === n ? "true" : "false"}
            onClick={() => draw(n)}
          >
            {texts.draw(count(n))}
          </button>
        ))}
        {shown !== null && (
          <>
            <label class="field">
              {texts.seed}
              <input
                type="text"
                inputMode="numeric"
                autocomplete="off"
                spellcheck={false}
                value={String(shown.seed)}
                aria-invalid={error.value === "" ? "false" : "true"}
                onChange={(event) => type(event.currentTarget)}
              />
            </label>
            <button type="button" onClick={() => draw(shown.count, freshSeed())}>
              {texts.again}
            </button>
            <button type="button" onClick={() => (drawing.value = null)}>
              {texts.clear}
            </button>
          </>
        )}
      </div>
      <p class="error" role="alert">
        {error}
      </p>
      <p class="told">{useComputed(() => told(instrument))}</p>
      {instrument.draws.value !== null && <Drawn instrument={instrument} />}
    </section>
  );
}

/** What came of the draws; empty if there are none. */
function told(instrument: Instrument): string {
  const { drawing, draws, drawn } = instrument;
  if (drawing.value === null) return "";
  if (draws.value === null) return texts.nothing;
  const { items, counts } = draws.value;
  const { highest, probabilities } = drawn.value;
  const percent = (item: number) => drawn.value.percent(item);
  const name = (item: number) => spoken(instrument.label(item));
  const first = items[0]!;
  if (items.length === 1) {
    return texts.one(name(first), percent(first), probabilities[first] === highest);
  }
  if (counts.size === 1) return texts.all(name(first), percent(first));
  const leading = instrument.distribution.value.order.find(
    (item) => probabilities[item] === highest,
  )!;
  const ties = probabilities.reduce((sum, value) => sum + (value === highest ? 1 : 0), 0);
  if (ties > 1) return texts.equal(count(ties), percent(leading));
  const times = counts.get(leading) ?? 0;
  return texts.some(
    name(leading),
    count(times),
    count(items.length),
    percent(leading),
    count(items.length - times),
  );
}

/** The items that were drawn most, beside how often they are expected. */
function Drawn({ instrument }: Part) {
  const { items, counts } = instrument.draws.value!;
  const { probabilities } = instrument.drawn.value;
  const sorted = [...counts].sort(([, a], [, b]) => b - a);
  const leading = sorted.slice(0, ROWS);
  const others = instrument.count.value - leading.length;
  const expected = (probability: number) => brief(items.length * probability);
  const rest = leading.reduce((sum, [item]) => sum - probabilities[item]!, 1);
  return (
    <>
      {items.length <= FEW && (
        <p class="sequence">
          <span>{texts.sequence}</span>
          {Array.from(items, (item, k) => (
            <Named key={k} instrument={instrument} item={item} />
          ))}
        </p>
      )}
      <table class="narrow" aria-label={texts.name}>
        <thead>
          <tr>
            <th scope="col">{texts.item}</th>
            <th scope="col">{texts.drawn}</th>
            <th scope="col">{texts.expected}</th>
          </tr>
        </thead>
        <tbody>
          {leading.map(([item, times]) => (
            <tr key={item}>
              <th scope="row">
                <Named instrument={instrument} item={item} />
              </th>
              <td>{count(times)}</td>
              <td>{expected(probabilities[item]!)}</td>
            </tr>
          ))}
        </tbody>
        {others > 0 && (
          <tfoot>
            <tr>
              <th scope="row">{strings.items.others(count(others))}</th>
              <td>{count(items.length - leading.reduce((sum, [, times]) => sum + times, 0))}</td>
              <td>{expected(Math.max(0, rest))}</td>
            </tr>
          </tfoot>
        )}
      </table>
    </>
  );
}

function Named({ instrument, item }: Part & { readonly item: number }) {
  return <Label text={useComputed(() => instrument.label(item))} />;
}
