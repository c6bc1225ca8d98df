import { type ReadonlySignal, type Signal, signal, useComputed, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { Continuation } from "../model/rows";
import { ambiguous, clip, count, parseNumber, parseTemperature } from "../text/format";
import { modelStrings } from "../text/model";
import { writingStrings } from "../text/strings";
import type { Part } from "./part";
import { Do, ending, useOff, useWaits, type WritingProps } from "./writing";

/** They show what T does: a loop, prose, and noise. */
const TEMPERATURES = ["0.2", "0.8", "1.5"];
/** How many tokens are written at first, and at most. */
const TOKENS = 60;
const MOST = 1000;

interface Column {
  readonly typed: Signal<string>;
  readonly refused: Signal<string>;
  readonly written: Signal<Continuation | null>;
}

/** The prompt, gone on with at three temperatures side by side. */
export function Temperatures({ instrument, writing }: Part & WritingProps) {
  const { temperatures: texts } = modelStrings;
  const isOff = useOff(writing, useWaits(writing.isBusy));
  const columns = useRef<readonly Column[]>(null!);
  columns.current ??= TEMPERATURES.map((temperature) => ({
    typed: signal(temperature),
    refused: signal(""),
    written: signal(null),
  }));
  const tokens = useSignal(String(TOKENS));
  const refused = useSignal("");
  const isWriting = useSignal(false);
  const cannotWrite = useComputed(() => isOff.value && !isWriting.value);
  const cannotKeep = useComputed(() => isOff.value || isWriting.value);
  function stop(): void {
    isWriting.value = false;
  }
  useEffect(() => stop, []);

  /** How many tokens, and the temperatures; null if anything that was typed is refused. */
  function wanted(): { readonly number: number; readonly at: readonly number[] } | null {
    const number = parseNumber(tokens.peek());
    const isRight = number !== null && Number.isInteger(number) && number >= 1 && number <= MOST;
    refused.value = isRight
      ? ""
      : writingStrings.tokensRefused(count(MOST), clip(tokens.peek().trim(), 20));
    const at = columns.current.map(({ typed, refused: wrong }) => {
      const found = ambiguous(typed.peek()) ?? parseTemperature(typed.peek());
      wrong.value = typeof found === "number" ? "" : found.error;
      return typeof found === "number" ? found : NaN;
    });
    return isRight && !at.some(Number.isNaN) ? { number, at } : null;
  }

  async function write(): Promise<void> {
    const found = wanted();
    if (found === null) return;
    isWriting.value = true;
    const truncation = instrument.truncation.peek();
    const streams = found.at.map((temperature) => writing.goOn({ temperature, truncation }));
    try {
      // One token of each in turn: they grow beside each other.
      for (let k = 0; k < found.number && isWriting.peek(); k++) {
        for (const [at, stream] of streams.entries()) {
          columns.current[at]!.written.value = (await stream.next()).value;
        }
      }
      instrument.tell(isWriting.peek() ? texts.done(found.number) : texts.stopped);
    } finally {
      isWriting.value = false;
    }
  }

  return (
    <details
      onToggle={({ currentTarget }) => {
        const isNew = columns.current.every(({ written }) => written.peek() === null);
        if (currentTarget.open && isNew && !cannotKeep.peek()) void write();
      }}
    >
      <summary>{texts.name}</summary>
      <div class="fields">
        <p class="note">{texts.note}</p>
        <div class="buttons">
          <Do
            name={isWriting.value ? texts.stop : texts.write}
            off={cannotWrite}
            does={() => (isWriting.peek() ? stop() : void write())}
          />
          <label class="field">
            <input
              type="text"
              class="few"
              inputMode="numeric"
              autocomplete="off"
              spellcheck={false}
              value={tokens}
              aria-invalid={refused.value === "" ? "false" : "true"}
              aria-description={refused}
              onInput={(event) => (tokens.value = event.currentTarget.value)}
            />
            {texts.tokens}
          </label>
        </div>
        <p class="error" role="alert">
          {refused}
        </p>
        <div class="columns">
          {columns.current.map((column, at) => (
            <Written
              key={at}
              name={texts.column(at + 1)}
              column={column}
              writing={writing}
              off={cannotKeep}
            />
          ))}
        </div>
      </div>
    </details>
  );
}

interface WrittenProps extends WritingProps {
  readonly name: string;
  readonly column: Column;
  readonly off: ReadonlySignal<boolean>;
}

/** A temperature, and what was written at it. */
function Written({ name, column, writing, off }: WrittenProps) {
  const { temperatures: texts } = modelStrings;
  const { typed, refused, written } = column;
  const cannotKeep = useComputed(() => off.value || written.value === null);
  const prompt = useComputed(() => ending(written.value?.prompt ?? ""));
  const text = useComputed(() => written.value?.text ?? "");
  const note = useComputed(() => {
    const tokens = written.value?.tokens ?? [];
    return tokens.length === 0 ? "" : texts.written(tokens.length, new Set(tokens).size);
  });
  function keep(): void {
    const { prompt, tokens } = written.peek()!;
    void writing.act({ do: "start", prompt, tokens });
  }
  return (
    <section aria-label={name}>
      <div class="buttons">
        <label class="field">
          {texts.temperature}
          <input
            type="text"
            class="few"
            inputMode="decimal"
            autocomplete="off"
            spellcheck={false}
            value={typed}
            aria-invalid={refused.value === "" ? "false" : "true"}
            aria-description={refused}
            onInput={(event) => (typed.value = event.currentTarget.value)}
          />
        </label>
        <Do name={texts.keep} off={cannotKeep} does={keep} />
      </div>
      <p class="error" role="alert">
        {refused}
      </p>
      <p class="written">
        <bdi>
          <span class="before">{prompt}</span>
          {text}
        </bdi>
      </p>
      <p class="note">{note}</p>
    </section>
  );
}
