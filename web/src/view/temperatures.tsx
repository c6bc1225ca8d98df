import { type ReadonlySignal, type Signal, signal, useComputed, useSignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import type { Continuation } from "../model/rows";
import { ambiguous, parseTemperature } from "../text/format";
import { modelStrings } from "../text/strings";
import type { Part } from "./part";
import { Do, ending, Few, tokensOf, useOff, useWaits, type WritingProps } from "./writing";

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

function columnOf(temperature: string): Column {
  return { typed: signal(temperature), refused: signal(""), written: signal(null) };
}

/** The prompt, gone on with at three temperatures side by side. */
export function Temperatures({ instrument, writing }: Part & WritingProps) {
  const { temperatures: texts } = modelStrings;
  const isOff = useOff(writing, useWaits(writing.isBusy));
  const columns = useMemo(() => TEMPERATURES.map(columnOf), []);
  const tokens = useSignal(String(TOKENS));
  const refused = useSignal("");
  /** What is under way: one that was stopped may still wait for a token. */
  const run = useSignal<object | null>(null);
  const cannotWrite = useComputed(() => isOff.value && run.value === null);
  const cannotKeep = useComputed(() => isOff.value || run.value !== null);
  function stop(): void {
    run.value = null;
  }
  useEffect(() => stop, []);

  /** How many tokens, and the temperatures; null if anything that was typed is refused. */
  function wanted(): { readonly number: number; readonly at: readonly number[] } | null {
    const number = tokensOf(tokens.peek(), MOST, refused);
    const at = columns.map(({ typed, refused: wrong }) => {
      const found = ambiguous(typed.peek()) ?? parseTemperature(typed.peek());
      wrong.value = typeof found === "number" ? "" : found.error;
      return typeof found === "number" ? found : NaN;
    });
    return number !== null && !at.some(Number.isNaN) ? { number, at } : null;
  }

  async function write(): Promise<void> {
    const found = wanted();
    if (found === null) return;
    const own = {};
    run.value = own;
    const truncation = instrument.truncation.peek();
    const streams = found.at.map((temperature) => writing.goOn({ temperature, truncation }));
    try {
      // One token of each in turn: they grow beside each other.
      for (let k = 0; k < found.number; k++) {
        for (const [at, stream] of streams.entries()) {
          const { value } = await stream.next();
          if (run.peek() !== own) return;
          columns[at]!.written.value = value;
        }
      }
      instrument.tell(texts.done(found.number));
    } finally {
      if (run.peek() === own) run.value = null;
    }
  }

  function press(): void {
    if (run.peek() === null) return void write();
    stop();
    instrument.tell(texts.stopped);
  }

  return (
    <details
      onToggle={({ currentTarget }) => {
        const isNew = columns.every(({ written }) => written.peek() === null);
        if (currentTarget.open && isNew && !cannotKeep.peek()) void write();
      }}
    >
      <summary>{texts.name}</summary>
      <div class="fields">
        <p class="note">{texts.note}</p>
        <div class="buttons">
          <Do name={run.value === null ? texts.write : texts.stop} off={cannotWrite} does={press} />
          <Few value={tokens} refused={refused}>
            {texts.tokens}
          </Few>
        </div>
        <p class="error" role="alert">
          {refused}
        </p>
        <div class="columns">
          {columns.map((column, at) => (
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
        <Few name={texts.temperature} value={typed} refused={refused} inputMode="decimal" />
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
